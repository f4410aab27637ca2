"""The GOST token of the tests in the hands of other people's clients: pkcs11-tool, and C as programs call it."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from ctypes import byref, c_char, c_ulong, c_void_p
from pathlib import Path
from typing import Any

import PyKCS11
import pytest

from tests.harness import cryptoki
from tests.harness.gost_token import GostToken, built_module, make_gost_token, openssl_gost

CONTENT = b"what is signed"
# mechanism of pkcs11-tool that hashes too, and openssl's digest
HASHING = {
    "gost256-TCA": ("0xD4321008", "md_gost12_256"),
    "gost512-A": ("0xD4321009", "md_gost12_512"),
    "rsa2048": ("SHA256-RSA-PKCS", "sha256"),
    "p256": ("ECDSA-SHA256", "sha256"),
    "p384": ("ECDSA-SHA384", "sha384"),
}


@pytest.fixture(scope="module", params=HASHING)
def token(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> GostToken:
    return make_gost_token(tmp_path_factory.mktemp("token"), request.param)


@pytest.fixture(scope="module")
def rsa_token(tmp_path_factory: pytest.TempPathFactory) -> GostToken:
    return make_gost_token(tmp_path_factory.mktemp("token"), "rsa2048")


@pytest.fixture
def document(tmp_path: Path) -> Path:
    (tmp_path / "document").write_bytes(CONTENT)
    return tmp_path / "document"


def public_key_of(token: GostToken, folder: Path) -> Path:
    path = folder / "public.pem"
    path.write_bytes(
        openssl_gost("x509", "-inform", "DER", "-noout", "-pubkey", data=token.certificate).stdout,
    )
    return path


def test_openssl_and_the_token_accept_what_pkcs11_tool_signs(token: GostToken, tmp_path: Path, document: Path) -> None:
    mechanism, digest = HASHING[token.key]
    signature = tmp_path / "signature"
    given = ("--mechanism", mechanism, "--id", "01", "--input-file", document)
    form = ("--signature-format", "openssl") if token.key.startswith("p") else ()
    token.pkcs11_tool(*token.logged_in, "--sign", *given, "--output-file", signature, *form)
    public = public_key_of(token, tmp_path)
    judged = openssl_gost("dgst", f"-{digest}", "-verify", public, "-signature", signature, document, check=False)
    assert judged.stdout == b"Verified OK\n"
    own = token.pkcs11_tool("--verify", *given, "--signature-file", signature, *form)
    assert b"Signature is valid" in own.stdout + own.stderr
    document.write_bytes(CONTENT[:-1])
    other = token.pkcs11_tool("--verify", *given, "--signature-file", signature, *form, check=False)
    assert b"Invalid signature" in other.stdout + other.stderr


def test_a_document_in_parts_is_signed_as_in_one_piece(token: GostToken, tmp_path: Path) -> None:
    """pkcs11-tool gives what is longer than its buffer by C_SignUpdate."""
    mechanism, digest = HASHING[token.key]
    document, signature = tmp_path / "long", tmp_path / "signature"
    document.write_bytes(bytes(range(256)) * 400)
    form = ("--signature-format", "openssl") if token.key.startswith("p") else ()
    token.pkcs11_tool(
        *token.logged_in, "--sign", "--mechanism", mechanism, "--id", "01", "--input-file", document,
        "--output-file", signature, *form,
    )  # fmt: skip
    public = public_key_of(token, tmp_path)
    judged = openssl_gost("dgst", f"-{digest}", "-verify", public, "-signature", signature, document, check=False)
    assert judged.stdout == b"Verified OK\n"


def test_both_keys_of_a_pair_name_the_same_parameters(token: GostToken) -> None:
    names = [PyKCS11.CKA_MODULUS, PyKCS11.CKA_EC_PARAMS, PyKCS11.CKA_GOSTR3410_PARAMS, PyKCS11.CKA_GOSTR3411_PARAMS]
    with cryptoki.library(token.module, token.environment) as loaded, cryptoki.session(loaded, pin=token.pin) as opened:
        public, private = (
            opened.getAttributeValue(cryptoki.find(opened, (PyKCS11.CKA_CLASS, kind)), names, allAsBinary=True)
            for kind in (PyKCS11.CKO_PUBLIC_KEY, PyKCS11.CKO_PRIVATE_KEY)
        )
    assert public == private
    assert any(public)


def test_the_certificate_stands_beside_its_key_and_openssl_trusts_it(token: GostToken, tmp_path: Path) -> None:
    read = token.pkcs11_tool("--read-object", "--type", "cert", "--id", "01", "--output-file", tmp_path / "der")
    assert read.returncode == 0
    assert (tmp_path / "der").read_bytes() == token.certificate
    verified = openssl_gost("verify", "-CAfile", token.authority.certificate, data=token.certificate_pem)
    assert verified.stdout == b"stdin: OK\n"


def test_pkcs11_tool_finds_no_error(rsa_token: GostToken) -> None:
    tested = rsa_token.pkcs11_tool(*rsa_token.logged_in, "--test")
    assert tested.stdout.decode().splitlines()[-1] == "No errors"
    assert b"RSA-PKCS: OK" in tested.stdout


FORKED = """
import ctypes, os, sys
module = ctypes.CDLL(sys.argv[1])
session, count = ctypes.c_ulong(), ctypes.c_ulong()
def opens():
    return module.C_OpenSession(ctypes.c_ulong(0), ctypes.c_ulong(4), None, None, ctypes.byref(session))
def closes():
    return module.C_CloseSession(session)
assert (module.C_Initialize(None), opens()) == (0, 0)
child = os.fork()
if child == 0:
    answers = [closes(), module.C_Initialize(None), closes(), opens(), module.C_Finalize(None)]
    os._exit(answers != [0x190, 0, 0xB3, 0, 0])
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert (closes(), module.C_Finalize(None)) == (0, 0)
"""


def test_a_child_process_begins_anew_and_leaves_its_parent_alone(rsa_token: GostToken) -> None:
    assert run_python(FORKED, rsa_token) == (0, b"")
    tested = rsa_token.pkcs11_tool("--test-fork")
    assert tested.stdout + tested.stderr == b"*** Calling C_Initialize in forked child process ***\n"


def run_python(program: str, token: GostToken) -> tuple[int, bytes]:
    done = subprocess.run(
        [sys.executable, "-c", program, built_module()], env=token.environment, capture_output=True, check=False
    )
    return done.returncode, done.stderr


def test_objects_are_listed_and_deleted(tmp_path: Path) -> None:
    token = make_gost_token(tmp_path, "gost256-A")
    shown = token.pkcs11_tool(*token.logged_in, "--list-objects").stdout.decode()
    assert [line.split(";")[0] for line in shown.splitlines() if "Object;" in line] == [
        "Private Key Object",
        "Public Key Object",
        "Certificate Object",
    ]
    for kind in ("cert", "pubkey", "privkey"):
        token.pkcs11_tool(*token.logged_in, "--delete-object", "--type", kind, "--id", "01")
    assert token.pkcs11_tool(*token.logged_in, "--list-objects").stdout == b""
    assert list((token.folder / "objects").iterdir()) == []


def test_keys_of_files_are_written_and_sign(rsa_token: GostToken, tmp_path: Path, document: Path) -> None:
    key, signature = tmp_path / "key.pem", tmp_path / "signature"
    for number, (algorithm, option, mechanism) in enumerate(
        [("RSA", "rsa_keygen_bits:2048", "SHA256-RSA-PKCS"), ("EC", "ec_paramgen_curve:P-256", "ECDSA-SHA256")]
    ):
        openssl_gost("genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out", key)
        identifier = f"4{number}"
        rsa_token.pkcs11_tool(
            *rsa_token.logged_in, "--write-object", key, "--type", "privkey", "--id", identifier, "--usage-sign"
        )
        rsa_token.pkcs11_tool(
            *rsa_token.logged_in, "--sign", "--mechanism", mechanism, "--id", identifier, "--input-file", document,
            "--output-file", signature, *(("--signature-format", "openssl") if algorithm == "EC" else ()),
        )  # fmt: skip
        judged = openssl_gost("dgst", "-sha256", "-prverify", key, "-signature", signature, document, check=False)
        assert judged.stdout == b"Verified OK\n"


class Mechanism(ctypes.Structure):
    _fields_ = (("mechanism", c_ulong), ("parameter", c_void_p), ("parameter_size", c_ulong))


class Attribute(ctypes.Structure):
    _fields_ = (("type", c_ulong), ("value", c_void_p), ("size", c_ulong))


class Caller:
    """The module as a C program calls it: every argument as it is."""

    def __init__(self, token: GostToken) -> None:
        self._library = ctypes.CDLL(token.module)
        assert self.call("C_Initialize", None) == PyKCS11.CKR_OK
        self.session = c_ulong()
        assert self.call("C_OpenSession", c_ulong(0), c_ulong(6), None, None, byref(self.session)) == PyKCS11.CKR_OK
        pin = token.pin.encode()
        assert self.in_session("C_Login", c_ulong(PyKCS11.CKU_USER), pin, c_ulong(len(pin))) == PyKCS11.CKR_OK

    def call(self, name: str, *arguments: Any) -> int:
        function = self._library[name]
        function.restype = c_ulong
        code: int = function(*arguments)
        return code

    def in_session(self, name: str, *arguments: Any) -> int:
        return self.call(name, self.session, *arguments)

    def private_key(self) -> c_ulong:
        kind, found, count = c_ulong(PyKCS11.CKO_PRIVATE_KEY), c_ulong(), c_ulong()
        template = Attribute(PyKCS11.CKA_CLASS, ctypes.cast(byref(kind), c_void_p), ctypes.sizeof(kind))
        self.in_session("C_FindObjectsInit", byref(template), c_ulong(1))
        self.in_session("C_FindObjects", byref(found), c_ulong(1), byref(count))
        self.in_session("C_FindObjectsFinal")
        assert count.value == 1
        return found


@pytest.fixture
def caller(rsa_token: GostToken, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    token = make_gost_token(tmp_path, "gost256-A")
    monkeypatch.setenv("PERO_TEST_TOKEN_DIR", token.environment["PERO_TEST_TOKEN_DIR"])
    caller = Caller(token)
    yield caller
    assert caller.call("C_Finalize", None) == PyKCS11.CKR_OK


def test_a_question_for_the_size_leaves_the_signature_under_way(caller: Caller) -> None:
    key, mechanism = caller.private_key(), Mechanism(PyKCS11.CKM_GOSTR3410, None, 0)
    size, room = c_ulong(), (c_char * 64)()
    data = (bytes(32), c_ulong(32))
    assert caller.in_session("C_SignInit", byref(mechanism), key) == PyKCS11.CKR_OK
    assert caller.in_session("C_SignInit", byref(mechanism), key) == PyKCS11.CKR_OPERATION_ACTIVE
    assert caller.in_session("C_Sign", *data, None, byref(size)) == PyKCS11.CKR_OK
    assert size.value == 64
    size.value = 63
    assert caller.in_session("C_Sign", *data, room, byref(size)) == PyKCS11.CKR_BUFFER_TOO_SMALL
    assert (size.value, bytes(room)) == (64, bytes(64))
    assert caller.in_session("C_Sign", *data, room, byref(size)) == PyKCS11.CKR_OK
    assert caller.in_session("C_Sign", *data, room, byref(size)) == PyKCS11.CKR_OPERATION_NOT_INITIALIZED


def test_nothing_at_all_has_a_signature_too(caller: Caller) -> None:
    key, mechanism = caller.private_key(), Mechanism(cryptoki.CKM_GOSTR3410_WITH_GOSTR3411_12_256, None, 0)
    for data in (b"", None):
        size, room = c_ulong(64), (c_char * 64)()
        assert caller.in_session("C_SignInit", byref(mechanism), key) == PyKCS11.CKR_OK
        assert caller.in_session("C_Sign", data, c_ulong(0), room, byref(size)) == PyKCS11.CKR_OK
        assert bytes(room) != bytes(64)


@pytest.mark.parametrize(
    ("data", "size", "code"), [(None, 32, PyKCS11.CKR_ARGUMENTS_BAD), (bytes(31), 31, PyKCS11.CKR_DATA_LEN_RANGE)]
)
def test_an_error_ends_the_signature(caller: Caller, data: bytes | None, size: int, code: int) -> None:
    key, mechanism = caller.private_key(), Mechanism(PyKCS11.CKM_GOSTR3410, None, 0)
    length, room = c_ulong(64), (c_char * 64)()
    assert caller.in_session("C_SignInit", byref(mechanism), key) == PyKCS11.CKR_OK
    assert caller.in_session("C_Sign", data, c_ulong(size), room, byref(length)) == code
    assert caller.in_session("C_SignInit", byref(mechanism), key) == PyKCS11.CKR_OK


def test_sizes_of_attributes_are_told_as_pkcs11_says(caller: Caller) -> None:
    key, unavailable = caller.private_key(), c_ulong(-1).value
    room = (c_char * 2)()
    pointer = ctypes.cast(room, c_void_p)
    template = (Attribute * 4)(
        Attribute(PyKCS11.CKA_LABEL, None, 0),
        Attribute(PyKCS11.CKA_LABEL, pointer, 2),
        Attribute(PyKCS11.CKA_VALUE, None, 0),
        Attribute(PyKCS11.CKA_MODULUS, None, 0),
    )
    codes = {PyKCS11.CKR_BUFFER_TOO_SMALL, PyKCS11.CKR_ATTRIBUTE_SENSITIVE, PyKCS11.CKR_ATTRIBUTE_TYPE_INVALID}
    assert caller.in_session("C_GetAttributeValue", key, template, c_ulong(4)) in codes
    assert [attribute.size for attribute in template] == [len("key"), unavailable, unavailable, unavailable]


def test_it_is_initialised_once_and_answers_nothing_before(caller: Caller) -> None:
    assert caller.call("C_Initialize", None) == PyKCS11.CKR_CRYPTOKI_ALREADY_INITIALIZED
    assert caller.call("C_Finalize", None) == PyKCS11.CKR_OK
    count = c_ulong()
    assert caller.call("C_GetSlotList", c_char(b"\0"), None, byref(count)) == PyKCS11.CKR_CRYPTOKI_NOT_INITIALIZED
    assert caller.call("C_Finalize", None) == PyKCS11.CKR_CRYPTOKI_NOT_INITIALIZED
    assert caller.call("C_Initialize", None) == PyKCS11.CKR_OK


LEFT_OPEN = """
import ctypes, ssl, sys, hashlib
module = ctypes.CDLL(sys.argv[1])
assert module.C_Initialize(None) == 0
session = ctypes.c_ulong()
assert module.C_OpenSession(ctypes.c_ulong(0), ctypes.c_ulong(4), None, None, ctypes.byref(session)) == 0
hashlib.sha256(b"").digest()
ssl.create_default_context()
"""


def test_a_program_that_ends_without_finalising_ends_well(rsa_token: GostToken) -> None:
    assert run_python(LEFT_OPEN, rsa_token) == (0, b"")
