"""Where modules are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.tokens.vendors import VENDORS, find_modules, is_refused, name_of, paths

NOWHERE: dict[str, str] = {}


def test_modules_added_by_hand_stand_first_and_are_kept_even_where_they_are_missing() -> None:
    found = find_modules(["/opt/mine.so", "/opt/mine.so"], lambda path: path == "/usr/lib/librtpkcs11ecp.so")
    assert found == ("/opt/mine.so", "/usr/lib/librtpkcs11ecp.so")


def test_one_module_of_each_vendor_is_taken() -> None:
    found = find_modules([], lambda _: True, platform="linux")
    assert [name_of(path, platform="linux") for path in found] == [vendor.name for vendor in VENDORS if vendor.linux]


def test_generic_modules_stand_behind_those_of_vendors_and_softhsm_last() -> None:
    names = [vendor.name for vendor in VENDORS]
    assert names[-2:] == ["OpenSC", "SoftHSM"]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "path",
    [
        "/usr/lib/x86_64-linux-gnu/p11-kit-proxy.so",
        "/usr/lib/x86_64-linux-gnu/libp11-kit.so.0",
        "/usr/lib/libsoftokn3.so",
        r"C:\Firefox\softokn3.dll",
    ],
)
def test_modules_that_hide_others_are_never_taken(path: str) -> None:
    assert is_refused(path)
    assert find_modules([path], lambda _: False) == ()
    assert not any(is_refused(known) for vendor in VENDORS for known in (*vendor.linux, *vendor.windows, *vendor.macos))


def test_the_module_of_this_system_is_found() -> None:
    assert "/usr/lib/softhsm/libsofthsm2.so" in find_modules([])
    assert all(Path(path).exists() for path in find_modules([]))


def test_windows_paths_are_completed_from_the_environment() -> None:
    environment = {"SystemRoot": r"C:\Windows", "ProgramFiles": r"C:\Program Files"}
    assert r"C:\Windows\System32\rtPKCS11ECP.dll" in paths(VENDORS[0], "win32", environment)
    assert find_modules([], lambda path: path.startswith("C:"), platform="win32", environment=environment)


def test_paths_are_absolute_on_every_system() -> None:
    for vendor in VENDORS:
        assert all(path.startswith("/") for path in (*vendor.linux, *vendor.macos)), vendor.name
        assert all(path.startswith(("%", "C:\\")) for path in vendor.windows), vendor.name


def test_a_module_of_no_known_vendor_is_named_by_its_file() -> None:
    assert name_of("/opt/somewhere/libmine.so", environment=NOWHERE) == "libmine.so"
