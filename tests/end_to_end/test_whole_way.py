"""A page gets a signature, every part real: browser, extension, host, agent, window, token, openssl (R1-R4, R10)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.browsers import FAMILIES
from tests.harness.whole import Desk

KEYS = {"chromium": ("rsa2048", "p256"), "firefox": ("p384", "rsa4096")}  # token, key file


@pytest.fixture(scope="module", params=FAMILIES)
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("desk"), request.param) as desk:
        desk.add_token(KEYS[desk.family][0])
        desk.start_agent()
        desk.open_browser()
        yield desk


def test_a_page_connects_chooses_and_signs_with_a_token(desk: Desk, tmp_path: Path) -> None:
    page = desk.page()
    assert page.evaluate("return (await pero.status()).state") == "not_allowed"
    assert page.failure("return await pero.sign({ name: 'a', content: 'a' })")["code"] == "not_allowed"
    assert desk.allow(page) == {"allowed": True, "remembered": True}

    desk.ask(page, "pero.selectCertificate()")
    desk.display.click("Choose")
    chosen = desk.answer(page)
    assert chosen["thumbprint"] == desk.identity.thumbprint

    content = "Договор № 1\n<b>не HTML</b>\n"
    desk.ask_signature(page, content, "договор.txt")
    desk.display.wait_for_window("Pero")
    read = " ".join(f"{node['name']} {node['text']}" for node in desk.display.accessible.tree())
    assert desk.site.origin() in read
    assert "договор.txt" in read
    assert "<b>не HTML</b>" in read
    assert "Test Signer" in read
    desk.display.sign(desk.pin)
    answer = desk.answer(page)
    desk.openssl_accepts(answer, content)

    (tmp_path / "s.p7s").write_bytes(base64.b64decode(answer["base64"]))
    (tmp_path / "d.txt").write_text(content)
    command = ("verify", str(tmp_path / "s.p7s"), "--content", str(tmp_path / "d.txt"))
    trusted = (*command, "--trust", str(desk.folder / "ca.pem"))
    desk.pero(*trusted)
    desk.pero(*command, expect=2)
    (tmp_path / "d.txt").write_text(content + "!")
    assert "document_changed" in desk.pero(*trusted, "--json", expect=1)


def test_a_page_signs_with_a_key_file_an_empty_document(desk: Desk) -> None:
    desk.add_key_file(KEYS[desk.family][1], name="File Signer")
    page = desk.page()
    call = f"pero.sign({{ name: 'empty.txt', content: '' }}, {{ certificate: '{desk.identity.thumbprint}' }})"
    desk.ask(page, call)
    desk.display.sign(desk.pin)
    desk.openssl_accepts(desk.answer(page), "")


def test_a_page_signs_a_digest_and_an_attached_document(desk: Desk) -> None:
    page = desk.page()
    only = json.dumps({"certificate": desk.identity.thumbprint})
    digest = (
        "crypto.subtle.digest('SHA-256', new TextEncoder().encode('far away'))"
        f".then(value => pero.sign({{ name: 'film', algorithm: 'sha256', value: new Uint8Array(value) }}, {only}))"
    )
    desk.ask(page, digest)
    desk.display.sign(desk.pin)
    desk.openssl_accepts(desk.answer(page), "far away")
    attached = json.dumps({"certificate": desk.identity.thumbprint, "attached": True})
    desk.ask(page, f"pero.sign({{ name: 'a.txt', content: 'inside' }}, {attached})")
    desk.display.sign(desk.pin)
    answer = desk.answer(page)
    assert answer["detached"] is False
    assert b"inside" in base64.b64decode(answer["base64"])


def test_the_journal_tells_it_all_and_is_whole(desk: Desk) -> None:
    kinds = [entry["kind"] for entry in desk.journal()]
    assert kinds.count("confirmed") >= 4
    assert "connect" in kinds
    assert json.loads(desk.pero("journal", "verify", "--json"))["intact"] is True


def test_no_pin_is_anywhere_on_the_disk_of_the_agent(desk: Desk) -> None:
    for path in desk.places.state.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert desk.pin.encode() not in content, path
            assert b"12345678\n" not in content, path


def test_a_large_document_goes_the_whole_way(desk: Desk) -> None:
    page = desk.page()
    only = json.dumps({"certificate": desk.identity.thumbprint})
    desk.ask(page, f"pero.sign({{ name: 'large.bin', content: new Uint8Array(5 << 20) }}, {only})")
    desk.display.sign(desk.pin)
    desk.openssl_accepts(desk.answer(page), bytes(5 << 20))


def test_a_page_that_wants_loopback_gets_its_signature_there(desk: Desk) -> None:
    assert desk.port == 14741, "another Pero of this machine holds the first port, and the page would reach that one"
    page = desk.page(host="localhost")
    page.evaluate("pero.configure({ transports: ['loopback'] })")
    assert page.evaluate("return (await pero.status()).state") == "not_allowed"
    assert page.failure("return await pero.sign({ name: 'a', content: 'a' })")["code"] == "not_allowed"
    assert desk.allow(page, "Allow once") == {"allowed": True, "remembered": False}
    only = json.dumps({"certificate": desk.identity.thumbprint})
    desk.ask(page, f"pero.sign({{ name: 'a.txt', content: 'over loopback' }}, {only})")
    desk.display.sign(desk.pin)
    desk.openssl_accepts(desk.answer(page), "over loopback")
    sites = {site["origin"] for site in json.loads(desk.pero("sites", "list", "--json"))["sites"] if site["allowed"]}
    assert desk.site.origin(host="localhost") not in sites
