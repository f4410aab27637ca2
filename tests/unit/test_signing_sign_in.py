"""Signing in to a site: what is signed, by whom it is believed, and that no document passes for it (R1)."""

from __future__ import annotations

import base64
import codecs
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms

from agent.consent.prompter import SigningPrompt
from agent.signing import sign_in
from tests.harness.core import NOON, SITE, Core

NONCE = bytes(range(32))
OID = "2.25.162233952833384868339038071724688058292"  # as PROTOCOL.md publishes it


@pytest.fixture
def core(tmp_path: Path) -> Core:
    core = Core(tmp_path)
    core.tokens.add("DEMO Signer", key="ec")
    return core


async def proof(core: Core, nonce: bytes = NONCE, **more: Any) -> dict[str, Any]:
    return await core.call(core.page(), "sign_in", {"nonce": base64.b64encode(nonce).decode(), **more})


def refused(answer: dict[str, Any], core: Core) -> str:
    assert core.person.shown == []
    assert core.tokens.signed == 0
    return str(answer["error"]["message"])


def verified(folder: Path, signature: bytes, certificate: bytes) -> subprocess.CompletedProcess[bytes]:
    """The recipe of PROTOCOL.md."""
    (folder / "signature.der").write_bytes(signature)
    pem = subprocess.run(["openssl", "x509", "-inform", "DER"], input=certificate, capture_output=True, check=True)
    (folder / "authorities.pem").write_bytes(pem.stdout)
    command = [
        "openssl",
        "cms",
        "-verify",
        "-binary",
        "-inform",
        "DER",
        "-in",
        "signature.der",
        "-CAfile",
        "authorities.pem",
        "-purpose",
        "any",
    ]
    return subprocess.run(
        [*command, "-cades", "-attime", str(int(NOON.timestamp()))], cwd=folder, capture_output=True, check=False
    )


async def test_a_server_finds_origin_nonce_and_time_in_what_openssl_verified(core: Core, tmp_path: Path) -> None:
    result = (await proof(core, audience=f"{SITE}/cabinet"))["result"]
    signature = base64.b64decode(result["signature"])
    done = verified(tmp_path, signature, base64.b64decode(result["certificate"]["certificate"]))
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == base64.b64decode(result["content"])
    assert json.loads(done.stdout) == {
        "pero:sign-in": 1,
        "origin": SITE,
        "audience": f"{SITE}/cabinet",
        "nonce": base64.b64encode(NONCE).decode(),
        "issued_at": "2026-11-01T12:00:00Z",
    }
    shown = subprocess.run(
        ["openssl", "cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in", tmp_path / "signature.der"],
        capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    assert f"eContentType: undefined ({OID})" in shown


async def test_its_type_is_signed_and_a_document_has_another_one(core: Core, tmp_path: Path) -> None:
    result = (await proof(core))["result"]
    signature = base64.b64decode(result["signature"])
    info = cms.ContentInfo.load(signature)["content"]
    assert info["encap_content_info"]["content_type"].dotted == OID
    signed = {one["type"].dotted: one["values"][0] for one in info["signer_infos"][0]["signed_attrs"]}
    assert signed["1.2.840.113549.1.9.3"].dotted == OID
    as_document = signature.replace(cms.ContentType(OID).dump(), cms.ContentType("1.2.3").dump())
    assert verified(tmp_path, as_document, base64.b64decode(result["certificate"]["certificate"])).returncode != 0


async def test_the_window_says_sign_in_and_the_journal_too(core: Core) -> None:
    assert "result" in await proof(core)
    (prompt,) = core.person.shown
    assert isinstance(prompt, SigningPrompt)
    assert (prompt.sign_in, prompt.origin) == (SITE, SITE)
    kinds = [entry.kind for entry in core.journal.entries(10)]
    assert "sign_in" in kinds
    assert "sign" not in kinds


@pytest.mark.parametrize("size", [16, 512])
async def test_the_shortest_and_the_longest_nonce_are_taken(core: Core, size: int) -> None:
    assert "result" in await proof(core, bytes(size))


@pytest.mark.parametrize("size", [0, 1, 15, 513, 5000])
async def test_a_nonce_of_another_size_is_refused(core: Core, size: int) -> None:
    assert refused(await proof(core, bytes(size)), core) == "bad_parameters"


@pytest.mark.parametrize(
    "audience",
    [
        "https://bank.example", "https://site.example.evil.example", "https://site.example@evil.example", "", "site",
        f"{SITE}:8443/", "http://site.example/", f"{SITE}?x", 7,
    ],
)  # fmt: skip
async def test_nobody_signs_in_to_somebody_else(core: Core, audience: Any) -> None:
    assert refused(await proof(core, audience=audience), core) == "bad_parameters"


@pytest.mark.parametrize("more", [{"document": {}}, {"attached": False}, {"options": {}}, {"level": "t"}])
async def test_a_sign_in_takes_nothing_of_a_document(core: Core, more: dict[str, Any]) -> None:
    assert refused(await proof(core, **more), core) == "bad_parameters"


CONTENT = sign_in.content("https://bank.example", None, NONCE, NOON)


@pytest.mark.parametrize(
    "document",
    [
        CONTENT, b" \r\n" + CONTENT, codecs.BOM_UTF8 + CONTENT, b'{\n  "pero:sign-in": 1}',
        b'{"a": 1, "pero\\u003asign-in": 1}',
        b'{"origin": "https://bank.example", "pero:sign-in": 1}', CONTENT.decode().encode("utf-16"),
        CONTENT.decode().encode("utf-16-be"), CONTENT.decode().encode("utf-32"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("attached", [False, True])
async def test_no_document_is_signed_that_is_made_like_a_sign_in(core: Core, document: bytes, attached: bool) -> None:
    parameters = {"document": {"name": "a.txt", "content": base64.b64encode(document).decode()}, "attached": attached}
    assert refused(await core.call(core.page(), "sign", parameters), core) == "bad_parameters"


async def test_a_document_that_only_speaks_of_sign_ins_is_signed(core: Core) -> None:
    parameters = {"document": {"name": "a.txt", "content": base64.b64encode(b"On " + CONTENT).decode()}}
    assert "result" in await core.call(core.page(), "sign", parameters)


async def test_a_nonce_that_is_not_base64_is_refused(core: Core) -> None:
    assert refused(await core.call(core.page(), "sign_in", {"nonce": "no base64!"}), core) == "bad_parameters"


async def test_a_site_that_was_not_allowed_signs_nobody_in(core: Core) -> None:
    answer = await core.call(core.page(allowed=False), "sign_in", {"nonce": base64.b64encode(NONCE).decode()})
    assert refused(answer, core) == "not_allowed"


async def test_a_command_is_no_site_to_sign_in_to(core: Core) -> None:
    answer = await core.call(core.command(), "sign_in", {"nonce": base64.b64encode(NONCE).decode()})
    assert refused(answer, core) == "unknown_method"
