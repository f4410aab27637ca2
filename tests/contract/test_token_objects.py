"""What is on a token: listed, found again, renamed, deleted, brought in from files (R5, R10, R14).

pkcs11-tool is the judge of what is there; after each failure it must be what was there before.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from pathlib import Path

import PyKCS11
import pytest
from asn1crypto import pkcs12
from cryptography.hazmat.primitives.serialization import Encoding

from agent.algorithms import algorithm_named, new_digest
from agent.certificates.request import Subject
from agent.errors import (
    KeyFileDamaged,
    LabelUnsuitable,
    MechanismUnsupported,
    ObjectAbsent,
    ObjectExists,
    ObjectProtected,
    OperationUnsupported,
    PassphraseIncorrect,
    PeroError,
    PinCancelled,
    SignatureWrong,
    SoLoginRequired,
    TokenAbsent,
    TokenFailed,
    TokenFull,
    TokenReadOnly,
)
from agent.ipc.pin import Accepted
from agent.model import TokenState
from agent.tokens.inventory import PARAMETER_SETS, KeySpec, ObjectName, TokenObject, TokenObjects
from agent.tokens.key_file import pkcs12_key
from agent.tokens.pool import TokenPool
from tests.harness import cryptoki
from tests.harness.asker import asking
from tests.harness.gost_token import authority, issue, openssl_gost
from tests.harness.keyfiles import KeyFile, make_key_file
from tests.harness.managed import BENCHES, Bench, from_lines
from tests.harness.places import algorithm_of, built_fault_module, opened, verify

DIGEST = bytes(range(32))


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = BENCHES[getattr(request, "param", "gost token")](tmp_path)
    monkeypatch.setenv("PERO_FAULT_MODULE", made.module)
    monkeypatch.setenv("PERO_FAULT_FILE", str(tmp_path / "faults"))
    monkeypatch.setenv("PERO_FAULT_LOG", str(tmp_path / "log"))
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
async def pool(bench: Bench, tmp_path: Path) -> AsyncIterator[TokenPool]:
    async with opened(bench.pool(tmp_path, built_fault_module(), deadline=5.0)) as pool:
        yield pool


@pytest.fixture
async def token(bench: Bench, pool: TokenPool) -> TokenState:
    return await bench.token(pool)


def does(folder: Path, *faults: str) -> None:
    (folder / "faults").write_text("".join(f"{fault}\n" for fault in faults))
    (folder / "log").unlink(missing_ok=True)


def behaves(folder: Path) -> None:
    (folder / "faults").unlink(missing_ok=True)


def calls(folder: Path) -> list[str]:
    return (folder / "log").read_text().split() if (folder / "log").exists() else []


async def everything(pool: TokenPool, bench: Bench, token: TokenState) -> TokenObjects:
    async with asking(bench.pin) as asker:
        return await pool.management.objects(token, asker.source)


async def bring(pool: TokenPool, bench: Bench, token: TokenState, file: KeyFile) -> tuple[TokenObject, ...]:
    async with asking(file.passphrase, bench.pin) as asker:
        return await pool.management.import_key_file(token, file.path.read_bytes(), file.path.name, asker.source)


async def a_key(pool: TokenPool, bench: Bench, token: TokenState, label: str = "ключ") -> TokenObject:
    async with asking(bench.pin) as asker:
        return await pool.management.generate(token, KeySpec("ec", label=label), asker.source)


# looking


@pytest.mark.parametrize("bench", BENCHES, indirect=True)
async def test_everything_is_listed_and_more_of_it_after_a_login(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    file = make_key_file(tmp_path, "rsa2048", name="signer.p12")
    await bring(pool, bench, token, file)
    lone = await a_key(pool, bench, token)
    (tmp_path / "note").write_text("note")
    bench.tool(
        "--write-object",
        tmp_path / "note",
        "--type",
        "data",
        "--label",
        "note",
        "--application-label",
        "us",
        pin=bench.pin,
    )
    before = await pool.management.objects(token)
    assert not before.complete
    assert calls(tmp_path).count("C_Login") == 2  # of what was brought and made
    after = await everything(pool, bench, token)
    assert after.complete
    certificates = [one for one in after.objects if one.name.kind == "certificate"]
    assert {(one.name.thumbprint, one.has_key, one.authority) for one in certificates} == {
        (file.identity.thumbprint, True, False),
        (certificate_thumbprint(file.identity.authority.public_bytes(Encoding.DER)), False, True),
    }
    keys = {one.name: one for one in after.objects if one.name.kind == "key"}
    assert len(keys) == 2
    signer = next(one for one in keys.values() if one.certificates)
    assert (signer.key_type, signer.parameters, signer.certificates) == ("rsa", "2048", (file.identity.thumbprint,))
    assert (keys[lone.name].parameters, keys[lone.name].certificates) == ("P-256", ())
    assert all((one.has_key, one.sensitive, one.extractable) == (True, True, False) for one in keys.values())
    (data,) = [one for one in after.objects if one.name.kind == "data"]
    assert (data.label, data.application) == ("note", "us")
    # without a login the same names stand for what can be seen
    assert {one.name for one in before.objects} <= {one.name for one in after.objects}
    assert {one.has_key for one in before.objects if one.name.kind == "key"} <= {None, True}


def certificate_thumbprint(der: bytes) -> str:
    import hashlib

    return hashlib.sha256(der).hexdigest()


async def test_a_token_that_went_away_is_absent(pool: TokenPool, token: TokenState, tmp_path: Path) -> None:
    does(tmp_path, "token gone")
    with pytest.raises(TokenAbsent):
        await pool.management.objects(token)
    async with asking(None) as asker:
        with pytest.raises(TokenAbsent):
            await pool.management.objects(token, asker.source)
    assert asker.questions == []


# renaming and deleting


@pytest.mark.parametrize("bench", BENCHES, indirect=True)
async def test_both_halves_of_a_key_get_the_new_label(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    key = await a_key(pool, bench, token)
    async with asking(bench.pin) as asker:
        await pool.management.rename(token, key.name, "Подпись отдела", asker.source)
    shown = bench.tool("--list-objects", pin=bench.pin).stdout.decode()
    assert shown.count("Подпись отдела") == 2
    (found,) = (await everything(pool, bench, token)).objects
    assert (found.name, found.label) == (key.name, "Подпись отдела")


@pytest.mark.parametrize("bench", BENCHES, indirect=True)
async def test_a_certificate_and_its_key_are_deleted_each_for_itself(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    file = make_key_file(tmp_path, "p256", name="signer.p12")
    made = await bring(pool, bench, token, file)
    own = next(one.name for one in made if one.name.thumbprint == file.identity.thumbprint)
    async with asking(bench.pin) as asker:
        await pool.management.delete(token, [own], asker.source)
    assert bench.objects() == ["Certificate Object", "Private Key Object", "Public Key Object"]
    key = next(one.name for one in made if one.name.kind == "key")
    async with asking(bench.pin) as asker:
        await pool.management.delete(token, [key], asker.source)
    assert bench.objects() == ["Certificate Object"]


async def test_a_data_object_is_renamed_and_deleted(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    (tmp_path / "note").write_text("note")
    bench.tool(
        "--write-object",
        tmp_path / "note",
        "--type",
        "data",
        "--label",
        "note",
        "--application-label",
        "us",
        pin=bench.pin,
    )
    (data,) = (await pool.management.objects(token)).objects
    async with asking(bench.pin) as asker:
        await pool.management.rename(token, data.name, "other", asker.source)
    (data,) = (await pool.management.objects(token)).objects
    assert data.label == "other"
    async with asking(bench.pin) as asker:
        await pool.management.delete(token, [data.name], asker.source)
    assert bench.objects() == []


async def test_nothing_is_deleted_where_one_is_not_there(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    key = await a_key(pool, bench, token)
    gone = ObjectName("certificate", "01", "0" * 64)
    async with asking(bench.pin) as asker:
        with pytest.raises(ObjectAbsent) as raised:
            await pool.management.delete(token, [key.name, gone], asker.source)
    assert raised.value.facts == {"token": bench.label, "kind": "certificate", "id": "01"}
    assert len(bench.objects()) == 2


@pytest.mark.parametrize("label", ["two\nlines", "\u202eright", "x" * 256])
async def test_a_label_that_nobody_could_read_is_refused_before_a_pin(
    bench: Bench, pool: TokenPool, token: TokenState, label: str
) -> None:
    async with asking(None) as asker:
        with pytest.raises(LabelUnsuitable):
            await pool.management.rename(token, ObjectName("key", "01"), label, asker.source)
    assert asker.questions == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [("C_DestroyObject rv 0x1B", ObjectProtected), ("C_DestroyObject rv 0x101", SoLoginRequired),
     ("C_DestroyObject rv 0x54", OperationUnsupported), ("C_DestroyObject rv 0x32", TokenAbsent)],
)  # fmt: skip
async def test_a_token_that_refuses_to_delete_keeps_everything(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path, fault: str, error: type[PeroError]
) -> None:
    made = await bring(pool, bench, token, make_key_file(tmp_path, "p256", name="signer.p12"))
    does(tmp_path, fault)
    async with asking(bench.pin) as asker:
        with pytest.raises(error):
            await pool.management.delete(token, [one.name for one in made], asker.source)
    behaves(tmp_path)
    assert len(bench.objects()) == 4


async def test_a_key_that_cannot_be_deleted_keeps_its_certificate(
    bench: Bench, pool: TokenPool, token: TokenState
) -> None:
    with cryptoki.library(bench.module, bench.environment) as loaded, cryptoki.session(loaded, pin=bench.pin) as opened:
        cryptoki.generate(opened, PARAMETER_SETS["gost256"]["CryptoPro-A"], CKA_DESTROYABLE=False)
    key = next(one for one in (await everything(pool, bench, token)).objects if one.name.kind == "key")
    async with asking(bench.pin) as asker:
        request = await pool.management.request(token, key.name, Subject("Иванова Мария"), asker.source)
    public = openssl_gost("req", "-inform", "DER", "-noout", "-pubkey", data=request).stdout
    async with asking(bench.pin) as asker:
        written = await pool.management.write_certificate(
            token, issue(public, "Иванова", authority("gost256")), asker.source
        )
    async with asking(bench.pin) as asker:
        with pytest.raises(ObjectProtected):
            await pool.management.delete(token, [written.name, key.name], asker.source)
    assert bench.objects() == ["Certificate Object", "Private Key Object", "Public Key Object"]


async def test_half_a_renaming_is_taken_back(bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path) -> None:
    """The public half of the key may not be changed."""
    key = await a_key(pool, bench, token, "before")
    with cryptoki.library(bench.module, bench.environment) as loaded, cryptoki.session(loaded, pin=bench.pin) as opened:
        public = cryptoki.find(opened, (PyKCS11.CKA_CLASS, PyKCS11.CKO_PUBLIC_KEY))
        kinds = [PyKCS11.CKA_EC_PARAMS, PyKCS11.CKA_EC_POINT, PyKCS11.CKA_ID]
        values = [cryptoki.value(opened, public, kind) for kind in kinds]
        opened.destroyObject(public)
        cryptoki.create(
            opened, (PyKCS11.CKA_CLASS, PyKCS11.CKO_PUBLIC_KEY), (PyKCS11.CKA_KEY_TYPE, PyKCS11.CKK_EC),
            (PyKCS11.CKA_TOKEN, True), (PyKCS11.CKA_LABEL, "before"), (PyKCS11.CKA_MODIFIABLE, False),
            *zip(kinds, values, strict=True),
        )  # fmt: skip
    async with asking(bench.pin) as asker:
        with pytest.raises(ObjectProtected):
            await pool.management.rename(token, key.name, "after", asker.source)
    assert calls(tmp_path).count("C_SetAttributeValue") == 5  # the id of both at first; one label there and back
    assert bench.tool("--list-objects", pin=bench.pin).stdout.count(b"before") == 2


# files


@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384"])
@pytest.mark.parametrize("bench", BENCHES, indirect=True)
async def test_a_key_out_of_a_file_signs_on_the_token(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path, kind: str
) -> None:
    file = make_key_file(tmp_path, kind, name="signer.p12")
    async with asking(file.passphrase, bench.pin) as asker:
        made = await pool.management.import_key_file(token, file.path.read_bytes(), "signer.p12", asker.source)
        await asker.ended.wait()
    assert [question.purpose for question in asker.questions] == ["passphrase", "pin"]
    assert sum(isinstance(said, Accepted) for said in asker.said) == 2
    assert sorted(one.name.kind for one in made) == ["certificate", "certificate", "key"]
    entry = next(one for one in (await pool.listing()).certificates if one.thumbprint == file.identity.thumbprint)
    assert entry.chain == (file.identity.authority.public_bytes(Encoding.DER),)
    async with asking(bench.pin) as asker:
        verify(file.identity, await pool.sign(entry, algorithm_of(kind), DIGEST, asker.source), DIGEST)
    with pytest.raises(ObjectExists):
        await bring(pool, bench, token, file)
    assert len(bench.objects()) == 4


async def test_a_wrong_passphrase_spends_no_try_of_the_pin(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    file = make_key_file(tmp_path, "p256", name="signer.p12")
    does(tmp_path)
    async with asking("not it", file.passphrase, None) as asker:
        with pytest.raises(PinCancelled):
            await pool.management.import_key_file(token, file.path.read_bytes(), "signer.p12", asker.source)
    assert [(one.purpose, one.retry) for one in asker.questions] == [
        ("passphrase", False), ("passphrase", True), ("pin", False),
    ]  # fmt: skip
    content = file.path.read_bytes()
    with pytest.raises(PassphraseIncorrect) as raised:
        await pool.management.import_key_file(token, content, "signer.p12", from_lines(tmp_path, "not it", bench.pin))
    assert raised.value.facts == {"file": "signer.p12"}
    assert "C_Login" not in calls(tmp_path)
    assert bench.objects() == []


async def test_a_file_and_a_token_that_are_not_fit_are_told_before_anything_is_asked(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    async with asking(None) as asker:
        with pytest.raises(KeyFileDamaged):
            await pool.management.import_key_file(token, b"no file", "x.p12", asker.source)
    assert asker.questions == []
    content = make_key_file(tmp_path, "p256", name="signer.p12").path.read_bytes()
    does(tmp_path, "C_GetTokenInfo set 0x2")
    async with asking(None) as asker:
        with pytest.raises(TokenReadOnly):
            await pool.management.import_key_file(token, content, "x.p12", asker.source)
    assert asker.questions == []


async def test_a_token_that_signs_with_no_such_key_is_told_before_its_pin(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    file = make_key_file(tmp_path, "p256", name="signer.p12")
    bench.options("without-mechanism = 0x1041")
    async with asking(file.passphrase) as asker:
        with pytest.raises(MechanismUnsupported):
            await pool.management.import_key_file(token, file.path.read_bytes(), "signer.p12", asker.source)
    assert [one.purpose for one in asker.questions] == ["passphrase"]


FAULTS = [
    ("0x31", TokenFull), ("0xD0", TokenFailed), ("0xB5", TokenReadOnly), ("0x101", SoLoginRequired),
    ("0x54", OperationUnsupported), ("0x32", TokenAbsent),
]  # fmt: skip


@pytest.mark.parametrize(("code", "error"), FAULTS)
async def test_nothing_is_left_of_a_file_that_did_not_fit(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path, code: str, error: type[PeroError]
) -> None:
    does(tmp_path, f"C_CreateObject rv {code}")
    with pytest.raises(error):
        await bring(pool, bench, token, make_key_file(tmp_path, "p256", name="signer.p12"))
    behaves(tmp_path)
    assert bench.objects() == []


async def test_what_was_written_is_taken_back_where_a_later_object_fails(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    """The third object finds the token full."""
    file = make_key_file(tmp_path, "p256", name="signer.p12")
    does(tmp_path, "C_CreateObject sleep 400")
    async with asking(file.passphrase, bench.pin) as asker:
        bringing = asyncio.create_task(
            pool.management.import_key_file(token, file.path.read_bytes(), "signer.p12", asker.source)
        )
        async with asyncio.timeout(20):
            while calls(tmp_path).count("C_CreateObject") < 2:
                await asyncio.sleep(0.01)
        (tmp_path / "faults").write_text("C_CreateObject rv 0x31\n")
        with pytest.raises(TokenFull):
            await bringing
    assert calls(tmp_path).count("C_DestroyObject") == 2
    behaves(tmp_path)
    assert bench.objects() == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [("C_GenerateKeyPair rv 0x31", TokenFull), ("C_GenerateKeyPair rv 0x62", MechanismUnsupported),
     ("C_GenerateKeyPair rv 0x70", MechanismUnsupported), ("C_GenerateKeyPair rv 0x101", SoLoginRequired),
     ("C_GenerateKeyPair rv 0x30", TokenFailed)],
)  # fmt: skip
async def test_a_key_that_could_not_be_made_leaves_nothing(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path, fault: str, error: type[PeroError]
) -> None:
    does(tmp_path, fault)
    with pytest.raises(error):
        await a_key(pool, bench, token)
    behaves(tmp_path)
    assert bench.objects() == []


async def test_a_token_that_keeps_ids_as_they_were_made_keeps_its_key(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    does(tmp_path, "C_SetAttributeValue rv 0x10")
    key = await a_key(pool, bench, token)
    behaves(tmp_path)
    assert len(key.name.id) == 40
    assert bench.tool("--list-objects", pin=bench.pin).stdout.decode().count(key.name.id) == 2


async def test_a_worker_that_dies_in_the_middle_is_told_and_the_next_request_works(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    does(tmp_path, "C_GenerateKeyPair crash")
    with pytest.raises(PeroError) as raised:
        await a_key(pool, bench, token)
    assert (raised.value.name, raised.value.facts["reason"]) == ("outcome_unknown", "worker_died")
    behaves(tmp_path)
    assert (await a_key(pool, bench, token)).key_type == "ec"


async def test_several_things_at_once_on_a_token_all_succeed(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    keys = await asyncio.gather(*(a_key(pool, bench, token, f"key {number}") for number in range(4)))
    assert len({key.name.id for key in keys}) == 4
    assert len((await everything(pool, bench, token)).objects) == 4


async def test_a_moved_token_is_found_again(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    import msgspec

    key = await a_key(pool, bench, token)
    moved = msgspec.structs.replace(token, slot=99)
    async with asking(bench.pin) as asker:
        await pool.management.rename(moved, key.name, "moved", asker.source)
    (found,) = (await everything(pool, bench, token)).objects
    assert found.label == "moved"


async def test_writing_needs_a_pin(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    key = await a_key(pool, bench, token)
    with pytest.raises(PinCancelled):
        await pool.management.delete(token, [key.name])
    assert len(bench.objects()) == 2


@pytest.mark.parametrize("key", ["gost256-TCA", "gost256-A", "gost512-A", "gost512-C"])
async def test_a_gost_key_out_of_a_file_of_openssl_signs_on_the_token(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path, key: str
) -> None:
    content, certificate = gost_key_file(tmp_path, key)
    async with asking("not it", "secret", bench.pin) as asker:
        made = await pool.management.import_key_file(token, content, "gost.p12", asker.source)
    assert [question.purpose for question in asker.questions] == ["passphrase", "passphrase", "pin"]
    assert sorted(one.name.kind for one in made) == ["certificate", "certificate", "key"]
    entry = next(one for one in (await pool.listing()).certificates if one.der == certificate)
    algorithm = algorithm_named(key.partition("-")[0])
    digest = new_digest(algorithm.digest.name, b"what is signed").digest()
    async with asking(bench.pin) as asker:
        signature = await pool.sign(entry, algorithm, digest, asker.source)
    public = openssl_gost("x509", "-inform", "DER", "-noout", "-pubkey", data=certificate).stdout
    for name, one in (("public", public), ("signature", signature), ("digest", digest)):
        (tmp_path / name).write_bytes(one)
    openssl_gost(
        "pkeyutl", "-verify", "-pubin", "-inkey", tmp_path / "public", "-in", tmp_path / "digest", "-sigfile",
        tmp_path / "signature",
    )  # fmt: skip


async def test_a_gost_key_that_is_not_the_certificates_is_taken_back(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    """The file has the certificate of another key, which only a signature can tell."""
    content, _ = gost_key_file(tmp_path, "gost256-A", of_another=True)
    async with asking("secret", bench.pin) as asker:
        with pytest.raises(SignatureWrong):
            await pool.management.import_key_file(token, content, "gost.p12", asker.source)
    assert bench.objects() == []


def gost_key_file(folder: Path, key: str, *, of_another: bool = False) -> tuple[bytes, bytes]:
    """A PKCS#12 file by openssl under "secret", with the root beside it, and the certificate."""
    content, certificate = exported(folder, key, "first")
    if not of_another:
        return content, certificate
    other, certificate = exported(folder, key, "second")
    return with_certificates_of(content, other), certificate


def exported(folder: Path, key: str, name: str) -> tuple[bytes, bytes]:
    kind, _, parameters = key.partition("-")
    openssl_gost(
        "genpkey", "-algorithm", f"gost2012_{kind.removeprefix('gost')}", "-pkeyopt", f"paramset:{parameters}",
        "-out", folder / name,
    )  # fmt: skip
    root = authority(key)
    certificate = issue(openssl_gost("pkey", "-in", folder / name, "-pubout").stdout, "Иванова Мария", root)
    pem = openssl_gost("x509", "-inform", "DER", data=certificate).stdout
    (folder / "certificates").write_bytes(pem + root.certificate.read_bytes())
    openssl_gost(
        "pkcs12", "-export", "-inkey", folder / name, "-in", folder / "certificates", "-passout", "pass:secret",
        "-out", folder / f"{name}.p12",
    )  # fmt: skip
    return (folder / f"{name}.p12").read_bytes(), certificate


def with_certificates_of(content: bytes, other: bytes) -> bytes:
    """The keys of one file beside the certificates of another; openssl makes no such file."""
    mine, theirs = pkcs12.Pfx.load(content), pkcs12.Pfx.load(other)
    encrypted = [safe for safe in theirs.authenticated_safe if safe["content_type"].native == "encrypted_data"]
    plain = [safe for safe in mine.authenticated_safe if safe["content_type"].native == "data"]
    safes = pkcs12.AuthenticatedSafe([*encrypted, *plain]).dump()
    mine["auth_safe"] = {"content_type": "data", "content": safes}
    mac = mine["mac_data"]
    key = pkcs12_key(b"secret", mac["mac_salt"].native, int(mac["iterations"].native), "sha256")
    mac["mac"]["digest"] = hmac.digest(key, safes, "sha256")
    return bytes(mine.dump(force=True))


@pytest.mark.parametrize("bench", BENCHES, indirect=True)
async def test_of_keys_that_cannot_be_told_apart_none_is_deleted_or_renamed(
    bench: Bench, pool: TokenPool, token: TokenState
) -> None:
    """Two keys with one CKA_ID, whose private halves show no value: which is whose, nobody can say."""
    for _ in range(2):
        made = bench.tool("--keypairgen", "--key-type", "EC:prime256v1", "--id", "02", pin=bench.pin)
        assert made.returncode == 0, made.stderr
    before = bench.objects()
    names = [one.name for one in (await everything(pool, bench, token)).objects]
    assert len({name.thumbprint for name in names}) == 2
    for name in names:
        async with asking(bench.pin) as asker:
            with pytest.raises(ObjectProtected):
                await pool.management.delete(token, [name], asker.source)
        async with asking(bench.pin) as asker:
            with pytest.raises(ObjectProtected):
                await pool.management.rename(token, name, "another", asker.source)
    assert bench.objects() == before
