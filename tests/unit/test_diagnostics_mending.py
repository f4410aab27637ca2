"""Repairs: told, done, checked again and undone; with administrator rights nothing but a fixed list is ever run."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.config import Locations, secure_folder
from agent.diagnostics import base
from agent.diagnostics.base import Finding
from agent.diagnostics.checks import agent_files, browsers_manifests
from agent.diagnostics.mending import offering, service
from agent.diagnostics.mending.actions import ACTIONS, polkit_path, udev_path
from agent.diagnostics.mending.base import Command, Ground, Offer
from agent.diagnostics.mending.issuer import FetchIssuer
from agent.diagnostics.mending.remedies import MENDABLE, REMEDIES
from agent.diagnostics.mending.rights import Elevation
from agent.diagnostics.mending.steps import AsAdministrator, SetMode, StartAgent, WriteFile
from agent.diagnostics.probe import Machine
from agent.errors import FileUnreadable, FileUnwritable, MendFailed, MendOverwritten, RightsRefused
from agent.texts.catalogue import LANGUAGES, text
from tests.harness.authority import Authority
from tests.harness.places import ROOT

NODE = ROOT / ".venv" / "bin" / "node"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOSTILE = ("", "0A89:0030\n", "0a89:0030", "0A89:0030;reboot", "../../x", '1000:x"; polkit', "1000:Иван", "0:a b")


class Recorder:
    """An administrator who does nothing, or refuses, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[Command] = []
        self.refuses = False

    def line(self, command: Command) -> tuple[str, ...] | None:
        return ("/usr/bin/pkexec", f"/usr/bin/{command.words[0]}", *command.words[1:])

    async def run(self, command: Command) -> None:
        self.asked.append(command)
        if self.refuses:
            raise RightsRefused(program="pkexec")


class FakeAgent:
    def __init__(self) -> None:
        self.told: list[str] = []

    async def start(self) -> None:
        self.told.append("start")

    async def stop(self) -> bool:
        self.told.append("stop")
        return True


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """A person's home with two browsers, and a system that systemd runs."""
    home, root = tmp_path / "home", tmp_path / "root"
    for folder in (home / ".config/chromium", home / ".mozilla", root / "run/systemd/system", root / "usr/bin",
                   root / "etc/polkit-1", root / "usr/lib/systemd/system"):  # fmt: skip
        folder.mkdir(parents=True)
    for program in ("systemctl", "install", "udevadm", "rm", "timedatectl"):
        (root / "usr/bin" / program).touch()
    (root / "usr/lib/systemd/system/pcscd.socket").write_text("[Socket]\n")
    (root / "etc/group").write_text("root:x:0:\npcscd:x:107:\n")
    places = Locations(state=tmp_path / "state", runtime=tmp_path / "run")
    secure_folder(places.state)

    async def fetch(url: str) -> bytes:
        raise AssertionError(url)

    async def certificates() -> tuple[bytes, ...]:
        return ()

    return Ground(places, {"HOME": str(home)}, root, Recorder(), FakeAgent(), fetch, certificates, lambda: NOW)


def machine(ground: Ground) -> Machine:
    def session() -> None:
        raise AssertionError

    return Machine(ground.locations, ground.environment, session, "0.1.0", ground.root)  # type: ignore[arg-type]


async def only(findings: Sequence[Finding], ground: Ground) -> Offer:
    (offered,) = await offering.offer(findings, ground)
    return offered


def asked(ground: Ground) -> list[tuple[str, ...]]:
    assert isinstance(ground.administrator, Recorder)
    return [command.words for command in ground.administrator.asked]


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """What a folder holds: modes and contents."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, b"" if path.is_dir() else path.read_bytes())
        for path in folder.rglob("*")
    }


async def test_missing_manifests_are_written_seen_by_the_check_and_taken_away_again(ground: Ground) -> None:
    before = everything(ground.home.parent)
    found = await base.run([browsers_manifests.CHECK], machine(ground))
    assert {finding.case for finding in found} == {"absent"}
    offered = await only(found, ground)
    assert everything(ground.home.parent) == before, "an offer changes nothing"
    assert not offered.administrator
    record = await offering.perform(offered, ground)
    again = await base.run([browsers_manifests.CHECK], machine(ground))
    assert {finding.case for finding in again} == {"present"}
    assert [one.number for one in offering.performed(ground)] == [record.number]
    await offering.undo(record, ground)
    assert everything(ground.home.parent) == before
    assert offering.performed(ground) == []


async def test_a_damaged_manifest_is_replaced_and_comes_back_as_it_was(ground: Ground) -> None:
    await offering.perform(await only(await base.run([browsers_manifests.CHECK], machine(ground)), ground), ground)
    path = ground.home / ".config/chromium/NativeMessagingHosts/pero.agent.json"
    path.write_bytes(b"{\xff damaged")
    path.chmod(0o600)
    offered = await only(await base.run([browsers_manifests.CHECK], machine(ground)), ground)
    assert [type(step) for step in offered.steps] == [WriteFile], "what is in order is not written again"
    record = await offering.perform(offered, ground)
    assert json.loads(path.read_bytes())["name"] == "pero.agent"
    await offering.undo(record, ground)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"{\xff damaged", 0o600)


async def test_what_somebody_changed_after_the_repair_is_not_undone(ground: Ground) -> None:
    record = await offering.perform(
        await only(await base.run([browsers_manifests.CHECK], machine(ground)), ground), ground
    )
    path = ground.home / ".mozilla/native-messaging-hosts/pero.agent.json"
    path.write_text("mine")
    with pytest.raises(MendOverwritten):
        await offering.undo(record, ground)
    assert path.read_text() == "mine"
    assert offering.performed(ground) == [record], "it can be tried again"


async def test_a_manifest_is_written_only_where_a_browser_looks(ground: Ground) -> None:
    outside = Finding("browsers.manifests", "absent", "warning", {"path": str(ground.root / "etc/passwd")})
    assert await offering.offer([outside], ground) == []


async def test_a_link_is_not_written_through(ground: Ground) -> None:
    target = ground.root / "elsewhere"
    target.write_text("theirs")
    path = ground.home / ".config/chromium/NativeMessagingHosts/pero.agent.json"
    path.parent.mkdir()
    path.symlink_to(target)
    found = [Finding("browsers.manifests", "damaged", "error", {"path": str(path)})]
    with pytest.raises(FileUnreadable):
        await offering.perform(await only(found, ground), ground)
    assert target.read_text() == "theirs"
    assert path.is_symlink()


async def test_open_files_are_closed_and_opened_again(ground: Ground) -> None:
    kept = ground.locations.state
    (kept / "settings.json").write_text("{}")
    (kept / "settings.json").chmod(0o646)
    kept.chmod(0o755)
    found = await base.run([agent_files.CHECK], machine(ground))
    record = await offering.perform(await only(found, ground), ground)
    assert [finding.case for finding in await base.run([agent_files.CHECK], machine(ground))] == ["closed"]
    await offering.undo(record, ground)
    assert [oct(path.stat().st_mode & 0o777) for path in (kept, kept / "settings.json")] == ["0o755", "0o646"]


async def test_permissions_of_what_is_not_ours_are_left_alone(ground: Ground) -> None:
    found = Finding("agent.files", "writable", "error", {"path": str(ground.root / "etc/group"), "mode": "0666"})
    assert await offering.offer([found], ground) == []
    link = ground.locations.state / "link"
    link.symlink_to(ground.root / "etc/group")
    with pytest.raises(FileUnwritable):
        await SetMode(link, 0o600).do(ground)


async def test_a_repair_that_breaks_off_can_be_undone_as_far_as_it_went(ground: Ground) -> None:
    assert isinstance(ground.administrator, Recorder)
    ground.administrator.refuses = True
    path = ground.home / "new" / "file"
    offered = Offer("manifests_written", (), (WriteFile(path, b"x", 0o600), AsAdministrator("pcscd_enable")))
    with pytest.raises(RightsRefused):
        await offering.perform(offered, ground)
    assert path.read_bytes() == b"x"
    ground.administrator.refuses = False
    (record,) = offering.performed(ground)
    await offering.undo(record, ground)
    assert not path.parent.exists()


async def test_a_record_that_somebody_wrote_makes_no_command_of_its_own(ground: Ground) -> None:
    """Whoever could write into the state folder could not get more than the rows of the table."""
    folder = ground.locations.state / "mended"
    folder.mkdir(mode=0o700)
    for kept in ({"action": "udev_rule", "subject": "../../x;reboot"}, {"action": "rm -rf /", "subject": ""}):
        record = {"number": 1, "remedy": "x", "time": "", "findings": [],
                  "steps": [{"kind": "administrator", "kept": kept}]}  # fmt: skip
        (folder / "1.json").write_text(json.dumps(record))
        (read,) = offering.performed(ground)
        with pytest.raises(MendFailed):
            await offering.undo(read, ground)
    assert asked(ground) == []


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_but_numbers_and_plain_names_gets_into_a_rule(hostile: str) -> None:
    for action in ("udev_rule", "udev_trigger", "polkit_rule"):
        with pytest.raises(MendFailed):
            ACTIONS[action].do(hostile)
        with pytest.raises(MendFailed):
            ACTIONS["udev_rule"].undo(hostile)


def test_every_action_runs_a_program_of_the_system_and_no_shell() -> None:
    subjects = {"udev_rule": "0A89:0030", "udev_trigger": "0A89:0030", "polkit_rule": "1000:anna"}
    for name, action in ACTIONS.items():
        for command in (action.do(subjects.get(name, "")), *action.undo(subjects.get(name, ""))):
            assert command.words[0] in ("systemctl", "install", "udevadm", "rm", "timedatectl"), name


async def test_an_installed_service_is_enabled_and_started_and_that_is_undone(ground: Ground) -> None:
    found = [Finding("pcsc.service", "not_running", "error")]
    offered = await only(found, ground)
    told = offering.lines(offered, ground, "en")[1]
    assert told.endswith("/usr/bin/pkexec /usr/bin/systemctl enable --now pcscd.socket"), "the command to the letter"
    await offering.undo(await offering.perform(offered, ground), ground)
    assert asked(ground) == [
        ("systemctl", "enable", "--now", "pcscd.socket"),
        ("systemctl", "disable", "--now", "pcscd.socket"),
    ]


async def test_an_enabled_service_is_started_alone(ground: Ground) -> None:
    wants = ground.root / "etc/systemd/system/sockets.target.wants"
    wants.mkdir(parents=True)
    (wants / "pcscd.socket").symlink_to("/usr/lib/systemd/system/pcscd.socket")
    (step,) = (await only([Finding("pcsc.service", "not_running", "error")], ground)).steps
    assert step == AsAdministrator("pcscd_start")


async def test_what_an_administrator_masked_or_did_not_install_is_not_offered(ground: Ground) -> None:
    found = [Finding("pcsc.service", "not_running", "error"), Finding("pcsc.service", "stopped", "error")]
    assert len(await offering.offer(found, ground)) == 2
    masked = ground.root / "etc/systemd/system/pcscd.socket"
    masked.parent.mkdir(parents=True)
    masked.symlink_to("/dev/null")
    assert await offering.offer(found, ground) == []
    masked.unlink()
    (ground.root / "usr/lib/systemd/system/pcscd.socket").unlink()
    assert await offering.offer(found, ground) == []


async def test_a_restart_leaves_nothing_to_be_undone(ground: Ground) -> None:
    await offering.perform(await only([Finding("pcsc.service", "stopped", "error")], ground), ground)
    assert asked(ground) == [("systemctl", "restart", "pcscd.socket", "pcscd.service")]
    assert offering.performed(ground) == []


async def test_time_is_kept_where_the_system_has_a_service_for_it(ground: Ground) -> None:
    found = [Finding("time.service", "none", "warning")]
    assert await offering.offer(found, ground) == []
    (ground.root / "usr/lib/systemd/system/systemd-timesyncd.service").write_text("[Service]\n")
    await offering.undo(await offering.perform(await only(found, ground), ground), ground)
    assert asked(ground) == [("timedatectl", "set-ntp", "true"), ("timedatectl", "set-ntp", "false")]


async def test_a_port_is_taken_where_one_is_free(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Finding("agent.port", "none", "warning")]
    with contextlib.ExitStack() as taken:
        ports = []
        for _ in range(2):
            other = taken.enter_context(socket.create_server(("127.0.0.1", 0)))
            ports.append(other.getsockname()[1])
        monkeypatch.setattr("agent.config.LOOPBACK_PORTS", tuple(ports))
        assert await offering.offer(found, ground) == []
        other.close()
        await offering.perform(await only(found, ground), ground)
    assert isinstance(ground.agent, FakeAgent)
    assert ground.agent.told == ["stop", "start"]


async def test_a_device_is_given_to_the_service_where_the_system_has_its_group(ground: Ground) -> None:
    found = [Finding("hardware.reader", "forbidden", "error", {"usb": "0A89:0030", "node": "/dev/bus/usb/001/002"})]
    offered = await only(found, ground)
    await offering.undo(await offering.perform(offered, ground), ground)
    rule = "/etc/udev/rules.d/92-pero-0a89-0030.rules"
    assert [words[0] for words in asked(ground)] == ["install", "udevadm", "rm"]
    assert asked(ground)[0][-1] == asked(ground)[2][-1] == rule
    (ground.root / "etc/group").write_text("root:x:0:\n")
    assert await offering.offer(found, ground) == []


def test_udev_reads_the_rule_and_finds_no_fault_in_it(tmp_path: Path) -> None:
    """The judge is udevadm; a rule with a slip beside ours shows that it would have complained."""
    rule = tmp_path / Path(udev_path("0A89:0030")).name
    rule.write_bytes(ACTIONS["udev_rule"].do("0A89:0030").given)
    (tmp_path / "99-slip.rules").write_text('GROP="pcscd"\n')
    script = 'mount --bind "$0" /etc/udev/rules.d && exec udevadm test --action=add /sys/class/net/lo'
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script, str(tmp_path)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    said = [line for line in (done.stdout + done.stderr).splitlines() if "Reading rules file" not in line]
    assert any("99-slip.rules" in line for line in said), done.stderr[-2000:]
    assert not [line for line in said if rule.name in line and "Unknown group" not in line]


POLKIT = """
const rules = [];
const polkit = {addRule: f => rules.push(f), Result: {YES: "yes"}};
(new Function("polkit", require("fs").readFileSync(0, "utf8")))(polkit);
const told = [];
const pcsc = "org.debian.pcsc-lite.";
for (const id of [pcsc + "access_pcsc", pcsc + "access_card", "org.freedesktop.login1.reboot"])
  for (const user of ["anna", "boris"]) told.push(rules.map(f => f({id}, {user}) || null)[0]);
console.log(JSON.stringify(told));
"""


def test_the_polkit_rule_admits_this_user_to_cards_and_nobody_to_anything_else() -> None:
    content = ACTIONS["polkit_rule"].do("1000:anna").given
    done = subprocess.run([NODE, "-e", POLKIT], input=content, capture_output=True, timeout=60, check=True)
    assert json.loads(done.stdout) == ["yes", None, "yes", None, None, None]
    assert polkit_path("1000:anna") == "/etc/polkit-1/rules.d/45-pero-pcsc-1000.rules"


async def test_a_rule_that_stands_already_is_not_written_twice(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_user", lambda: "1000:anna")
    found = [Finding("pcsc.service", "refused_remote", "error")]
    assert len((await only(found, ground)).steps) == 1
    path = ground.root / polkit_path("1000:anna").lstrip("/")
    path.parent.mkdir(parents=True)
    path.write_bytes(ACTIONS["polkit_rule"].do("1000:anna").given)
    assert await offering.offer(found, ground) == []


async def test_an_agent_that_does_not_run_is_started_now_and_with_each_session(ground: Ground) -> None:
    before = everything(ground.home)
    record = await offering.perform(await only([Finding("agent.running", "not_running", "error")], ground), ground)
    entry = ground.home / ".config/autostart/pero.desktop"
    assert entry.read_text().startswith("[Desktop Entry]\n")
    await offering.undo(record, ground)
    assert isinstance(ground.agent, FakeAgent)
    assert ground.agent.told == ["start", "stop"]
    assert everything(ground.home) == before


@pytest.mark.parametrize("kind", ["ec", "gost256-A"])
async def test_what_did_not_sign_the_certificate_below_is_not_kept(ground: Ground, tmp_path: Path, kind: str) -> None:
    """An address out of a certificate may answer anything; a certificate of the issuer's name and another key too."""
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    ours, theirs = (Authority(tmp_path / name, kind, "http://issuer.test") for name in ("ours", "theirs"))
    signer = ours.signer()
    answers = {"damaged": b"\x30\x03xyz", "html": b"<html>", "foreign": theirs.issuing.der, "own": signer.der}
    step = FetchIssuer(signer.description.thumbprint, "http://issuer.test/issuer/issuing")

    async def held() -> tuple[bytes, ...]:
        return (signer.der,)

    def standing(answer: bytes) -> Ground:
        async def fetch(_url: str) -> bytes:
            return answer

        return ground._replace(fetch=fetch, certificates=held)

    for name, answer in answers.items():
        with pytest.raises(MendFailed):
            await step.do(standing(answer))
        assert not ground.locations.issuers.exists(), name
    record = await offering.perform(Offer("issuer_fetched", (), (step,)), standing(ours.issuing.der))
    assert [path.read_bytes() for path in ground.locations.issuers.iterdir()] == [ours.issuing.der]
    await offering.undo(record, ground)
    assert list(ground.locations.issuers.iterdir()) == []


async def test_only_the_checks_that_are_named_are_mended(ground: Ground) -> None:
    found = [Finding("pcsc.service", "stopped", "error"), Finding("agent.running", "not_running", "error")]
    (offered,) = await offering.offer(found, ground, only=["agent.running"])
    assert offered.remedy == "agent_started"


def script(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


async def test_rights_are_asked_for_by_pkexec_at_a_desktop_and_by_sudo_at_a_terminal(tmp_path: Path) -> None:
    for name in ("pkexec", "sudo", "install"):
        script(tmp_path, name, "exit 0")
    folders = (str(tmp_path),)
    command = Command(("install", "-m", "0644", "/dev/stdin", "/x"))
    program = f"{tmp_path}/install"

    def line(environment: dict[str, str], *, terminal: bool, user: int = 1000) -> tuple[str, ...] | None:
        return Elevation(environment, terminal=terminal, user=user, folders=folders).line(command)

    rest = (program, *command.words[1:])
    assert line({"DISPLAY": ":1"}, terminal=True) == (f"{tmp_path}/pkexec", *rest)
    assert line({}, terminal=True) == (f"{tmp_path}/sudo", "--", *rest)
    assert line({}, terminal=True, user=0) == rest
    assert line({}, terminal=False) is None
    with pytest.raises(RightsRefused):
        await Elevation({}, terminal=False, user=1000, folders=folders).run(command)
    unknown = Elevation({}, terminal=True, user=0, folders=folders)
    assert unknown.line(Command(("no-such-program",))) is None


async def test_what_a_command_reads_and_how_it_ends_is_told(tmp_path: Path) -> None:
    script(tmp_path, "pkexec", f'env > {tmp_path}/environment; cat > {tmp_path}/given; exit "$(cat {tmp_path}/status)"')
    script(tmp_path, "install", "exit 0")
    environment = {"DISPLAY": ":1", "SECRET_PIN": "7070", "LD_PRELOAD": ""}
    rights = Elevation(environment, terminal=False, user=1000, folders=(str(tmp_path), "/usr/bin", "/bin"))
    for status, error in (("0", None), ("126", RightsRefused), ("127", RightsRefused), ("1", MendFailed)):
        (tmp_path / "status").write_text(status)
        if error is None:
            await rights.run(Command(("install", "x"), b"content"))
        else:
            with pytest.raises(error):
                await rights.run(Command(("install", "x"), b"content"))
    assert (tmp_path / "given").read_bytes() == b"content"
    assert "7070" not in (tmp_path / "environment").read_text()


async def test_install_really_writes_what_it_is_given_with_the_mode_of_a_rule(tmp_path: Path) -> None:
    """coreutils' own install and rm, as the rules are written and taken away."""
    path = tmp_path / "45.rules"
    rights = Elevation({}, terminal=False, user=0)
    await rights.run(Command(("install", "-m", "0644", "/dev/stdin", str(path)), b"rule\n"))
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"rule\n", 0o644)
    await rights.run(Command(("rm", "-f", str(path))))
    assert not path.exists()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_repair_and_step_is_worded(ground: Ground, language: str) -> None:
    subjects = {"udev_rule": "0A89:0030", "udev_trigger": "0A89:0030", "polkit_rule": "1000:anna"}
    steps = (
        *(AsAdministrator(name, subjects.get(name, "")) for name in ACTIONS),
        WriteFile(ground.home / "x", b"", 0o600), WriteFile(ground.root / "etc/group", b"", 0o600),
        SetMode(ground.home, 0o700), FetchIssuer("ab" * 32, "http://issuer.test/x"),
        StartAgent(), StartAgent(restart=True),
    )  # fmt: skip
    for remedy in REMEDIES:
        for line in offering.lines(Offer(remedy.id, (), steps), ground, language):
            assert not line.startswith("mend."), line
            assert "{" not in line


def test_repairs_are_for_findings_that_checks_make() -> None:
    keys = {f"check.{identifier}.{case}.text" for identifier, case in MENDABLE}
    assert {key for key in keys if text(key, "en") == key} == set()


def test_the_user_of_a_rule_is_who_this_process_is() -> None:
    name = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    assert service._user() == f"{os.getuid()}:{name}"
