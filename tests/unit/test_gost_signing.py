"""The signing procedure with GOST keys; openssl with the gost engine holds the keys and judges what comes out (R11)."""

from __future__ import annotations

import base64
import datetime
import os
from pathlib import Path
from typing import Any

import pytest

from agent.algorithms import SignatureAlgorithm, new_digest
from agent.api.methods import sign_file
from agent.consent.prompter import SigningPrompt
from agent.errors import Refused
from agent.gost import digest as digests
from agent.ipc.pin import PinSource
from agent.model import CertificateEntry, TokenState
from tests.harness.core import Core, MemoryTokens
from tests.harness.gost import Gost, Holder

CONTENT = "Договор\r\n".encode()
TOKEN = TokenState(label="gost", serial="7", manufacturer="tests", model="memory", module="/gost.so")


@pytest.fixture(scope="module")
def gost(tmp_path_factory: pytest.TempPathFactory) -> Gost:
    return Gost(tmp_path_factory.mktemp("gost"))


class EngineCore(Core):
    """A core whose token signs with keys of the engine: a digest goes in, s and r come out."""

    def __init__(self, folder: Path, gost: Gost, *holders: Holder) -> None:
        super().__init__(folder)
        self.now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
        self.asked: list[tuple[str, str, bytes]] = []
        by_thumbprint = {holder.description.thumbprint: holder for holder in holders}
        for thumbprint, holder in by_thumbprint.items():
            chain = (gost.root(holder.kind).der,)
            self.tokens.entries.append(CertificateEntry(thumbprint, holder.der, TOKEN, True, chain))

        async def sign(
            entry: CertificateEntry, algorithm: SignatureAlgorithm, digest: bytes, pin: PinSource, *, octets: bytes
        ) -> bytes:
            assert new_digest(algorithm.digest.name, octets).digest() == digest
            pin.close()
            self.asked.append((algorithm.name, algorithm.mechanism, digest))
            return self.tokens.spoil(gost.value(by_thumbprint[entry.thumbprint], digest))

        self.tokens.sign = sign  # type: ignore[method-assign]


def document(content: bytes = CONTENT, **more: Any) -> dict[str, Any]:
    return {"document": {"name": "a.txt", "content": base64.b64encode(content).decode()}, **more}


def digest(name: str, content: bytes = CONTENT, **more: Any) -> dict[str, Any]:
    value = base64.b64encode(new_digest(name, content).digest()).decode()
    return {"digest": {"name": "a.txt", "algorithm": name, "value": value}, **more}


def error(answer: dict[str, Any]) -> str:
    return str(answer["error"]["message"])


@pytest.mark.parametrize("attached", [False, True])
@pytest.mark.parametrize(
    ("kind", "bits"), [("gost256-A", 256), ("gost256-TCA", 256), ("gost512-A", 512), ("gost512-C", 512)]
)
async def test_openssl_accepts_what_a_page_gets(
    gost: Gost, tmp_path: Path, kind: str, bits: int, attached: bool
) -> None:
    core = EngineCore(tmp_path, gost, gost.signer(kind))
    content = os.urandom(3 << 20) if kind == "gost256-A" else CONTENT  # some is large
    answer = await core.call(core.page(), "sign", document(content, attached=attached))
    signature = base64.b64decode(answer["result"]["signature"])
    accepted = gost.cms_verify(signature, gost.root(kind), None if attached else content)
    assert accepted.returncode == 0, accepted.stderr.decode()
    assert accepted.stdout == content
    assert answer["result"]["certificate"]["chain"] == [base64.b64encode(gost.root(kind).der).decode()]
    ((name, mechanism, asked),) = core.asked
    number = {256: "CKM_GOSTR3410", 512: "CKM_GOSTR3410_512"}[bits]
    assert (name, mechanism, len(asked)) == (f"gost{bits}", number, bits // 8)


@pytest.mark.parametrize(("kind", "name"), [("gost256-A", "streebog256"), ("gost512-A", "streebog512")])
async def test_openssl_accepts_the_signature_of_a_digest(gost: Gost, tmp_path: Path, kind: str, name: str) -> None:
    core = EngineCore(tmp_path, gost, gost.signer(kind))
    answer = await core.call(core.page(), "sign", digest(name))
    signature = base64.b64decode(answer["result"]["signature"])
    assert gost.cms_verify(signature, gost.root(kind), CONTENT).returncode == 0
    assert gost.cms_verify(signature, gost.root(kind), CONTENT + b"!").returncode != 0


async def test_only_keys_that_sign_the_digest_are_offered(gost: Gost, tmp_path: Path) -> None:
    short, long = gost.signer("gost256-A"), gost.signer("gost512-A")
    core = EngineCore(tmp_path, gost, short, long)
    classic = core.tokens.add("RSA", begins=core.now - datetime.timedelta(days=1))
    fitting = {
        "sha256": {classic},
        "streebog256": {short.description.thumbprint},
        "streebog512": {long.description.thumbprint},
    }
    for name, thumbprints in fitting.items():
        core.person.answers = [Refused()]
        await core.call(core.page(), "sign", digest(name))
        prompt = core.person.shown[-1]
        assert isinstance(prompt, SigningPrompt)
        assert {one.thumbprint for one in prompt.certificates if not one.problems} == thumbprints
    core.person.answers = [Refused()]
    await core.call(core.page(), "sign", document())
    prompt = core.person.shown[-1]
    assert isinstance(prompt, SigningPrompt)
    assert len(prompt.certificates) == 3


async def test_a_key_is_not_made_to_sign_a_digest_of_another_kind(gost: Gost, tmp_path: Path) -> None:
    holder = gost.signer("gost256-A")
    core = EngineCore(tmp_path, gost, holder)
    named = {"certificate": holder.description.thumbprint}
    assert error(await core.call(core.page(), "sign", digest("sha256", **named))) == "no_certificate"
    assert error(await core.call(core.page(), "sign", digest("streebog512", **named))) == "no_certificate"
    answer = await core.call(core.page(), "sign", document(digest_algorithm="sha256", **named))
    assert error(answer) == "no_certificate"
    assert error(await core.call(core.page(), "sign", digest("sha256"))) == "no_certificate"
    short = digest("streebog256")
    short["digest"]["algorithm"] = "streebog512"
    assert error(await core.call(core.page(), "sign", short)) == "digest_length"
    assert core.asked == []


@pytest.mark.parametrize("way", ["swapped", "reversed", "zero", "short"])
async def test_a_signature_in_another_order_does_not_leave(gost: Gost, tmp_path: Path, way: str) -> None:
    core = EngineCore(tmp_path, gost, gost.signer("gost256-A"))
    core.tokens.spoil = {
        "swapped": lambda value: value[32:] + value[:32],
        "reversed": lambda value: value[::-1],
        "zero": lambda value: bytes(64),
        "short": lambda value: value[:-1],
    }[way]
    core.person.answers = [None, Refused()]
    assert error(await core.call(core.page(), "sign", document())) == "signature_wrong"


async def test_certificates_are_filtered_by_their_key_type(gost: Gost, tmp_path: Path) -> None:
    short, long = gost.signer("gost256-A"), gost.signer("gost512-A")
    core = EngineCore(tmp_path, gost, short, long)
    answer = await core.call(core.page(), "select_certificate", {"filter": {"key_types": ["gost512"]}})
    assert answer["result"]["certificate"]["thumbprint"] == long.description.thumbprint
    assert answer["result"]["certificate"]["key"] == "GOST R 34.10-2012 512 (TC26-A)"


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is too large to be read whole."""
    monkeypatch.setattr(sign_file, "MAX_WHOLE", 1 << 20)
    file = tmp_path / "large"
    file.write_bytes(os.urandom((5 << 20) + 1))
    return file


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("kind", ["gost256-A", "gost512-A"])
async def test_openssl_accepts_the_signature_of_a_large_file(
    gost: Gost, tmp_path: Path, large: Path, kind: str, named: bool
) -> None:
    holder = gost.signer(kind)
    core = EngineCore(tmp_path, gost, holder)
    parameters = {"path": str(large), **({"certificate": holder.description.thumbprint} if named else {})}
    answer = await core.call(core.command(), "sign_file", parameters)
    signature = base64.b64decode(answer["result"]["signature"])
    assert gost.cms_verify(signature, gost.root(kind), large.read_bytes()).returncode == 0


async def test_other_keys_sign_large_files_as_ever_beside_a_gost_key(gost: Gost, tmp_path: Path, large: Path) -> None:
    core = EngineCore(tmp_path, gost, gost.signer("gost256-A"))
    classic = core.tokens.add("RSA", begins=core.now - datetime.timedelta(days=1))
    core.tokens.sign = MemoryTokens.sign.__get__(core.tokens)  # type: ignore[method-assign]
    core.person.answers = [classic]
    assert "result" in await core.call(core.command(), "sign_file", {"path": str(large)})
    prompt = core.person.shown[-1]
    assert isinstance(prompt, SigningPrompt)
    assert len(prompt.certificates) == 2
    assert prompt.document.digest_algorithm == "sha256"


async def test_without_a_quick_library_only_gost_keys_sign_no_large_file(
    gost: Gost, tmp_path: Path, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = digests.PROVIDERS[-1]
    monkeypatch.setattr(digests, "_chosen", lambda: (slow._replace(limit=1 << 19), slow.load()))
    holder = gost.signer("gost256-A")
    core = EngineCore(tmp_path, gost, holder)
    classic = core.tokens.add("RSA", begins=core.now - datetime.timedelta(days=1))
    named = {"path": str(large), "certificate": holder.description.thumbprint}
    assert error(await core.call(core.command(), "sign_file", named)) == "digest_too_slow"
    core.tokens.sign = MemoryTokens.sign.__get__(core.tokens)  # type: ignore[method-assign]
    core.person.answers = [classic]
    assert "result" in await core.call(core.command(), "sign_file", {"path": str(large)})
    prompt = core.person.shown[-1]
    assert isinstance(prompt, SigningPrompt)
    assert {one.thumbprint for one in prompt.certificates if not one.problems} == {classic}
