"""A full run of the doctor spends no try of a PIN, takes nothing for itself and writes nothing, while another signs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import PyKCS11
import pytest

from tests.harness.command_line import CommandLine
from tests.harness.examined import Examined
from tests.harness.keyfiles import make_identity
from tests.harness.other_program import OtherProgram, other_program
from tests.harness.places import ROOT
from tests.harness.softhsm import MODULE
from tests.harness.virtual_card import PIN
from tests.harness.virtual_reader import OPENSC, Card, virtual_readers

# What logs in, changes a PIN, makes, changes or destroys an object, uses a key, or takes a reader for itself.
FORBIDDEN = {
    "C_Login", "C_InitToken", "C_InitPIN", "C_SetPIN", "C_CreateObject", "C_CopyObject", "C_DestroyObject",
    "C_SetAttributeValue", "C_GenerateKey", "C_GenerateKeyPair", "C_WrapKey", "C_UnwrapKey", "C_DeriveKey",
    "C_SignInit", "C_Sign", "C_SignUpdate", "C_SignFinal", "C_DecryptInit", "C_Decrypt",
}  # fmt: skip
EXCLUSIVE = "1"  # SCARD_SHARE_EXCLUSIVE
WRITES = {"24", "2C", "47", "87", "DB"}  # INS of SP 800-73-4: change and unblock a PIN, make and use a key, put data


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    """A card in a reader of a real pcscd; this process and what it starts find it."""
    with virtual_readers() as readers:
        for name, value in readers.environment.items():
            monkeypatch.setenv(name, value)
        card = readers.card({"authentication": make_identity("p256")})
        card.insert()
        yield card


def label_of_card() -> str:
    """As OpenSC names it, once pcscd has seen the card."""
    order = ["pkcs11-tool", "--module", OPENSC, "--list-token-slots"]
    for _ in range(60):
        done = subprocess.run(order, capture_output=True, text=True, timeout=60, check=False)
        for line in done.stdout.splitlines():
            name, colon, value = line.partition(":")
            if colon and name.strip() == "token label":
                return value.strip()
    raise AssertionError(done)


def undisturbed(other: OtherProgram, before: int) -> None:
    report = other.report()
    assert report.failures == []
    assert report.signatures > before


def test_a_module_sees_no_login_and_no_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Examined(tmp_path) as machine:
        token = machine.token()
        for name, value in token.environment.items():
            monkeypatch.setenv(name, value)
        with other_program(MODULE, token.label, PyKCS11.CKM_ECDSA, token.pin) as other:
            before = other.report().signatures
            seen = {row["id"]: row["case"] for row in machine.rows()}
            assert seen["tokens.seen"] == "seen"
            undisturbed(other, before)
        calls = set(machine.calls())
    assert "C_GetTokenInfo" in calls
    assert calls & FORBIDDEN == set()


def test_a_card_is_shared_and_its_pin_is_not_touched(tmp_path: Path, card: Card) -> None:
    log, conf = tmp_path / "pcsc", tmp_path / "opensc.conf"
    spy = ROOT / "build" / "tokens" / "pcsc_spy.so"
    conf.write_text(f"app default {{ reader_driver pcsc {{ provider_library = {spy}; }} }}\n")
    with CommandLine(tmp_path) as machine:
        machine.environment |= {"OPENSC_CONF": str(conf), "PERO_PCSC_LOG": str(log)}
        machine.environment["PCSCLITE_CSOCK_NAME"] = os.environ["PCSCLITE_CSOCK_NAME"]
        with other_program(OPENSC, label_of_card(), PyKCS11.CKM_ECDSA, PIN.decode()) as other:
            before, given = other.report().signatures, card.verifications
            ended = machine.run("diagnose", "--json")
            seen = {(row["id"], row["case"]) for row in ended.json["findings"]}
            assert {("pcsc.service", "running"), ("pcsc.readers", "card"), ("tokens.seen", "seen")} <= seen
            undisturbed(other, before)
            assert card.verifications == given
    said = [line.split() for line in log.read_text().splitlines()]
    assert ["connect", "2"] in said, "SCARD_SHARE_SHARED, by OpenSC"
    assert [line for line in said if line[0] in ("connect", "reconnect") and line[1] == EXCLUSIVE] == []
    assert [line for line in said if line[0] == "verify" or (line[0] == "transmit" and line[1] in WRITES)] == []
