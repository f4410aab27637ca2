"""The GOST token of the tests: objects, sessions, several tokens, tokens that come and go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PyKCS11
import pytest

from tests.harness import cryptoki
from tests.harness.cryptoki import READ_ONLY, answering, create, find, session, value
from tests.harness.gost_token import PARAMETERS, PIN, SO_PIN, GostToken, make_gost_token

PRIVATE, PUBLIC = (PyKCS11.CKA_CLASS, PyKCS11.CKO_PRIVATE_KEY), (PyKCS11.CKA_CLASS, PyKCS11.CKO_PUBLIC_KEY)
DATA = ((PyKCS11.CKA_CLASS, PyKCS11.CKO_DATA), (PyKCS11.CKA_LABEL, "data"), (PyKCS11.CKA_VALUE, b"octets"))
ON_TOKEN, HIDDEN = (PyKCS11.CKA_TOKEN, True), (PyKCS11.CKA_PRIVATE, True)


@pytest.fixture
def token(tmp_path: Path) -> GostToken:
    return make_gost_token(tmp_path)


@pytest.fixture
def loaded(token: GostToken) -> Iterator[Any]:
    with cryptoki.library(token.module, token.environment) as loaded:
        yield loaded


@pytest.fixture
def opened(loaded: Any) -> Iterator[Any]:
    with session(loaded, pin=PIN) as opened:
        yield opened


def test_private_objects_are_hidden_until_login_and_their_handles_void_after_it(loaded: Any) -> None:
    with session(loaded) as opened:
        assert opened.findObjects([PRIVATE]) == []
        assert len(opened.findObjects([PUBLIC])) == 1
        opened.login(PIN)
        key = find(opened, PRIVATE)
        opened.logout()
        opened.login(PIN)
        with answering(PyKCS11.CKR_OBJECT_HANDLE_INVALID):
            opened.getAttributeValue(key, [PyKCS11.CKA_LABEL])
        with answering(PyKCS11.CKR_KEY_HANDLE_INVALID):
            cryptoki.sign(opened, key, bytes(32), PyKCS11.CKM_GOSTR3410)
        cryptoki.sign(opened, find(opened, PRIVATE), bytes(32), PyKCS11.CKM_GOSTR3410)


def test_a_generated_key_never_shows_itself(opened: Any) -> None:
    key = find(opened, PRIVATE)
    with answering(PyKCS11.CKR_ATTRIBUTE_SENSITIVE):
        value_of(opened, key, PyKCS11.CKA_VALUE)
    names = ("SENSITIVE", "ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE", "LOCAL", "PRIVATE", "TOKEN", "SIGN", "EXTRACTABLE")
    flags = {name: bool(value(opened, key, getattr(PyKCS11, f"CKA_{name}"))) for name in names}
    assert flags == {**dict.fromkeys(names, True), "EXTRACTABLE": False}
    for attribute, wanted in ((PyKCS11.CKA_SENSITIVE, False), (PyKCS11.CKA_EXTRACTABLE, True)):
        with answering(PyKCS11.CKR_ATTRIBUTE_READ_ONLY):
            opened.setAttributeValue(key, [(attribute, wanted)])
    with answering(PyKCS11.CKR_ATTRIBUTE_READ_ONLY):
        opened.setAttributeValue(key, [(PyKCS11.CKA_GOSTR3410_PARAMS, PARAMETERS["gost256-B"])])


def value_of(opened: Any, handle: Any, attribute: int) -> bytes:
    """As `value`, but with the return code: PyKCS11 turns some of them into None."""
    template = PyKCS11.LowLevel.ckattrlist(1)
    template[0].SetType(attribute)
    code = opened.lib.C_GetAttributeValue(opened.session, handle, template)
    if code != PyKCS11.CKR_OK:
        raise PyKCS11.PyKCS11Error(code)
    return bytes(template[0].GetBin())


def test_a_key_that_was_brought_is_not_called_the_tokens_own(opened: Any) -> None:
    key = cryptoki.gost_private_key(opened, PARAMETERS["gost256-A"], (7).to_bytes(32, "little"))
    for name in ("LOCAL", "ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE"):
        assert not value(opened, key, getattr(PyKCS11, f"CKA_{name}"))


def test_a_key_does_only_what_it_is_for(opened: Any) -> None:
    _, private = cryptoki.generate(opened, PARAMETERS["gost256-A"], identifier=b"\x02", CKA_SIGN=False)
    with answering(PyKCS11.CKR_KEY_FUNCTION_NOT_PERMITTED):
        cryptoki.sign(opened, private, bytes(32), PyKCS11.CKM_GOSTR3410)
    with answering(PyKCS11.CKR_KEY_TYPE_INCONSISTENT):
        cryptoki.sign(opened, private, bytes(32), PyKCS11.CKM_ECDSA)
    with answering(PyKCS11.CKR_KEY_TYPE_INCONSISTENT):
        cryptoki.sign(opened, find(opened, PUBLIC, (PyKCS11.CKA_ID, b"\x02")), bytes(32), PyKCS11.CKM_GOSTR3410)
    with answering(PyKCS11.CKR_MECHANISM_INVALID):
        cryptoki.sign(opened, private, bytes(32), 0x1085)


def test_a_session_that_may_only_read_changes_nothing(loaded: Any) -> None:
    with session(loaded, pin=PIN, flags=READ_ONLY) as opened:
        key = find(opened, PRIVATE)
        with answering(PyKCS11.CKR_SESSION_READ_ONLY):
            create(opened, *DATA, ON_TOKEN)
        with answering(PyKCS11.CKR_SESSION_READ_ONLY):
            cryptoki.generate(opened, PARAMETERS["gost256-A"])
        with answering(PyKCS11.CKR_SESSION_READ_ONLY):
            opened.destroyObject(key)
        with answering(PyKCS11.CKR_SESSION_READ_ONLY):
            opened.setAttributeValue(key, [(PyKCS11.CKA_LABEL, "other")])
        create(opened, *DATA)  # for the session alone
        cryptoki.sign(opened, key, bytes(32), PyKCS11.CKM_GOSTR3410)


def test_what_is_private_is_written_by_the_user_alone(loaded: Any) -> None:
    with session(loaded) as opened:
        for login in (False, True):
            if login:
                opened.login(SO_PIN, PyKCS11.CKU_SO)
            create(opened, *DATA, ON_TOKEN)
            with answering(PyKCS11.CKR_USER_NOT_LOGGED_IN):
                create(opened, *DATA, ON_TOKEN, HIDDEN)
            with answering(PyKCS11.CKR_USER_NOT_LOGGED_IN):
                cryptoki.generate(opened, PARAMETERS["gost256-A"])


def test_objects_of_a_session_end_with_it(loaded: Any, opened: Any) -> None:
    with session(loaded) as other:
        create(other, *DATA)
        assert len(opened.findObjects([DATA[1]])) == 1
    assert opened.findObjects([DATA[1]]) == []


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ([DATA[1]], "CKR_TEMPLATE_INCOMPLETE"),
        ([(PyKCS11.CKA_CLASS, PyKCS11.CKO_CERTIFICATE), (PyKCS11.CKA_CERTIFICATE_TYPE, 0)], "CKR_TEMPLATE_INCOMPLETE"),
        ([(PyKCS11.CKA_CLASS, PyKCS11.CKO_SECRET_KEY)], "CKR_ATTRIBUTE_VALUE_INVALID"),
        ([*DATA, (PyKCS11.CKA_MODULUS, b"\1")], "CKR_ATTRIBUTE_TYPE_INVALID"),
        ([*DATA, DATA[1]], "CKR_TEMPLATE_INCONSISTENT"),
        ([PRIVATE, (PyKCS11.CKA_KEY_TYPE, PyKCS11.CKK_RSA), (PyKCS11.CKA_LOCAL, True)], "CKR_ATTRIBUTE_READ_ONLY"),
    ],
)
def test_a_template_that_makes_no_object_is_refused(opened: Any, template: list[Any], code: str) -> None:
    with answering(PyKCS11.CKR[code]):
        create(opened, *template)


def test_attributes_are_read_as_far_as_they_can_be(opened: Any) -> None:
    wanted = [PyKCS11.CKA_LABEL, PyKCS11.CKA_VALUE, PyKCS11.CKA_MODULUS, PyKCS11.CKA_ID]
    label, secret, absent, identifier = opened.getAttributeValue(find(opened, PRIVATE), wanted, allAsBinary=True)
    assert (bytes(label), secret, absent, bytes(identifier)) == (b"key", None, None, b"\x01")


def test_labels_change_and_certificates_go(opened: Any) -> None:
    certificate = find(opened, (PyKCS11.CKA_CLASS, PyKCS11.CKO_CERTIFICATE))
    opened.setAttributeValue(certificate, [(PyKCS11.CKA_LABEL, "Подпись")])
    assert find(opened, (PyKCS11.CKA_LABEL, "Подпись")).value() == certificate.value()
    opened.destroyObject(certificate)
    assert opened.findObjects([(PyKCS11.CKA_CLASS, PyKCS11.CKO_CERTIFICATE)]) == []
    with answering(PyKCS11.CKR_OBJECT_HANDLE_INVALID):
        opened.destroyObject(certificate)


def test_what_may_not_be_changed_or_destroyed_stays(opened: Any) -> None:
    fixed = create(opened, *DATA, (PyKCS11.CKA_MODIFIABLE, False), (PyKCS11.CKA_DESTROYABLE, False))
    with answering(PyKCS11.CKR_ACTION_PROHIBITED):
        opened.setAttributeValue(fixed, [(PyKCS11.CKA_LABEL, "other")])
    with answering(PyKCS11.CKR_ACTION_PROHIBITED):
        opened.destroyObject(fixed)


def test_what_other_processes_do_is_seen_at_once(token: GostToken, opened: Any, tmp_path: Path) -> None:
    content = tmp_path / "content"
    content.write_bytes(b"container")
    write = ("--write-object", content, "--type", "data", "--application-label", "CryptoPro CSP", "--label", "header")
    token.pkcs11_tool(*token.logged_in, *write, "--private")
    container = find(opened, (PyKCS11.CKA_APPLICATION, "CryptoPro CSP"))
    assert value(opened, container, PyKCS11.CKA_VALUE) == b"container"
    token.pkcs11_tool(*token.logged_in, "--delete-object", "--type", "data", "--label", "header")
    with answering(PyKCS11.CKR_OBJECT_HANDLE_INVALID):
        opened.getAttributeValue(container, [PyKCS11.CKA_VALUE])
    assert opened.findObjects([(PyKCS11.CKA_APPLICATION, "CryptoPro CSP")]) == []


def test_a_file_that_was_cut_off_is_no_object(token: GostToken, opened: Any) -> None:
    before = len(opened.findObjects([]))
    whole = next((token.folder / "objects").iterdir()).read_bytes()
    for size in (0, 5, 20, len(whole) - 1):
        (token.folder / "objects" / f"{size}.object").write_bytes(whole[:size])
    assert len(opened.findObjects([])) == before
    assert [file.name for file in (token.folder / "objects").iterdir() if file.name.endswith(".new")] == []


def test_several_tokens_stand_in_several_slots(token: GostToken, tmp_path: Path) -> None:
    other = make_gost_token(tmp_path, "p256", name="another", label="second")
    with cryptoki.library(token.module, token.environment) as loaded:
        assert loaded.getSlotList() == list(range(15))
        slots = loaded.getSlotList(tokenPresent=True)
        infos = [loaded.getTokenInfo(slot) for slot in slots]
        assert [info.label.strip() for info in infos] == [other.label, token.label]
        assert len({info.serialNumber for info in infos}) == 2
        with session(loaded, slots[0], PIN), session(loaded, slots[1]) as second:
            assert second.getSessionInfo().state == PyKCS11.CKS_RW_PUBLIC_SESSION  # a login is of one token
        with answering(PyKCS11.CKR_TOKEN_NOT_PRESENT):
            loaded.openSession(7)
        with answering(PyKCS11.CKR_SLOT_ID_INVALID):
            loaded.openSession(15)


def test_a_token_that_is_pulled_takes_its_sessions_and_its_login_with_it(token: GostToken, loaded: Any) -> None:
    opened = loaded.openSession(0, PyKCS11.CKF_SERIAL_SESSION)
    opened.login(PIN)
    token.pull()
    with answering(PyKCS11.CKR_DEVICE_REMOVED):
        opened.findObjects([])
    with answering(PyKCS11.CKR_SESSION_HANDLE_INVALID):
        opened.findObjects([])
    assert loaded.getSlotList(tokenPresent=True) == []
    with answering(PyKCS11.CKR_TOKEN_NOT_PRESENT):
        loaded.openSession(0)
    assert loaded.waitForSlotEvent(PyKCS11.CKF_DONT_BLOCK) == 0
    with answering(PyKCS11.CKR_NO_EVENT):
        loaded.waitForSlotEvent(PyKCS11.CKF_DONT_BLOCK)
    token.push()
    assert loaded.waitForSlotEvent(PyKCS11.CKF_DONT_BLOCK) == 0
    with session(loaded) as again:
        assert again.getSessionInfo().state == PyKCS11.CKS_RW_PUBLIC_SESSION
        assert again.findObjects([PRIVATE]) == []


def test_a_call_can_be_slow(token: GostToken, loaded: Any) -> None:
    token.set_options("slow C_GetTokenInfo = 150")
    before = time.monotonic()
    loaded.getTokenInfo(0)
    assert time.monotonic() - before >= 0.15


def test_another_vendor_can_be_played(token: GostToken, loaded: Any) -> None:
    token.set_options("manufacturer = Aladdin R.D.", "model = JaCarta GOST 2.0", "serial = 4C00001234")
    info = loaded.getTokenInfo(0)
    shown = tuple(text.strip() for text in (info.manufacturerID, info.model, info.serialNumber))
    assert shown == ("Aladdin R.D.", "JaCarta GOST 2.0", "4C00001234")
