"""What `pero setup` puts into the menus of desktops and file managers. Judges: desktop-file-validate, GLib, a shell."""

from __future__ import annotations

import configparser
import json
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from native_host import file_managers
from native_host.file_managers import Entry

AWKWARD = 'it\'s $HOME `id` "quoted" %s \\ ключ'
_RECORD = '#!/bin/sh\nprintf "%s\\0" "$PERO_HOME" "$@" > "$PERO_RECORD.new" && mv "$PERO_RECORD.new" "$PERO_RECORD"\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A `pero` that writes down how it was called."""
    folder = tmp_path / "pro grams"
    folder.mkdir()
    recorder = folder / "pero"
    recorder.write_text(_RECORD)
    recorder.chmod(0o755)
    monkeypatch.setattr(file_managers, "program", lambda: str(recorder))
    return {"PERO_HOME": str(tmp_path / AWKWARD), "PATH": os.environ["PATH"], "PERO_RECORD": str(tmp_path / "record")}


def every(environment: dict[str, str], home: Path, *, language: str = "en") -> list[Entry]:
    given = {**environment, "XDG_CURRENT_DESKTOP": "KDE", "LANG": language}
    return list(file_managers.entries(given, home, which=lambda name: name))


def called(environment: dict[str, str]) -> list[str]:
    return Path(environment["PERO_RECORD"]).read_bytes().decode().split("\0")[:-1]


def test_where_no_desktop_is_nothing_is_written(environment: dict[str, str], home: Path) -> None:
    assert list(file_managers.entries(environment, home, which=lambda _: None)) == []


def test_only_file_managers_that_are_there_get_a_menu(environment: dict[str, str], home: Path) -> None:
    (home / ".local/share/nautilus").mkdir(parents=True)
    found = [entry.path for entry in file_managers.entries(environment, home, which=lambda _: None)]
    assert [path.relative_to(home).as_posix() for path in found] == [
        ".local/share/nautilus/scripts/Sign with Pero",
        ".local/share/nautilus/scripts/Verify the signature",
    ]


def test_desktop_entries_are_right_by_the_specification(environment: dict[str, str], home: Path) -> None:
    entries = [entry for entry in every(environment, home) if entry.path.parent.name == "applications"]
    assert len(entries) == 2
    for entry in entries:
        entry.path.parent.mkdir(parents=True, exist_ok=True)
        entry.path.write_bytes(entry.content)
        done = subprocess.run(["desktop-file-validate", entry.path], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "")


def test_a_double_click_on_a_signature_verifies_it_by_the_word_of_glib(
    environment: dict[str, str], home: Path, tmp_path: Path
) -> None:
    """GLib starts the program as GNOME, Xfce, MATE and Cinnamon do; two files, with what a shell would take apart."""
    entry = next(entry for entry in every(environment, home) if entry.path.name == "pero-verify.desktop")
    (tmp_path / entry.path.name).write_bytes(entry.content)
    files = [tmp_path / "a b$(id).p7s", tmp_path / "-c%f;d.p7s"]
    for file in files:
        file.write_bytes(b"x")
    command = ["gio", "launch", str(tmp_path / entry.path.name), *map(str, files)]
    subprocess.run(command, env={**os.environ, **environment}, check=True, timeout=30, stdin=subprocess.DEVNULL)
    _wait(lambda: Path(environment["PERO_RECORD"]).exists())
    assert called(environment) == [environment["PERO_HOME"], "desk", "verify", *map(str, files)]


@pytest.mark.parametrize(("number", "page"), [(0, "sign"), (1, "verify")])
def test_a_script_hands_over_the_chosen_files_as_they_are(
    environment: dict[str, str], home: Path, number: int, page: str
) -> None:
    entry = [entry for entry in every(environment, home) if entry.path.parent.name == "scripts"][number]
    entry.path.parent.mkdir(parents=True)
    entry.path.write_bytes(entry.content)
    entry.path.chmod(entry.mode)
    chosen = ["a b.txt", "$(id)", "-x", "ключ\n2"]
    subprocess.run([entry.path, *chosen], env=environment, check=True, timeout=30)
    assert called(environment) == [environment["PERO_HOME"], "desk", page, "--", *chosen]


def test_menus_speak_both_languages(environment: dict[str, str], home: Path) -> None:
    """Scripts are named in the person's language, for their name is what is shown."""
    names = {entry.path.name for entry in every(environment, home, language="ru_RU.UTF-8")}
    assert {"Подписать в Pero", "Проверить подпись"} <= names
    for entry in every(environment, home):
        if entry.path.parent.name == "scripts":
            continue
        text = entry.content.decode()
        reader = configparser.RawConfigParser(strict=True, interpolation=None)
        reader.optionxform = str  # type: ignore[assignment,method-assign]  # keys have capitals
        reader.read_string(text)
        for section in reader.sections():
            if reader.has_option(section, "Name") and reader.get(section, "Name") != "Pero":
                assert reader.has_option(section, "Name[ru]"), (entry.path, section)


def test_dolphin_runs_a_menu_of_a_home_folder_only_with_the_bit_of_a_program(
    environment: dict[str, str], home: Path
) -> None:
    (home / ".local/share/kio").mkdir(parents=True)
    (path,) = [path for path in file_managers.install(environment, home) if "servicemenus" in path.parts]
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_removing_leaves_nothing_behind_and_what_others_changed(
    environment: dict[str, str], home: Path, tmp_path: Path
) -> None:
    given = {**environment, "XDG_CURRENT_DESKTOP": "GNOME", "LANG": "ru_RU.UTF-8"}
    (home / ".local/share/nemo").mkdir(parents=True)
    (home / ".local/share/nemo/kept").write_text("")
    written = file_managers.install(given, home)
    changed = next(path for path in written if path.name == "pero-sign.nemo_action")
    changed.write_text("changed by hand")
    other = {**given, "PERO_HOME": str(tmp_path / "another")}
    assert file_managers.remove(other, home) == []
    removed = file_managers.remove({**environment, "LANG": "C"}, home)
    assert sorted(removed) == sorted(path for path in written if path != changed)
    left = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}
    assert left == {".local/share/nemo/kept", ".local/share/nemo/actions/pero-sign.nemo_action"}


def test_setup_writes_them_and_takes_them_back(
    environment: dict[str, str], home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from agent.cli.context import context_from
    from agent.cli.setup import command

    given = {"HOME": str(home), "PERO_HOME": str(tmp_path / "state"), "XDG_RUNTIME_DIR": str(tmp_path)}
    given |= {"XDG_CURRENT_DESKTOP": "GNOME"}

    def setup(*arguments: str) -> Any:
        assert command.main(["--json", *arguments], obj=context_from(given), standalone_mode=False) == 0
        return json.loads(capfd.readouterr().out)

    menus = setup()["menus"]
    assert str(home / ".local/share/applications/pero.desktop") in menus
    assert set(menus) <= set(setup("--remove")["removed"])
    assert not (home / ".local").exists()


def _wait(seen: Callable[[], bool]) -> None:
    import time

    end = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.02)
