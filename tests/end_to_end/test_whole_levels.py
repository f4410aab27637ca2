"""Levels and bad days as a page and a person meet them, with every part real: time-stamp authorities that fail after
the signature was made, keys that may not sign, what no signature can be made of (R4, R8)."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from asn1crypto import cms

from agent.config import Settings, save_settings
from tests.harness import pdf
from tests.harness.authority import Holder
from tests.harness.authority_server import AuthorityServer
from tests.harness.browsers import Page
from tests.harness.whole import PERO, Desk, until

PASSPHRASE = "long enough passphrase"
WINDOW, READER = "agent.desktop.windows.main", "agent.pdf.worker"
STAMP = "1.2.840.113549.1.9.16.2.14"
OVER = "2.5.29.16=DER:30:22:80:0f:" + ":".join(
    f"{octet:02x}" for octet in b"20200101000000Z\x81\x0f20210101000000Z"
)  # privateKeyUsagePeriod (RFC 3280 section 4.2.1.4): of the year 2020


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthorityServer]:
    with AuthorityServer(tmp_path_factory.mktemp("authority"), "ec") as made:
        yield made


@pytest.fixture(scope="module")
def holders(server: AuthorityServer) -> dict[str, Holder]:
    """Whoever may sign, whose certificate names no place for revocation, and whose may not."""
    authority = server.authority
    encipher = "keyUsage=critical,keyAgreement\n"
    return {
        "Somebody": authority.signer("Somebody"),
        "Unaddressed": authority.signer("Unaddressed", ""),
        "Encipher": authority.make("Encipher", authority.issuing, encipher),
        "Over": authority.signer("Over", OVER + "\n"),
    }


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, server: AuthorityServer, holders: dict[str, Holder]
) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("desk"), "chromium") as desk:
        desk.pin = PASSPHRASE
        for holder in holders.values():
            desk.pero("keyfile", "add", str(server.authority.key_file(holder, PASSPHRASE)), pin=PASSPHRASE)
        desk.start_agent()
        desk.open_browser()
        page = desk.page()
        desk.allow(page)
        page.close()
        yield desk


@pytest.fixture
def desk(shared: Desk, server: AuthorityServer) -> Desk:
    stamping(shared, server, "right")
    return shared


@pytest.fixture
def page(desk: Desk) -> Iterator[Page]:
    page = desk.page()
    yield page
    page.close()


def stamping(desk: Desk, server: AuthorityServer, way: str) -> None:
    """From now on, for a running agent too."""
    save_settings(desk.places.settings, Settings(timestamp_authorities=(server.stamping(way),)))


def ask(desk: Desk, page: Page, holder: Holder, **options: Any) -> None:
    given = {"certificate": holder.description.thumbprint, **options}
    desk.ask(page, f"pero.sign({{ name: 'a.txt', content: 'hello' }}, {json.dumps(given)})")


def answer(page: Page) -> Any:
    return page.evaluate(
        "const { value, error } = await window.call;"
        "return error ? { error } : { level: value.level, base64: value.base64 }"
    )


def level_of(signature: bytes, server: AuthorityServer, folder: Path) -> str:
    """By openssl: that it is right, and whether there is a time-stamp of it."""
    (folder / "signature").write_bytes(signature)
    (folder / "content").write_text("hello")
    root = server.authority.root.certificate
    command = ["openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", "signature"]
    done = subprocess.run(
        [*command, "-content", "content", "-CAfile", root, "-purpose", "any", "-out", os.devnull],
        cwd=folder, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    (signer,) = cms.ContentInfo.load(signature)["content"]["signer_infos"]
    stamps = [one for one in signer["unsigned_attrs"] or () if one["type"].dotted == STAMP]
    for one in stamps:
        judged = server.authority.verify_stamp(one["values"][0].dump(), signer["signature"].native)
        assert judged.returncode == 0, judged.stderr
    return "t" if stamps else "b"


def shown(desk: Desk) -> str:
    return " ".join(f"{node['name']} {node['text']}" for node in desk.display.accessible.tree())


def test_a_time_stamp_that_was_not_to_be_had_is_asked_for_again_without_the_pin(
    desk: Desk, page: Page, server: AuthorityServer, holders: dict[str, Holder], tmp_path: Path
) -> None:
    stamping(desk, server, "status_503")
    ask(desk, page, holders["Somebody"], level="t")
    desk.display.sign(desk.pin)
    desk.display.wait_until_ready("Try again")
    assert "nothing has to be signed again" in shown(desk)
    assert "Keep level" not in shown(desk)  # the page wants T, and nothing else
    desk.display.click("Try again")  # it is still down
    desk.display.wait_until_ready("Try again", enabled=False)
    desk.display.wait_until_ready("Try again")
    stamping(desk, server, "right")
    desk.display.click("Try again")
    told = answer(page)
    assert told.get("level") == "t", told
    assert level_of(base64.b64decode(told["base64"]), server, tmp_path) == "t"
    begun = [entry for entry in desk.journal() if entry["kind"] == "confirmed"]
    assert len(begun) == 1


def test_a_page_that_takes_less_gets_it_once_the_person_keeps_it(
    desk: Desk, page: Page, server: AuthorityServer, holders: dict[str, Holder], tmp_path: Path
) -> None:
    stamping(desk, server, "html")
    ask(desk, page, holders["Somebody"], level="t", fallback=True)
    desk.display.sign(desk.pin)
    desk.display.click("Keep level B")
    told = answer(page)
    assert told.get("level") == "b", told
    assert level_of(base64.b64decode(told["base64"]), server, tmp_path) == "b"


@pytest.mark.parametrize("button", ["Give up", "Escape"])
def test_a_person_who_gives_up_leaves_the_page_with_the_level_that_is_possible(
    desk: Desk, page: Page, server: AuthorityServer, holders: dict[str, Holder], button: str
) -> None:
    stamping(desk, server, "bad_signature")
    ask(desk, page, holders["Somebody"], level="t")
    desk.display.sign(desk.pin)
    desk.display.wait_until_ready("Give up")
    if button == "Escape":
        desk.display.press("Escape")
    else:
        desk.display.click(button)
    failed = answer(page)["error"]
    assert (failed["code"], failed["facts"]["possible_level"]) == ("timestamp_wrong", "b")
    assert not desk.children(WINDOW)


def test_a_command_asks_its_person_in_the_window_too(
    desk: Desk, server: AuthorityServer, holders: dict[str, Holder], tmp_path: Path
) -> None:
    stamping(desk, server, "status_503")
    (tmp_path / "content").write_text("hello")
    thumbprint = holders["Somebody"].description.thumbprint
    command = [PERO, "sign", "content", "--level", "t", "--certificate", thumbprint, "--ask", "window"]
    with subprocess.Popen(command, cwd=tmp_path, env=desk.environment, stderr=subprocess.PIPE) as running:
        desk.display.sign(desk.pin)
        desk.display.click("Keep level B")
        _, complaint = running.communicate(timeout=60)
    assert running.returncode == 0, complaint.decode()
    assert "level B" in complaint.decode()
    assert level_of((tmp_path / "content.p7s").read_bytes(), server, tmp_path) == "b"


def test_a_page_that_takes_its_request_back_does_not_wait_for_a_slow_authority(
    desk: Desk, page: Page, server: AuthorityServer, holders: dict[str, Holder]
) -> None:
    page.evaluate("window.controller = new AbortController()")
    given = json.dumps({"level": "t", "certificate": holders["Somebody"].description.thumbprint})
    desk.ask(page, f"pero.sign({{ name: 'a', content: 'a' }}, {{ ...{given}, signal: controller.signal }})")
    desk.display.wait_for_window("Pero")
    stamping(desk, server, "slow")
    desk.display.sign(desk.pin)
    until(lambda: any(one.path == "/tsa/slow" for one in server.asked), "the authority to be asked")
    page.evaluate("controller.abort()")
    until(lambda: not desk.children(WINDOW), "the window to go", 8.0)  # the authority has ten seconds
    assert desk.journal()[-1]["facts"]["outcome"] == "cancelled"


def test_a_page_that_takes_its_request_back_does_not_wait_for_the_look_at_its_document(desk: Desk, page: Page) -> None:
    """A PDF whose form is found on 2 to the 60 ways: the reader has 30 seconds for it."""
    fields = {6 + one: b"<</T(a)/Kids[%d 0 R %d 0 R]>>" % (7 + one, 7 + one) for one in range(60)}
    document = pdf.written({**pdf.objects(b"/AcroForm<</Fields[6 0 R]>>"), **fields, 66: b"<</FT/Sig/T(x)>>"})
    page.evaluate("window.controller = new AbortController()")
    content = f"Uint8Array.from(atob('{base64.b64encode(document).decode()}'), one => one.charCodeAt(0))"
    desk.ask(page, f"pero.sign({{ name: 'a', content: {content} }}, {{ format: 'pades', signal: controller.signal }})")
    until(lambda: desk.children(READER), "somebody to read it")
    page.evaluate("controller.abort()")
    until(lambda: not desk.children(READER), "nobody to read it any more", 10.0)
    assert not desk.children(WINDOW)


def test_a_level_that_the_certificate_cannot_have_is_said_before_the_pin_is_used(
    desk: Desk, page: Page, server: AuthorityServer, holders: dict[str, Holder]
) -> None:
    server.asked.clear()
    ask(desk, page, holders["Unaddressed"], level="lt")
    desk.display.sign(desk.pin)
    until(lambda: "names no place" in shown(desk) or "revo" in shown(desk).lower(), "the reason")
    desk.display.wait_until_ready("Refuse")
    desk.display.press("Escape")
    failed = answer(page)["error"]
    assert (failed["code"], failed["facts"]["possible_level"]) == ("revocation_unaddressed", "t")
    assert [one.method for one in server.asked if one.method == "POST"] == []


@pytest.mark.parametrize(("name", "reason"), [("Encipher", "key_usage"), ("Over", "key_period_over")])
def test_a_key_that_may_not_sign_signs_nothing_for_pages_and_commands(
    desk: Desk, page: Page, holders: dict[str, Holder], tmp_path: Path, name: str, reason: str
) -> None:
    ask(desk, page, holders[name])
    desk.display.wait_for_window("Pero")
    desk.display.wait_until_ready("Sign", enabled=False)
    desk.display.wait_until_ready("Refuse")
    desk.display.press("Escape")
    # A page learns no more by naming a certificate; "refused" is where a token might still have come.
    assert answer(page)["error"]["code"] in ("no_certificate", "refused")
    (tmp_path / "content").write_text("hello")
    thumbprint = holders[name].description.thumbprint
    ended = desk.pero("sign", str(tmp_path / "content"), "--certificate", thumbprint, "--json", pin=desk.pin, expect=3)
    failed = json.loads(ended)["error"]
    assert (failed["name"], failed["facts"]["reason"]) == ("certificate_unusable", reason)
    assert not (tmp_path / "content.p7s").exists()


@pytest.mark.parametrize(("algorithm", "size"), [("sha256", 31), ("sha512", 32), ("streebog256", 64)])
def test_a_digest_of_another_length_is_refused_to_the_page(desk: Desk, page: Page, algorithm: str, size: int) -> None:
    digest = f"{{ name: 'a', value: new Uint8Array({size}), algorithm: '{algorithm}' }}"
    failed = page.failure(f"return await pero.sign({digest})")
    assert failed["code"] == "digest_length"
    assert failed["facts"]["given"] == size
    assert not desk.children(WINDOW)
    assert not [one for one in psutil.Process(desk.agent.pid).children() if READER in one.cmdline()]
