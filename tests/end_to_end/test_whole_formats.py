"""A page asks for a time-stamped signature of one person's certificate, and for a sign-in; every part is real
(R1, R8, R9)."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms

from agent.config import Settings, load_settings, save_settings
from agent.signing.sign_in import CONTENT_TYPE
from tests.harness.authority import Holder
from tests.harness.authority_server import AuthorityServer
from tests.harness.whole import Desk

PASSPHRASE = "long enough passphrase"
NONCE = list(range(32))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthorityServer]:
    with AuthorityServer(tmp_path_factory.mktemp("authority"), "ec") as made:
        yield made


@pytest.fixture(scope="module")
def holders(server: AuthorityServer) -> tuple[Holder, Holder]:
    """Somebody and somebody else, each with a certificate of the same authority."""
    return server.authority.signer("Somebody"), server.authority.signer("Another")


@pytest.fixture(scope="module")
def desk(
    tmp_path_factory: pytest.TempPathFactory, server: AuthorityServer, holders: tuple[Holder, Holder]
) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("desk"), "chromium") as desk:
        desk.pin = PASSPHRASE
        for holder in holders:
            desk.pero("keyfile", "add", str(server.authority.key_file(holder, PASSPHRASE)), pin=PASSPHRASE)
        settings: dict[str, Any] = {"timestamp_authorities": (server.stamping(),)}
        save_settings(desk.places.settings, Settings(**settings))
        assert load_settings(desk.places.settings).timestamp_authorities
        desk.start_agent()
        desk.open_browser()
        desk.allow(desk.page())
        yield desk


def verified(folder: Path, signature: bytes, root: Path, *more: str | Path) -> bytes:
    (folder / "signature.der").write_bytes(signature)
    command = ["openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", "signature.der"]
    done = subprocess.run(
        [*command, "-CAfile", root, "-purpose", "any", *more], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def told(desk: Desk, page: Any, call: str) -> Any:
    """What a call that was begun came to, with octets as lists."""
    octets = "JSON.parse(JSON.stringify(value, (_, one) => one instanceof Uint8Array ? Array.from(one) : one))"
    return page.evaluate(f"const {{ value, error }} = await window.{call}; return error ? {{ error }} : {octets}")


def test_a_page_gets_a_time_stamped_signature_of_the_person_it_asked_for(
    desk: Desk, server: AuthorityServer, tmp_path: Path
) -> None:
    page = desk.page()
    options = json.dumps({"level": "t", "filter": {"subject": "CN=Another"}, "withName": True, "reason": "Agreed"})
    desk.ask(page, f"pero.sign({{ name: 'договор.txt', content: 'hello' }}, {options})")
    desk.display.wait_for_window("Pero")
    read = " ".join(f"{node['name']} {node['text']}" for node in desk.display.accessible.tree())
    assert "Not offered: a certificate of another owner was asked for" in read
    desk.display.sign(desk.pin)
    answer = told(desk, page, "call")
    assert (answer["format"], answer["level"], answer["detached"]) == ("cades", "t", True)
    assert "CN=Another" in answer["certificate"]["subject"]
    signature = base64.b64decode(answer["base64"])
    (tmp_path / "content").write_text("hello")
    root = server.authority.root.certificate
    verified(tmp_path, signature, root, "-content", "content", "-out", os.devnull)
    (signer,) = cms.ContentInfo.load(signature)["content"]["signer_infos"]
    (stamp,) = [one for one in signer["unsigned_attrs"] if one["type"].dotted == "1.2.840.113549.1.9.16.2.14"]
    judged = server.authority.verify_stamp(stamp["values"][0].dump(), signer["signature"].native)
    assert judged.returncode == 0, judged.stderr


def test_a_slip_in_a_filter_is_an_error_and_lets_nobody_else_in(desk: Desk) -> None:
    page = desk.page()
    for wrong in (
        "{ filter: { INN: '7707083893' } }",
        "{ filter: { inn: '77' } }",
        "{ format: 'pkcs7' }",
        "{ lvl: 1 }",
    ):
        failed = page.failure(f"return await pero.sign({{ name: 'a', content: 'a' }}, {wrong})")
        assert failed["name"] == "TypeError" or failed["code"] == "bad_parameters"


def test_a_page_that_asks_for_a_level_that_there_is_not_is_told_which_one_is(desk: Desk) -> None:
    page = desk.page()
    settings = load_settings(desk.places.settings)
    save_settings(desk.places.settings, Settings())
    try:
        call = "return await pero.sign({ name: 'a', content: 'a' }, { level: 'lt' })"
        failed = page.failure(call)
        assert failed["code"] == "timestamp_unconfigured"
        assert failed["facts"]["possible_level"] == "b"
    finally:
        save_settings(desk.places.settings, settings)


def test_a_person_signs_in_and_the_server_believes_it(desk: Desk, server: AuthorityServer, tmp_path: Path) -> None:
    page = desk.page()
    desk.ask(page, f"pero.signIn(new Uint8Array({NONCE}), {{ filter: {{ subject: 'Somebody' }} }})")
    desk.display.wait_for_accessible("Sign in")
    read = " ".join(f"{node['name']} {node['text']}" for node in desk.display.accessible.tree())
    assert "Sign in to this site?" in read
    assert desk.site.origin() in read
    assert "No document is signed" in read
    desk.display.sign(desk.pin, button="Sign in")
    answer = told(desk, page, "call")
    assert "error" not in answer, answer
    signature = base64.b64decode(answer["base64"])
    content = json.loads(verified(tmp_path, signature, server.authority.root.certificate))
    assert content["origin"] == desk.site.origin()
    assert base64.b64decode(content["nonce"]) == bytes(NONCE)
    assert json.loads(bytes(answer["content"])) == content
    assert cms.ContentInfo.load(signature)["content"]["encap_content_info"]["content_type"].dotted == CONTENT_TYPE
    failed = page.failure(f"return await pero.sign({{ name: 'a', content: {json.dumps(json.dumps(content))} }})")
    assert failed["code"] == "bad_parameters"
    assert "sign_in" in [entry["kind"] for entry in desk.journal()]
