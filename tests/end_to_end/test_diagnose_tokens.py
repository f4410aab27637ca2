"""The doctor on real modules: each fault is made in the module or its file, found with its cause, mended, and gone."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.examined import Examined
from tests.harness.gost_token import make_gost_token, pkcs11_tool
from tests.harness.places import ROOT
from tests.harness.softhsm import MODULE

LOCKED, FINAL_TRY, COUNT_LOW, TO_BE_CHANGED = 0x40000, 0x20000, 0x10000, 0x80000  # CKF_USER_PIN_*
SO_LOCKED, SO_FINAL_TRY = 0x400000, 0x200000  # CKF_SO_PIN_*
PIN_INITIALIZED = 0x8


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Examined]:
    with Examined(tmp_path_factory.mktemp("machine")) as machine:
        machine.token()
        with machine.agent():
            yield machine


@pytest.fixture(autouse=True)
def well_again(machine: Examined) -> Iterator[None]:
    """Each test mends what it broke."""
    yield
    machine.faults()


def test_a_token_that_is_well_is_found_so_and_its_module_tells_its_version(machine: Examined) -> None:
    rows = {row["id"]: row for row in machine.rows("modules", "tokens") if row["id"] != "modules.version"}
    assert (rows["tokens.seen"]["case"], rows["tokens.pin"]["case"]) == ("seen", "in_order")
    assert rows["modules.speed"]["case"] == "quick"
    versions = [row for row in machine.rows("modules") if row["id"] == "modules.version"]
    (ours,) = [row for row in versions if row["facts"]["path"] == str(machine.module)]
    told = subprocess.run(["softhsm2-util", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    assert told.startswith(str(ours["facts"]["version"]))
    assert ours["status"] == "ok", "a distribution's module is the distribution's business"
    assert ours["facts"]["date"] in ours["text"]


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (f"C_GetTokenInfo set {LOCKED:#x}", ("pin_locked", "error")),
        (f"C_GetTokenInfo set {FINAL_TRY:#x}", ("pin_final_try", "warning")),
        (f"C_GetTokenInfo set {COUNT_LOW:#x}", ("pin_count_low", "warning")),
        (f"C_GetTokenInfo set {TO_BE_CHANGED:#x}", ("pin_to_be_changed", "warning")),
        (f"C_GetTokenInfo clear {PIN_INITIALIZED:#x}", ("pin_not_set", "warning")),
        (f"C_GetTokenInfo set {SO_LOCKED:#x}", ("so_pin_locked", "warning")),
        (f"C_GetTokenInfo set {SO_FINAL_TRY:#x}", ("so_pin_final_try", "warning")),
        (f"C_GetTokenInfo set {SO_LOCKED | LOCKED:#x}", ("both_locked", "error")),
    ],
)
def test_what_a_token_says_of_its_pins_is_told_without_a_login(
    machine: Examined, fault: str, found: tuple[str, str]
) -> None:
    machine.faults(fault)
    assert machine.cases("tokens.pin") == [found]


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("C_GetTokenInfo rv 0x30", ("device_error", "error")),
        ("C_GetTokenInfo rv 0x31", ("device_error", "error")),
        ("C_GetSlotList rv 0x5", ("fault", "error")),
        ("C_GetTokenInfo crash", ("module_crashed", "error")),
    ],
)
def test_faults_of_a_token_are_told_apart_and_go(machine: Examined, fault: str, found: tuple[str, str]) -> None:
    machine.faults(fault)
    assert found in machine.cases("tokens.seen")


def test_what_was_mended_is_gone(machine: Examined) -> None:
    rows = {row["id"]: row["case"] for row in machine.rows("tokens")}
    assert (rows["tokens.seen"], rows["tokens.pin"]) == ("seen", "in_order")


def test_a_token_that_takes_its_time_is_told(machine: Examined) -> None:
    machine.faults("C_GetSlotList sleep 2700")
    assert machine.cases("modules.speed", "modules") == [("slow", "warning")]


def of_other_architecture(path: Path) -> None:
    """e_machine of the ELF header (System V gABI chapter 4) is that of ARM64, with which nothing here can run."""
    whole = bytearray(Path(MODULE).read_bytes())
    struct.pack_into("<H", whole, 18, 183)
    path.write_bytes(whole)


def cut_short(path: Path) -> None:
    path.write_bytes(Path(MODULE).read_bytes()[:5000])


def no_module(path: Path) -> None:
    shutil.copy(ROOT / "build" / "tokens" / "own_pcscd.so", path)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(of_other_architecture, "architecture"), (cut_short, ""), (no_module, ""), (Path.unlink, "")],
)
def test_a_module_that_cannot_be_loaded_is_told_with_its_reason(tmp_path: Path, spoil: object, reason: str) -> None:
    with Examined(tmp_path) as machine:
        assert callable(spoil)
        spoil(machine.module)
        (row,) = [row for row in machine.rows("modules") if row["facts"].get("path") == str(machine.module)]
        assert (row["id"], row["case"], row["status"]) == ("modules.loadable", "unloadable", "error")
        assert not reason or row["facts"]["reason"] == reason
        assert row["text"]
        assert row["advice"]
        shutil.copy(MODULE, machine.module)
        assert ("unloadable", "error") not in machine.cases("modules.loadable")


def test_two_versions_of_one_module_at_once_are_told(tmp_path: Path) -> None:
    with Examined(tmp_path, module=str(ROOT / "build" / "tokens" / "gost.so")) as machine:
        machine.environment["PERO_TEST_TOKEN_DIR"] = str(tmp_path / "no-gost")
        machine.settings(clock_hosts=(), modules=(str(machine.module), MODULE))
        assert ("several", "warning") in machine.cases("modules.version")
        machine.settings(clock_hosts=(), modules=(MODULE,))
        assert ("several", "warning") not in machine.cases("modules.version")


def test_a_key_in_a_container_of_another_product_is_told(tmp_path: Path) -> None:
    """The container is data under that product's name, and there is no private key that PKCS#11 would show."""
    with Examined(tmp_path) as machine:
        token = make_gost_token(tmp_path / "gost")
        machine.use_gost_token(token)
        assert ("none", "not_applicable") in machine.cases("tokens.container")
        directory = token.folder.parent
        mine = ("--token-label", token.label, *token.logged_in)
        for kind in ("privkey", "pubkey"):
            pkcs11_tool(directory, *mine, "--delete-object", "--type", kind, "--id", "01")
        (tmp_path / "container").write_bytes(b"container")
        pkcs11_tool(directory, *mine, "--write-object", str(tmp_path / "container"), "--type", "data",
                    "--label", "le-0001", "--application-label", "CryptoPro CSP")  # fmt: skip
        assert ("foreign", "warning") in machine.cases("tokens.container")


def test_a_token_that_cannot_do_what_its_certificate_is_for_is_told(tmp_path: Path) -> None:
    with Examined(tmp_path) as machine:
        token = make_gost_token(tmp_path / "gost")
        machine.use_gost_token(token)
        assert machine.cases("tokens.mechanisms") == [("able", "ok")]
        token.set_options("without-mechanism = 0x1201", "without-mechanism = 0xD4321008")
        assert machine.cases("tokens.mechanisms") == [("no_gost", "error")]
        token.set_options("without-mechanism = 0x1201")
        assert machine.cases("tokens.mechanisms") == [("able", "ok")], "its own digest will do"


def test_settings_of_opensc_that_keep_others_out_are_told_and_go(tmp_path: Path) -> None:
    with Examined(tmp_path) as machine:
        conf = tmp_path / "opensc.conf"
        machine.environment["OPENSC_CONF"] = str(conf)
        conf.write_text("app default {\n  # lock_login = true;\n  framework pkcs15 { use_file_caching = false; }\n}\n")
        assert machine.cases("modules.settings") == [("in_order", "ok")]
        conf.write_text("app opensc-pkcs11 {\n  pkcs11 { lock_login = true; }\n}\n")
        assert machine.cases("modules.settings") == [("locks_login", "warning")]
        conf.unlink()
        assert machine.cases("modules.settings") == [("none", "not_applicable")]
