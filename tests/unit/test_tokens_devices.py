"""Which rows of a list are one device, and which module it is then taken from."""

from __future__ import annotations

import re

import pytest

from agent.model import KEY_FILES, TokenState
from agent.tokens.devices import CONTAINERS, DEVICES, Found, best, preferred
from agent.tokens.messages import TokenListing
from agent.tokens.vendors import GENERIC, VENDORS

MODULES = {
    "Rutoken": "/usr/lib/librtpkcs11ecp.so",
    "JaCarta": "/usr/lib/libjcPKCS11-2.so",
    "YubiKey": "/usr/lib/libykcs11.so",
    "CryptoPro": "/opt/cprocsp/lib/amd64/libcppkcs11.so",
    "OpenSC": "/usr/lib/opensc-pkcs11.so",
    "mine": "/opt/mine/libmine.so",
    "other": "/opt/other/libother.so",
}


def row(
    vendor: str, reader: str = "", *, serial: str = "", manufacturer: str = "", label: str = "", model: str = "",
    container: str = "", error: str | None = None,
) -> Found:  # fmt: skip
    module = MODULES[vendor]
    token = TokenState(
        label=label, serial=serial, manufacturer=manufacturer, model=model, module=module, reader=reader,
        foreign_container=container,
    )  # fmt: skip
    return Found(module, TokenListing(token, (), error))


def names(found: list[Found]) -> list[str]:
    return [next(name for name, path in MODULES.items() if path == one.module) for one in found]


@pytest.mark.parametrize(
    ("vendor", "reader"),
    [
        ("Rutoken", "Aktiv Rutoken ECP 00 00"),
        ("JaCarta", "Aladdin R.D. JaCarta 00 00"),
        ("YubiKey", "Yubico YubiKey OTP+FIDO+CCID 00 00"),
        ("Rutoken", "Aktiv Rutoken lite 0"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_vendors_own_module_is_taken_before_a_generic_one(vendor: str, reader: str, turned: bool) -> None:
    rows = [row("OpenSC", reader, serial="1234", label="User PIN"), row(vendor, reader, serial="00AB", label="token")]
    assert names(best(rows[::-1] if turned else rows, {})) == [vendor]


def test_a_card_in_a_foreign_reader_is_known_by_its_manufacturer() -> None:
    reader = "ACS ACR39U ICC Reader 00 00"
    rows = [row("mine", reader, manufacturer="x"), row("Rutoken", reader, manufacturer="Aktiv Co.")]
    assert names(best(rows, {})) == ["Rutoken"]


def test_a_card_in_a_foreign_reader_is_known_by_its_answer_to_reset() -> None:
    reader = "ACS ACR39U ICC Reader 00 00"
    rows = [row("mine", reader), row("YubiKey", reader)]
    assert names(best(rows, {})) == ["mine"]
    atr = bytes.fromhex("3BFD1300008131FE158073C021C057597562694B657940")
    assert names(best(rows, {reader: atr})) == ["YubiKey"]
    assert names(best(rows, {"another reader 00 00": atr})) == ["mine"]


def test_what_nobody_prefers_is_taken_from_the_module_that_stands_first_and_never_from_opensc() -> None:
    reader = "Nobody's Reader 00 00"
    assert names(best([row("mine", reader), row("other", reader)], {})) == ["mine"]
    assert names(best([row("OpenSC", reader), row("other", reader)], {})) == ["other"]
    assert names(best([row("OpenSC", reader)], {})) == ["OpenSC"]


def test_two_devices_of_a_kind_stay_two() -> None:
    rows = [
        row(vendor, f"Aktiv Rutoken ECP 0{number} 00", serial=f"3b1e2f0{number}", label="Rutoken ECP")
        for vendor in ("OpenSC", "Rutoken")
        for number in (0, 1)
    ]
    left = best(rows, {})
    assert names(left) == ["Rutoken", "Rutoken"]
    assert [one.listing.token.reader for one in left if one.listing.token] == [
        "Aktiv Rutoken ECP 00 00", "Aktiv Rutoken ECP 01 00",
    ]  # fmt: skip


def test_all_that_the_chosen_module_shows_of_a_device_is_kept() -> None:
    """JaCarta holds two applications, each a token of its own; OpenSC makes one of each PIN."""
    reader = "Aladdin R.D. JaCarta 00 00"
    rows = [
        row("OpenSC", reader, label="User"), row("OpenSC", reader, label="Signature"),
        row("JaCarta", reader, label="PKI", serial="0B53001234"), row("JaCarta", reader, label="GOST", serial="4C39"),
    ]  # fmt: skip
    left = best(rows, {})
    assert [one.listing.token.label for one in left if one.listing.token] == ["PKI", "GOST"]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("00A1B2C3D4", "a1b2c3d4", True),
        ("A1:B2:C3:D4", "A1B2C3D4", True),
        ("A1B2C3D4", "A1B2C3D5", False),
        ("00000000", "00000000", False),
        ("11111111", "11111111", False),
        ("12", "12", False),
        ("", "", False),
    ],
)
def test_without_a_reader_the_serial_number_decides_if_it_says_anything(first: str, second: str, same: bool) -> None:
    rows = [row("mine", serial=first, label="token"), row("other", serial=second, label="token")]
    assert names(best(rows, {})) == (["mine"] if same else ["mine", "other"])


def test_the_same_serial_number_alone_makes_no_device() -> None:
    rows = [
        row("mine", serial="A1B2C3D4", label="a", manufacturer="x", model="1"),
        row("other", serial="A1B2C3D4", label="b", manufacturer="y", model="2"),
    ]
    assert len(best(rows, {})) == 2


@pytest.mark.parametrize("name", ["Slot 0", "Virtual slot 1", "Token slot 00 00", "", "HSM"])
def test_a_modules_own_name_for_a_slot_is_no_reader(name: str) -> None:
    rows = [row("mine", name, serial="1", label="one"), row("other", name, serial="2", label="two")]
    assert len(best(rows, {})) == 2


def test_a_module_that_cannot_read_the_token_is_the_last_choice() -> None:
    reader = "Aktiv Rutoken ECP 00 00"
    rows = [row("Rutoken", reader, error="token_failed"), row("OpenSC", reader)]
    assert names(best(rows, {})) == ["OpenSC"]


def test_a_container_is_left_to_the_module_of_its_product() -> None:
    reader = "Aktiv Rutoken lite 00 00"
    rows = [
        row("Rutoken", reader, manufacturer="Aktiv Co.", container="CryptoPro CSP"),
        row("CryptoPro", reader, manufacturer="Aktiv Co."),
    ]
    assert names(best(rows, {})) == ["CryptoPro"]
    assert names(best([rows[0]._replace(listing=row("Rutoken", reader).listing), rows[1]], {})) == ["Rutoken"]


def test_key_files_and_rows_without_a_token_stay() -> None:
    token = TokenState(label="a", serial="A1B2C3D4", manufacturer="m", model="", module=KEY_FILES)
    rows = [
        Found(KEY_FILES, TokenListing(token, ())), row("mine", serial="A1B2C3D4", manufacturer="m"),
        Found(MODULES["other"], TokenListing(None, (), "token_failed")),
    ]  # fmt: skip
    assert best(rows, {}) == rows


# ATRs that the list of pcsc-tools gives for devices (smartcard_list.txt), by the vendor whose module is best for them.
ATRS = {
    "3B 8B 01 52 75 74 6F 6B 65 6E 20 44 53 20 C1": "Rutoken",
    "3B 8B 01 52 75 74 6F 6B 65 6E 6C 69 74 65 C2": "Rutoken",
    "3B 88 80 01 52 74 53 43 77 81 83 20 6A": "Rutoken",
    "3B 8C 80 01 50 5C 4B 71 A1 52 74 53 43 77 81 83 D9": "Rutoken",
    "3B 6F 00 FF 00 56 72 75 54 6F 6B 6E 73 30 20 00 00 90 00": "Rutoken",
    "3B DC 18 FF 81 91 FE 1F C3 80 73 C8 21 13 66 01 06 11 59 00 01 28": "JaCarta",
    "3B DC 18 FF 81 11 FE 80 73 C8 21 13 66 01 06 01 30 80 01 8D": "JaCarta",
    "3B 7C 95 00 00 45 53 4D 41 52 54 47 4F 53 54 31 30": "ESMART",
    "3B FC 13 00 00 81 31 FE 15 59 75 62 69 6B 65 79 4E 45 4F 72 33 E1": "YubiKey",
    "3B F8 13 00 00 81 31 FE 15 59 75 62 69 6B 65 79 34 D4": "YubiKey",
    "3B FD 13 00 00 81 31 FE 15 80 73 C0 21 C0 57 59 75 62 69 4B 65 79 40": "YubiKey",
    "3B D5 18 00 81 31 3A 7D 80 73 C8 21 10 30": "SafeNet eToken",
    "3B 7F 96 00 00 80 31 80 65 B0 85 03 00 EF 12 0F FE 82 90 00": "IDPrime",
    "3B FE 18 00 00 81 31 FE 45 80 31 81 54 48 53 4D 31 73 80 21 40 81 07 FA": "SmartCard-HSM",
}


@pytest.mark.parametrize("atr", ATRS)
def test_an_answer_to_reset_names_its_vendor(atr: str) -> None:
    token = TokenState(label="", serial="", manufacturer="", model="", module="", reader="Reader 00 00")
    assert preferred([token], {"Reader 00 00": bytes.fromhex(atr)})[0] == ATRS[atr]


def test_the_tables_speak_of_the_same_vendors() -> None:
    vendors = {vendor.name for vendor in VENDORS}
    assert {vendor for device in DEVICES for vendor in device.vendors} <= vendors
    assert set(CONTAINERS.values()) | set(GENERIC) <= vendors
    assert all(name == name.lower() for device in DEVICES for name in device.names)
    assert all(re.fullmatch(r"3[BF]([0-9A-F]|\.)+", atr) and not len(atr) % 2 for row in DEVICES for atr in row.atrs)
