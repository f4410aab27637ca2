"""Files of ours that are damaged or cannot be had: an error with a name and a path (R34, R36)."""

from __future__ import annotations

import asyncio
import configparser
import os
import shlex
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.app import Agent, Composition, run
from agent.cli import setup
from agent.cli.context import Context
from agent.config import Locations, load_settings
from agent.consent.origins import Origins
from agent.errors import FileUnwritable, PeroError, SettingsDamaged, WorkerDied
from agent.policy import Policy, load_policy
from agent.session import command_session
from agent.tokens import messages
from agent.tokens.process import WorkerProcess
from agent.transport.client import PinChoice
from tests.harness.core import NOON, SITE, ScriptedPerson

DEEP = b"[" * 200_000


@pytest.mark.parametrize("content", [b"\xff", b'{"language": "\xff"}', b'{"\xff": 1}', b'{"language": ' + DEEP, b""])
@pytest.mark.parametrize("load", [load_settings, load_policy])
def test_damaged_settings_say_that_they_are_damaged(
    tmp_path: Path, load: Callable[[Path], object], content: bytes
) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    with pytest.raises(SettingsDamaged):
        load(path)


@pytest.mark.parametrize(
    "content",
    [
        b'{"https://site.example": {"allowed": true, "refused_until": "2026-11-01T12:05:00"}}',  # in which zone?
        b'{"https://site.example": {"x": ' + DEEP,
        b'{"\xff": {}}',
    ],
)
def test_damaged_sites_are_kept_aside_and_allow_nobody(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sites.json"
    path.write_bytes(content)
    origins = Origins(path)
    assert not origins.is_allowed(SITE)
    assert not origins.is_refused(SITE, NOON)
    assert path.with_suffix(".damaged").read_bytes() == content


def test_sites_that_cannot_be_read_at_all_are_damaged_settings(tmp_path: Path) -> None:
    (tmp_path / "sites.json").symlink_to("sites.json")
    with pytest.raises(SettingsDamaged):
        Origins(tmp_path / "sites.json")


def environment(folder: Path) -> dict[str, str]:
    folder.chmod(0o700)
    return {"PERO_HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "HOME": str(folder)}


@pytest.mark.parametrize("name", ["agent.lock", "pero.log"])
def test_an_agent_that_cannot_write_its_files_names_them(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(FileUnwritable) as raised:
        run(environment(tmp_path))
    assert raised.value.facts["path"] == str(tmp_path / name)


async def test_a_runtime_folder_too_long_for_a_socket_is_named_and_commands_go_on(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    runtime = tmp_path / ("long" * 30)
    runtime.mkdir(mode=0o700)
    places = Locations(state=tmp_path, runtime=runtime)
    composition = Composition({}, places, prompter=ScriptedPerson(), policy=Policy())  # type: ignore[arg-type]
    with pytest.raises(FileUnwritable):
        await Agent(composition, ports=(0,)).start()
    await composition.close()
    async with command_session({**environment(tmp_path), "XDG_RUNTIME_DIR": str(runtime)}, PinChoice("window")) as call:
        assert await call("list_sites", {}) == {"sites": []}


async def test_a_worker_that_a_nameless_signal_ends_keeps_nobody_waiting(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    worker = WorkerProcess("keyfiles", "keyfiles", str(tmp_path), deadline=20, idle=60)
    await worker.call(messages.List)
    assert worker.process_id is not None
    os.kill(worker.process_id, signal.SIGSTOP)
    asked = asyncio.ensure_future(worker.call(messages.List))
    await asyncio.sleep(0)
    os.kill(worker.process_id, signal.SIGRTMIN + 6)
    os.kill(worker.process_id, signal.SIGCONT)
    with pytest.raises(WorkerDied):
        await asyncio.wait_for(asked, 15)
    await worker.close()


def test_a_state_folder_with_a_line_end_in_its_name_writes_no_line_of_its_own_into_the_autostart_entry(
    tmp_path: Path,
) -> None:
    state = tmp_path / "a\nExec=evil"
    entry = set_up(tmp_path, state)
    assert entry.count("Exec=") == 2  # ours, and the one inside it
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(entry)
    command = parser["Desktop Entry"]["Exec"].replace("\\n", "\n")
    assert shlex.split(command)[1] == f"PERO_HOME={state}"


def test_a_state_folder_that_no_browser_can_be_told_of_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PeroError) as raised:
        set_up(tmp_path, Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")))
    assert raised.value.name == "file_unwritable"
    str(raised.value).encode()


def set_up(folder: Path, state: Path) -> str:
    """What `pero setup --autostart` wrote for the login session."""
    variables = {**environment(folder), "PERO_HOME": str(state), "XDG_CONFIG_HOME": str(folder / "config")}
    context = Context(Locations(state=state, runtime=folder), variables, "en")
    result = CliRunner().invoke(setup.command, ["--autostart"], obj=context, standalone_mode=False)
    if result.exception:
        raise result.exception
    return (folder / "config" / "autostart" / "pero.desktop").read_text()
