"""Modules for what is plugged in: missing, blind, in copies, in versions, slow; on a machine of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.diagnostics.checks import (
    modules_copies,
    modules_device,
    modules_settings,
    modules_speed,
    modules_version,
    tokens_container,
)
from agent.diagnostics.probes.cards import Reader
from agent.diagnostics.versions import VERSIONS
from tests.harness.diagnosed import module, token
from tests.harness.machine_of_files import EXCLUSIVE, MUTE, PRESENT, RUTOKEN, RUTOKEN_ATR, Made


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


async def test_the_module_for_a_device_is_missing_or_blind(made: Made) -> None:
    rutoken = "/usr/lib/librtpkcs11ecp.so"
    made.fake.known_modules = [module(path="/usr/lib/softhsm/libsofthsm2.so")]
    assert await made.found(modules_device.CHECK) == [("missing", "error")]
    made.fake.known_modules = [module(path=rutoken, error="module_unloadable")]
    assert await made.found(modules_device.CHECK) == [("missing", "error")]
    made.fake.known_modules = [module(path=rutoken, tokens=0)]
    assert await made.found(modules_device.CHECK) == [("sees_nothing", "error")]
    made.fake.known_modules = [module(path=rutoken, tokens=0), module(path="/usr/lib/opensc-pkcs11.so")]
    assert await made.found(modules_device.CHECK) == [("generic", "ok")]


async def test_a_device_in_no_reader_is_known_by_its_usb_id(made: Made) -> None:
    made.show()
    made.fake.known_modules = []
    (finding,) = await modules_device.CHECK.examine(made.fake)
    assert (finding.case, finding.facts["vendor"]) == ("missing", "Rutoken")


async def test_copies_of_a_module_count_when_they_differ(made: Made) -> None:
    real = made.write("usr/lib/librtpkcs11ecp.so", "new")
    copy = made.write("opt/kontur/plugin/pkcs11/librtpkcs11ecp.so", "new")
    (made.write("usr/lib64/x", "").parent / "librtpkcs11ecp.so").symlink_to(real)
    assert await made.found(modules_copies.CHECK) == [("in_order", "ok")]
    copy.write_text("old")
    assert await made.found(modules_copies.CHECK) == [("differ", "warning")]


async def test_a_module_without_its_parts_and_a_proxy_are_told(made: Made) -> None:
    main = made.write("esmart/isbc_pkcs11_main.dll", "")
    made.fake.known_modules = [module(path=str(main)), module(path="/usr/lib/p11-kit-proxy.so")]
    assert await made.found(modules_copies.CHECK) == [("incomplete", "error"), ("proxy", "warning")]
    for part in ("isbc_esmart_token_mod.dll", "isbc_esmart_token_192k_mod.dll", "esmart_token_gost_mod.dll"):
        made.write(f"esmart/{part}", "")
    assert await made.found(modules_copies.CHECK) == [("proxy", "warning")]


async def test_containers_and_speed(made: Made) -> None:
    assert await made.found(tokens_container.CHECK) == [("none", "not_applicable")]
    made.fake.tokens = [token(foreign_container="CryptoPro CSP")]
    assert await made.found(tokens_container.CHECK) == [("foreign", "warning")]
    assert await made.found(modules_speed.CHECK) == [("quick", "ok")]
    made.fake.seconds = 12.0
    assert await made.found(modules_speed.CHECK) == [("slow", "warning")]


@pytest.mark.parametrize("state", [EXCLUSIVE, MUTE])
async def test_a_card_that_cannot_be_read_is_told_once(made: Made, state: int) -> None:
    made.fake.known_modules = [module(path="/usr/lib/librtpkcs11ecp.so", tokens=0)]
    made.show(Reader(RUTOKEN, state, RUTOKEN_ATR))
    assert await made.found(modules_device.CHECK) == [("no_device", "not_applicable")]
    made.show(Reader("Reader 00 00", PRESENT, bytes.fromhex("3B00")))
    assert ("not_recognized", "warning") in await made.found(modules_device.CHECK)


async def test_versions_are_compared_with_those_known(made: Made) -> None:
    def rutoken(version: str) -> None:
        facts = {"library_version": version}
        made.fake.known_modules = [module(path="/usr/lib/librtpkcs11ecp.so", facts=facts)]

    rutoken("2.3")
    assert await made.found(modules_version.CHECK) == [("older", "warning"), ("of_distribution", "ok")]
    (finding, _) = await modules_version.CHECK.examine(made.fake)
    assert finding.facts["date"] == next(row.date for row in VERSIONS if row.name == "Rutoken")
    rutoken(next(row.text for row in VERSIONS if row.name == "Rutoken"))
    assert await made.found(modules_version.CHECK) == [("newest", "ok"), ("of_distribution", "ok")]
    rutoken("99.0")
    assert await made.found(modules_version.CHECK) == [("newest", "ok"), ("of_distribution", "ok")]
    made.fake.known_modules.append(
        module(path="/opt/kontur.plugin/librtpkcs11ecp.so", facts={"library_version": "2.3"})
    )
    assert ("several", "warning") in await made.found(modules_version.CHECK)
    (made.root / "usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist").unlink()
    made.fake.known_modules = [module(facts={"library_version": "1.0"})]
    assert await made.found(modules_version.CHECK) == [("not_in_table", "ok")]
    made.fake.known_modules = [module()]
    assert await made.found(modules_version.CHECK) == [("not_known", "not_applicable")]


async def test_a_setting_that_locks_others_out_is_told(made: Made) -> None:
    made.write("etc/opensc/opensc.conf", "app default {\n  lock_login = TRUE;\n}\n")
    assert await made.found(modules_settings.CHECK) == [("locks_login", "warning")]
    made.write("etc/opensc/opensc.conf", "app default {\n  lock_login = false;\n}\n")
    assert await made.found(modules_settings.CHECK) == [("in_order", "ok")]


async def test_a_reader_that_opensc_was_told_to_ignore_is_told(made: Made) -> None:
    made.write("etc/opensc/opensc.conf", 'app default {\n  ignored_readers = "Hello", "Aktiv Rutoken";\n}\n')
    assert await made.found(modules_settings.CHECK) == [("reader_ignored", "warning")]
    made.write("etc/opensc/opensc.conf", 'app default {\n  # ignored_readers = "Aktiv Rutoken";\n}\n')
    assert await made.found(modules_settings.CHECK) == [("in_order", "ok")]
