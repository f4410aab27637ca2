"""The GOST token of the tests: PINs, their counters, logins. The other client beside PyKCS11 is pkcs11-tool."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PyKCS11
import pytest

from tests.harness import cryptoki
from tests.harness.cryptoki import READ_ONLY, READ_WRITE, answering, session
from tests.harness.gost_token import PARAMETERS, PIN, SO_PIN, built_module, make_blank_token, pkcs11_tool

ON_TOKEN = ("--token-label", "GOST token")
USER = PyKCS11.CKU_USER


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    make_blank_token(tmp_path)
    return tmp_path


@pytest.fixture
def loaded(directory: Path) -> Iterator[Any]:
    with cryptoki.library(built_module(), {"PERO_TEST_TOKEN_DIR": str(directory)}) as loaded:
        yield loaded


def flags(loaded: Any) -> set[str]:
    """What the token says of its PINs."""
    return {flag for flag in loaded.getTokenInfo(0).flags2text() if "PIN" in flag or "INITIALIZED" in flag}


def set_options(directory: Path, *lines: str) -> None:
    (directory / "token" / "options").write_text("".join(f"{line}\n" for line in lines))


INITIALIZED = {"CKF_USER_PIN_INITIALIZED", "CKF_TOKEN_INITIALIZED"}


def try_in_another_process(directory: Path, pin: str) -> str:
    """The return code of C_Login as pkcs11-tool tells it; empty where it was right."""
    done = pkcs11_tool(directory, *ON_TOKEN, "--login", "--pin", pin, "--list-objects", check=False)
    told = done.stderr.decode()
    return told.split("rv = ")[1].split()[0] if done.returncode else ""


def test_tries_are_counted_across_processes_and_the_last_locks(directory: Path, loaded: Any) -> None:
    set_options(directory, "tries = 3")
    assert flags(loaded) == INITIALIZED
    assert try_in_another_process(directory, "wrong pin") == "CKR_PIN_INCORRECT"
    assert flags(loaded) == INITIALIZED | {"CKF_USER_PIN_COUNT_LOW"}
    assert try_in_another_process(directory, "wrong pin") == "CKR_PIN_INCORRECT"
    assert flags(loaded) == INITIALIZED | {"CKF_USER_PIN_COUNT_LOW", "CKF_USER_PIN_FINAL_TRY"}
    assert try_in_another_process(directory, "wrong pin") == "CKR_PIN_LOCKED"
    assert flags(loaded) == INITIALIZED | {"CKF_USER_PIN_COUNT_LOW", "CKF_USER_PIN_LOCKED"}
    assert try_in_another_process(directory, PIN) == "CKR_PIN_LOCKED"


def test_the_right_pin_gives_the_tries_back(directory: Path, loaded: Any) -> None:
    for _ in range(9):
        assert try_in_another_process(directory, "wrong pin") == "CKR_PIN_INCORRECT"
    assert "CKF_USER_PIN_FINAL_TRY" in flags(loaded)
    assert try_in_another_process(directory, PIN) == ""
    assert flags(loaded) == INITIALIZED


def test_the_security_officer_unlocks_the_pin_of_the_user(directory: Path, loaded: Any) -> None:
    set_options(directory, "tries = 2")
    assert try_in_another_process(directory, "wrong pin") == "CKR_PIN_INCORRECT"
    assert try_in_another_process(directory, "wrong pin") == "CKR_PIN_LOCKED"
    assert "CKF_USER_PIN_LOCKED" in flags(loaded)
    with session(loaded) as opened:
        opened.login(SO_PIN, PyKCS11.CKU_SO)
        opened.initPin("new pin 1")
        opened.logout()
        opened.login("new pin 1")
    assert flags(loaded) == INITIALIZED


def test_the_pin_of_the_security_officer_locks_too(directory: Path, loaded: Any) -> None:
    for number in range(10):
        with session(loaded) as opened, pytest.raises(PyKCS11.PyKCS11Error) as raised:
            opened.login("wrong pin", PyKCS11.CKU_SO)
        last = number == 9
        assert raised.value.value == (PyKCS11.CKR_PIN_LOCKED if last else PyKCS11.CKR_PIN_INCORRECT)
    assert flags(loaded) == INITIALIZED | {"CKF_SO_PIN_COUNT_LOW", "CKF_SO_PIN_LOCKED"}
    with answering(PyKCS11.CKR_PIN_LOCKED):
        loaded.initToken(0, SO_PIN, "again")
    with session(loaded, pin=PIN):
        pass


def test_initialising_needs_the_pin_of_the_security_officer_and_erases(directory: Path, loaded: Any) -> None:
    with session(loaded, pin=PIN) as opened:
        cryptoki.generate(opened, PARAMETERS["gost256-A"])
        with answering(PyKCS11.CKR_SESSION_EXISTS):
            loaded.initToken(0, SO_PIN, "again")
    serial = loaded.getTokenInfo(0).serialNumber
    with answering(PyKCS11.CKR_PIN_INCORRECT):
        loaded.initToken(0, "wrong pin", "again")
    loaded.initToken(0, SO_PIN, "again")
    info = loaded.getTokenInfo(0)
    assert (info.label.strip(), info.serialNumber) == ("again", serial)
    assert flags(loaded) == {"CKF_TOKEN_INITIALIZED"}
    with session(loaded) as opened:
        assert opened.findObjects([]) == []
        with answering(PyKCS11.CKR_USER_PIN_NOT_INITIALIZED):
            opened.login(PIN)


def test_a_new_token_has_nothing_and_takes_its_first_pin(tmp_path: Path) -> None:
    with cryptoki.library(built_module(), {"PERO_TEST_TOKEN_DIR": str(tmp_path / "new")}) as loaded:
        assert loaded.getSlotList(tokenPresent=True) == [0]
        info = loaded.getTokenInfo(0)
        assert (info.label.strip(), info.manufacturerID.strip(), info.model.strip()) == ("", "Aktiv Co.", "Rutoken ECP")
        assert len(info.serialNumber.strip()) == 8
        assert flags(loaded) == set()
        with answering(PyKCS11.CKR_TOKEN_NOT_RECOGNIZED):
            loaded.openSession(0)
        with answering(PyKCS11.CKR_PIN_LEN_RANGE):
            loaded.initToken(0, "short", "")
        loaded.initToken(0, "87654321", "")
        assert loaded.getTokenInfo(0).label.strip() == "Rutoken ECP <no label>"
        assert flags(loaded) == {"CKF_TOKEN_INITIALIZED", "CKF_SO_PIN_TO_BE_CHANGED"}
        with session(loaded) as opened:
            opened.login("87654321", PyKCS11.CKU_SO)
            opened.initPin("12345678")
        vendors = {"CKF_SO_PIN_TO_BE_CHANGED", "CKF_USER_PIN_TO_BE_CHANGED"}
        assert flags(loaded) == INITIALIZED | vendors
        with session(loaded, pin="12345678") as opened:
            opened.setPin("12345678", "my own 1")
        assert flags(loaded) == INITIALIZED | {"CKF_SO_PIN_TO_BE_CHANGED"}


def test_a_pin_of_the_wrong_length_spends_no_try(loaded: Any) -> None:
    with session(loaded) as opened:
        for pin in ("12345", "x" * 250):
            with answering(PyKCS11.CKR_PIN_LEN_RANGE):
                opened.login(pin)
            with answering(PyKCS11.CKR_PIN_LEN_RANGE):
                opened.setPin(PIN, pin)
    assert flags(loaded) == INITIALIZED


def test_a_change_needs_the_old_pin_and_a_session_that_may_write(loaded: Any) -> None:
    with session(loaded) as opened:
        with answering(PyKCS11.CKR_PIN_INCORRECT):
            opened.setPin("wrong pin", "new pin 1")
        assert "CKF_USER_PIN_COUNT_LOW" in flags(loaded)
        opened.setPin(PIN, "new pin 1")
        with answering(PyKCS11.CKR_USER_NOT_LOGGED_IN):
            opened.initPin("new pin 2")
        opened.login("new pin 1")
    with session(loaded, flags=READ_ONLY) as opened, answering(PyKCS11.CKR_SESSION_READ_ONLY):
        opened.setPin("new pin 1", PIN)


def test_a_login_is_of_the_application_and_ends_with_its_last_session(loaded: Any) -> None:
    first, second = loaded.openSession(0, READ_ONLY), loaded.openSession(0, READ_WRITE)
    states = lambda: (first.getSessionInfo().state, second.getSessionInfo().state)  # noqa: E731
    assert states() == (PyKCS11.CKS_RO_PUBLIC_SESSION, PyKCS11.CKS_RW_PUBLIC_SESSION)
    first.login(PIN)
    assert states() == (PyKCS11.CKS_RO_USER_FUNCTIONS, PyKCS11.CKS_RW_USER_FUNCTIONS)
    with answering(PyKCS11.CKR_USER_ALREADY_LOGGED_IN):
        second.login(PIN)
    with answering(PyKCS11.CKR_USER_ANOTHER_ALREADY_LOGGED_IN):
        second.login(SO_PIN, PyKCS11.CKU_SO)
    second.logout()
    with answering(PyKCS11.CKR_USER_NOT_LOGGED_IN):
        first.logout()
    first.login(PIN)
    first.closeSession()
    assert second.getSessionInfo().state == PyKCS11.CKS_RW_USER_FUNCTIONS
    second.closeSession()
    with session(loaded, flags=READ_ONLY) as third:
        assert third.getSessionInfo().state == PyKCS11.CKS_RO_PUBLIC_SESSION


def test_a_login_elsewhere_changes_nothing_here(directory: Path, loaded: Any) -> None:
    with session(loaded, pin=PIN) as opened:
        assert try_in_another_process(directory, PIN) == ""
        assert opened.getSessionInfo().state == PyKCS11.CKS_RW_USER_FUNCTIONS


def test_the_security_officer_and_read_only_sessions_exclude_each_other(loaded: Any) -> None:
    with (
        session(loaded, flags=READ_ONLY),
        session(loaded) as opened,
        answering(PyKCS11.CKR_SESSION_READ_ONLY_EXISTS),
    ):
        opened.login(SO_PIN, PyKCS11.CKU_SO)
    with session(loaded) as opened:
        opened.login(SO_PIN, PyKCS11.CKU_SO)
        assert opened.getSessionInfo().state == PyKCS11.CKS_RW_SO_FUNCTIONS
        with answering(PyKCS11.CKR_SESSION_READ_WRITE_SO_EXISTS):
            loaded.openSession(0, READ_ONLY)


def test_a_key_that_always_wants_the_pin_gets_it_between_init_and_sign(loaded: Any) -> None:
    with session(loaded, pin=PIN) as opened:
        _, private = cryptoki.generate(opened, PARAMETERS["gost256-A"], CKA_ALWAYS_AUTHENTICATE=True)
        with answering(PyKCS11.CKR_OPERATION_NOT_INITIALIZED):
            opened.login(PIN, PyKCS11.CKU_CONTEXT_SPECIFIC)
        with answering(PyKCS11.CKR_USER_NOT_LOGGED_IN):
            cryptoki.sign(opened, private, bytes(32), PyKCS11.CKM_GOSTR3410)
        mechanism, made = PyKCS11.Mechanism(PyKCS11.CKM_GOSTR3410, None).to_native(), PyKCS11.LowLevel.ckbytelist(64)
        for _ in range(2):  # once for each signature
            assert opened.lib.C_SignInit(opened.session, mechanism, private) == PyKCS11.CKR_OK
            with answering(PyKCS11.CKR_PIN_INCORRECT):
                opened.login("wrong pin", PyKCS11.CKU_CONTEXT_SPECIFIC)
            opened.login(PIN, PyKCS11.CKU_CONTEXT_SPECIFIC)
            digest = PyKCS11.ckbytelist(bytes(32))
            assert opened.lib.C_Sign(opened.session, digest, made) == PyKCS11.CKR_OK
    assert flags(loaded) == INITIALIZED


def test_the_pin_can_be_typed_at_the_reader(directory: Path, loaded: Any) -> None:
    with session(loaded) as opened:
        nothing = PyKCS11.ckbytelist(None)
        with answering(PyKCS11.CKR_ARGUMENTS_BAD):
            answer(opened.lib.C_Login(opened.session, USER, nothing))
        set_options(directory, "protected-path = yes")
        assert loaded.getTokenInfo(0).flags & PyKCS11.CKF_PROTECTED_AUTHENTICATION_PATH
        with answering(PyKCS11.CKR_FUNCTION_CANCELED):
            answer(opened.lib.C_Login(opened.session, USER, nothing))
        (directory / "token" / "pinpad").write_text(f"wrong pin\n{PIN}\n")
        with answering(PyKCS11.CKR_PIN_INCORRECT):
            answer(opened.lib.C_Login(opened.session, USER, nothing))
        assert "CKF_USER_PIN_COUNT_LOW" in flags(loaded)
        answer(opened.lib.C_Login(opened.session, USER, nothing))
        assert opened.getSessionInfo().state == PyKCS11.CKS_RW_USER_FUNCTIONS
        assert not (directory / "token" / "pinpad").exists()


def answer(code: int) -> None:
    if code != PyKCS11.CKR_OK:
        raise PyKCS11.PyKCS11Error(code)


def test_an_expired_pin_opens_nothing_until_it_is_changed(directory: Path, loaded: Any) -> None:
    set_options(directory, "pin-expired = yes")
    assert "CKF_USER_PIN_TO_BE_CHANGED" in flags(loaded)
    with session(loaded) as opened:
        with answering(PyKCS11.CKR_PIN_EXPIRED):
            opened.login(PIN)
        opened.setPin(PIN, "new pin 1")
    set_options(directory)
    with session(loaded, pin="new pin 1"):
        pass
    assert flags(loaded) == INITIALIZED


def test_no_pin_stands_in_the_files_of_the_token(directory: Path) -> None:
    content = b"".join(file.read_bytes() for file in directory.rglob("*") if file.is_file())
    assert content
    assert PIN.encode() not in content
    assert SO_PIN.encode() not in content
