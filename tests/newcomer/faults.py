"""FAULTS: how a machine is broken, and by what it is known to be mended: never by what Pero says. None needs root."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from native_host import install
from native_host.manifests import EXTENSION_IDS, Browser
from tests.harness.keyfiles import make_key_file
from tests.harness.softhsm import MODULE
from tests.newcomer.machine import PASSPHRASE, Machine, answers

_EM_S390 = b"\x00\x16"[::-1]  # e_machine of an ELF file, little-endian


class Fault(NamedTuple):
    name: str
    make: Callable[[Machine], None]
    mended: Callable[[Machine], bool]


def _manifest(machine: Machine, name: str) -> tuple[Browser, Path]:
    return next((browser, path) for browser, path in machine.browsers() if browser.name == name)


def _manifest_fits(name: str) -> Callable[[Machine], bool]:
    """As browsers read it: JSON that names our host, a program that is there, and our extension."""

    def fits(machine: Machine) -> bool:
        _, path = _manifest(machine, name)
        try:
            held = json.loads(path.read_text())
        except (OSError, ValueError):
            return False
        allowed = " ".join(held.get("allowed_origins", []) + held.get("allowed_extensions", []))
        known = any(identifier in allowed for identifier in EXTENSION_IDS)
        return bool(
            held.get("name") == "pero.agent" and known and held.get("path") == str(machine.places.host_launcher)
        )

    return fits


def _write_manifest(name: str, text: str | None) -> Callable[[Machine], None]:
    def write(machine: Machine) -> None:
        _, path = _manifest(machine, name)
        if text is None:
            path.unlink()
        else:
            path.write_text(text)

    return write


def _change_manifest(name: str, **change: object) -> Callable[[Machine], None]:
    def write(machine: Machine) -> None:
        _, path = _manifest(machine, name)
        path.write_text(json.dumps(json.loads(path.read_text()) | change))

    return write


def _launcher_fits(machine: Machine) -> bool:
    path = machine.places.host_launcher
    there = path.is_file() and bool(path.stat().st_mode & 0o100)
    return there and path.read_bytes() == install.launcher_content(machine.places.socket)


def _stale_launcher(machine: Machine) -> None:
    path = machine.places.host_launcher
    path.write_text(path.read_text().replace(machine.places.socket.name, "0123456789abcdef.sock"))


def _settings(machine: Machine) -> dict[str, list[str]]:
    try:
        held: dict[str, list[str]] = json.loads(machine.places.settings.read_text())
    except (OSError, ValueError):
        return {}
    return held


def _add_module(name: str, content: Callable[[], bytes]) -> Callable[[Machine], None]:
    def add(machine: Machine) -> None:
        path = machine.folder / name
        path.write_bytes(content())
        held = _settings(machine)
        machine.places.settings.write_text(json.dumps({**held, "modules": [*held["modules"], str(path)]}))

    return add


def _module_gone_or_well(name: str) -> Callable[[Machine], bool]:
    def look(machine: Machine) -> bool:
        path = machine.folder / name
        native = path.is_file() and path.read_bytes()[:20] == Path(MODULE).read_bytes()[:20]
        return native or str(path) not in _settings(machine).get("modules", [str(path)])

    return look


def _of_another_machine() -> bytes:
    elf = Path(MODULE).read_bytes()
    return elf[:18] + _EM_S390 + elf[20:]


def _damage_settings(machine: Machine) -> None:
    path = machine.places.settings
    path.write_text(path.read_text().rstrip()[:-1])


def _expired_key_file(machine: Machine) -> None:
    made = make_key_file(machine.folder, "p256", passphrase=PASSPHRASE, name="old.p12", common_name="Old", days=-20)
    machine.pero("keyfile", "add", str(made.path), pin=PASSPHRASE)
    made.path.unlink()


def _key_files_valid(machine: Machine) -> bool:
    """No kept certificate is expired (out of the clear copies beside the keys)."""
    now = datetime.datetime.now(datetime.UTC)
    kept = [path.read_bytes() for path in machine.places.key_files.rglob("*") if path.is_file()]
    ends = [_end(content) for content in kept]
    return all(end > now for end in ends if end is not None)


def _end(content: bytes) -> datetime.datetime | None:
    for read in (x509.load_der_x509_certificate, x509.load_pem_x509_certificate):
        try:
            return read(content).not_valid_after_utc
        except ValueError:
            continue
    return None


def _lock_pin(machine: Machine) -> None:
    for _ in range(20):
        done = machine.gost("--login", "--pin", "00000000", "--list-objects", check=False)
        if b"PIN_LOCKED" in done.stderr:
            return
    raise AssertionError("the token does not lock")


def _pin_works(machine: Machine) -> bool:
    """A PIN that is not locked: whichever it is now, the token does not say that it is."""
    return b"user PIN locked" not in machine.gost("--list-token-slots").stdout


FAULTS: tuple[Fault, ...] = (  # in this order: an open state folder or an agent that is gone is in the way of others
    Fault("key file expired", _expired_key_file, _key_files_valid),
    Fault("PIN of a token locked", _lock_pin, _pin_works),
    Fault("manifest of Chromium absent", _write_manifest("chromium", None), _manifest_fits("chromium")),
    Fault("manifest of Firefox damaged", _write_manifest("firefox", '{"name": "pero'), _manifest_fits("firefox")),
    Fault(
        "manifest of Chrome lets in another extension",
        _change_manifest("chrome", allowed_origins=["chrome-extension://abcdefghijklmnopabcdefghijklmnop/"]),
        _manifest_fits("chrome"),
    ),
    Fault(
        "manifest of Yandex Browser names a program that is gone",
        _change_manifest("yandex", path="/opt/gone/native-host"),
        _manifest_fits("yandex"),
    ),
    Fault("launcher leads to another socket", _stale_launcher, _launcher_fits),
    Fault(
        "state folder open to others",
        lambda machine: machine.places.state.chmod(0o755),
        lambda machine: not machine.places.state.stat().st_mode & 0o077,
    ),
    Fault("module is a text", _add_module("driver.so", lambda: b"Not found\n"), _module_gone_or_well("driver.so")),
    Fault("module of another machine", _add_module("other.so", _of_another_machine), _module_gone_or_well("other.so")),
    Fault("agent stopped", Machine.stop_agent, lambda machine: answers(machine.places.socket)),
    Fault("pcscd stopped", Machine.stop_service, lambda machine: answers(machine.service_socket)),
    Fault("settings damaged", _damage_settings, lambda machine: bool(_settings(machine))),
)
