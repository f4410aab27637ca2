"""The page of certificates as a person uses it: by keyboard and screen reader, real keys (R6, R8, R14, R16)."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.command_line import CommandLine
from tests.harness.display import Display
from tests.harness.keyfiles import make_key_file

_SHOWN = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "NO_AT_BRIDGE")


@pytest.fixture(scope="module")
def display() -> Iterator[Display]:
    with Display() as display:
        yield display


@pytest.fixture
def pero(tmp_path: Path, display: Display) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        line.environment |= {name: display.environment[name] for name in _SHOWN}
        yield line


@contextlib.contextmanager
def page(pero: CommandLine, display: Display) -> Iterator[None]:
    """The agent runs, and its window shows the page."""
    with pero.agent():
        opened = pero.run("desk", "certificates")
        assert opened.status == 0, opened.complaint
        display.wait_for_window("Certificates")
        yield


def says(display: Display, words: str) -> None:
    """Wait until something on the screen has these words in its name."""
    display.until(lambda: any(words in (node["name"] or "") for node in display.accessible.tree()), words)


def choose_file(display: Display, title: str, path: Path) -> None:
    """In a dialog for files."""
    display.wait_for_window(title)
    display.type_keys(str(path))
    display.press("Return")


def kept(pero: CommandLine, **more: object) -> str:
    """A key file that Pero keeps; its thumbprint."""
    made = make_key_file(pero.folder, "p256", passphrase="ascii-words", **more)  # type: ignore[arg-type]
    assert pero.run("keyfile", "add", made.path, pin="ascii-words").status == 0
    return made.identity.thumbprint


def journal(pero: CommandLine, kind: str) -> list[dict[str, object]]:
    entries = pero.run("journal", "list", "--json").json["entries"]
    return [entry["facts"] for entry in entries if entry["kind"] == kind]


def test_a_test_signature_is_made_and_verified(display: Display, pero: CommandLine) -> None:
    kept(pero)
    with page(pero, display):
        says(display, "Test Signer")
        display.click("Test signature")
        display.sign("ascii-words")
        says(display, "The test signature was made and verified")


def test_a_backup_is_written_with_its_reason_and_never_into_a_cloud(display: Display, pero: CommandLine) -> None:
    thumbprint = kept(pero)
    cloud, safe = pero.folder / "Yandex.Disk" / "keys", pero.folder / "stick"
    cloud.mkdir(parents=True)
    safe.mkdir()
    with page(pero, display):
        says(display, "Test Signer")
        for folder, words in ((cloud, "sends its content to a cloud"), (safe, "Written:")):
            display.click("Back up…")
            choose_file(display, "Back up", folder / "copy.p12")
            display.wait_for_accessible("What the copy is for (kept in the journal):")
            display.type_keys("old disk")
            display.press("Return")
            says(display, words)
    assert list(cloud.iterdir()) == []
    read = subprocess.run(
        ["openssl", "pkcs12", "-in", safe / "copy.p12", "-passin", "pass:ascii-words", "-nokeys", "-info"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "AES-256-CBC" in read.stderr
    (facts,) = journal(pero, "backup_key_file")
    assert (facts["reason"], facts["certificate"]) == ("old disk", thumbprint)


def test_a_wrong_password_of_a_pfx_is_told_and_nothing_is_kept(display: Display, pero: CommandLine) -> None:
    made = make_key_file(pero.folder, "p256", passphrase="ascii-words", name="given.pfx")
    with page(pero, display):
        says(display, "There are no certificates")
        display.click("Add a key file…")
        choose_file(display, "Add a key file", made.path)
        display.sign("wrong", button="Add")
        says(display, "passphrase")
        assert json.loads(pero.run("keyfile", "list", "--json").output)["certificates"] == []


def test_a_damaged_pfx_is_told_and_nothing_is_kept(display: Display, pero: CommandLine) -> None:
    (pero.folder / "bad.pfx").write_bytes(b"\x30\x82\x01\x00 nothing of the kind")
    with page(pero, display):
        display.click("Add a key file…")
        choose_file(display, "Add a key file", pero.folder / "bad.pfx")
        display.sign("any", button="Add")
        says(display, "damaged")
        assert json.loads(pero.run("keyfile", "list", "--json").output)["certificates"] == []


def test_the_public_part_is_exported_and_what_is_there_is_asked_about(display: Display, pero: CommandLine) -> None:
    thumbprint = kept(pero)
    target, other = pero.folder / "public.cer", pero.folder / "other.cer"
    other.write_bytes(b"mine")
    with page(pero, display):
        says(display, "Test Signer")
        display.click("Export…")
        choose_file(display, "Export", target)
        says(display, "Written:")
        display.click("Export…")
        choose_file(display, "Export", other)
        says(display, "already exists")
        display.press("Escape")
        display.wait_for_window("Export")
        display.press("Escape")
    assert other.read_bytes() == b"mine"
    read = ["openssl", "x509", "-inform", "DER", "-in", target, "-noout", "-fingerprint", "-sha256"]
    shown = subprocess.run(read, capture_output=True, text=True, timeout=30, check=True).stdout
    assert shown.strip().split("=")[1].replace(":", "").lower() == thumbprint


def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "public.cer"
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "from agent.desktop.windows.desk import asking\nfrom agent.errors import FileUnwritable\n"
        "try: asking.put(sys.argv[1], b'x' * 1000)\nexcept FileUnwritable: sys.exit(7)"
    )
    assert subprocess.run([sys.executable, "-c", code, target], timeout=60, check=False).returncode == 7
    assert list(tmp_path.iterdir()) == []
