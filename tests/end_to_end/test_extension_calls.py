"""From a page through the extension and the native host to an agent, in both browsers. The agent answers as told."""

from __future__ import annotations

import hashlib

import pytest

from agent.errors import PinIncorrect
from native_host.manifests import CHROMIUM_EXTENSION, FIREFOX_EXTENSION
from tests.end_to_end.conftest import World
from tests.harness.browsers import Page
from tests.harness.fake_agent import CERTIFICATE, VERSION

LARGE = 5 << 20  # bytes


def test_status_says_ready_and_which_way_and_version(page: Page) -> None:
    status = page.evaluate("return await pero.status()")
    assert status == {"state": "ready", "transport": "extension", "version": VERSION, "protocol": 1}


def test_the_native_host_tells_which_extension_the_browser_started_it_for(world: World, page: Page) -> None:
    page.evaluate("await pero.status()")
    arguments = world.agent.arguments[-1]
    if world.family == "chromium":
        assert arguments[0] == f"chrome-extension://{CHROMIUM_EXTENSION}/"
    else:
        assert arguments[1] == FIREFOX_EXTENSION


def test_connect_asks_and_tells_what_the_person_said(world: World, page: Page) -> None:
    assert page.evaluate("return await pero.connect()") == {"allowed": True, "remembered": True}
    envelope = world.agent.wait_for("connect")
    assert envelope["origin"] == world.site.origin()
    assert envelope["top_frame"] is True


def test_a_certificate_is_chosen_with_a_filter(world: World, page: Page) -> None:
    chosen = page.evaluate(
        """const c = await pero.selectCertificate({ issuer: "demo", keyTypes: ["ec"] });
        return { ...c, der: new TextDecoder().decode(c.der), notAfter: c.notAfter.toISOString() }"""
    )
    assert chosen["thumbprint"] == CERTIFICATE["thumbprint"]
    assert chosen["der"] == "not a certificate"
    assert chosen["notAfter"] == "2027-01-01T00:00:00.000Z"
    assert world.agent.wait_for("select_certificate")["message"]["params"] == {
        "filter": {"issuer": "demo", "key_types": ["ec"]}
    }


@pytest.mark.parametrize(
    "content",
    [
        '"Привет"',
        'new TextEncoder().encode("Привет")',
        'new TextEncoder().encode("Привет").buffer',
        'new Blob(["Привет"])',
        'new TextEncoder().encode("-Привет-").subarray(1, 13)',
    ],
)
def test_a_document_of_any_kind_arrives_as_its_bytes(page: Page, content: str) -> None:
    signature = page.evaluate(
        f"""const s = await pero.sign({{ name: "a.txt", content: {content}, mediaType: "text/plain" }});
        return [Array.from(s.signature), s.detached, s.certificate.subject]"""
    )
    assert signature == [list(hashlib.sha256("Привет".encode()).digest()), True, "CN=DEMO Signer"]


def test_an_empty_document_is_a_document(page: Page) -> None:
    signature = page.evaluate('return Array.from((await pero.sign({ name: "", content: "" })).signature)')
    assert signature == list(hashlib.sha256(b"").digest())


def test_a_digest_and_every_option_arrive(world: World, page: Page) -> None:
    page.evaluate(
        """await pero.sign({ name: "a.iso", algorithm: "sha256", value: new Uint8Array(32), size: 7 },
        { certificate: "ab", filter: { thumbprints: ["ab"] }, attached: false, digestAlgorithm: "sha256" })"""
    )
    assert world.agent.wait_for("sign")["message"]["params"] == {
        "digest": {"value": "A" * 43 + "=", "algorithm": "sha256", "name": "a.iso", "size": 7},
        "certificate": "ab",
        "filter": {"thumbprints": ["ab"]},
        "attached": False,
        "digest_algorithm": "sha256",
    }


def test_an_error_of_the_agent_comes_out_typed(world: World, page: Page) -> None:
    def wrong(_: object) -> None:
        raise PinIncorrect(tries_left=2, count_low=True, final_try=False)

    world.agent.answers["sign"] = wrong
    fields = page.failure('await pero.sign({ name: "a", content: "a" })')
    assert fields["name"] == "PeroError"
    assert (fields["code"], fields["number"], fields["actor"]) == ("pin_incorrect", 2002, "person")
    assert fields["retriable"] is True
    assert fields["facts"]["tries_left"] == 2


def test_two_tabs_at_once_get_their_own_answers(world: World) -> None:
    world.agent.hold("sign")
    pages = [world.open(), world.open(host="localhost")]
    for number, page in enumerate(pages):
        page.evaluate(f'window.call = pero.sign({{ name: "{number}", content: "{number}" }}); call.catch(() => 0)')
    envelopes = [world.agent.wait_for("sign") for _ in pages]
    assert envelopes[0]["page"] != envelopes[1]["page"]
    assert [one["origin"] for one in envelopes] == [world.site.origin(), world.site.origin(host="localhost")]
    world.agent.release("sign")
    for number, page in enumerate(pages):
        signature = page.evaluate("return Array.from((await call).signature)")
        assert signature == list(hashlib.sha256(str(number).encode()).digest())
        page.close()


def test_two_calls_of_one_page_at_once_are_answered_in_any_order(world: World, page: Page) -> None:
    world.agent.hold("sign")
    page.evaluate('window.call = pero.sign({ name: "a", content: "a" })')
    world.agent.wait_for("sign")
    assert page.evaluate("return (await pero.status()).state") == "ready"
    world.agent.release("sign")
    assert page.evaluate("return (await call).detached") is True


def test_an_abort_cancels_the_request_and_rejects_with_its_reason(world: World, page: Page) -> None:
    world.agent.hold("sign")
    page.evaluate(
        """window.controller = new AbortController();
        window.call = pero.sign({ name: "a", content: "a" }, { signal: controller.signal });
        window.call.catch(() => 0)"""
    )
    asked = world.agent.wait_for("sign")
    assert page.failure("controller.abort(); await call")["name"] == "AbortError"
    cancel = world.agent.wait_for("cancel")
    assert cancel["page"] == asked["page"]
    assert cancel["message"]["params"] == {"id": asked["message"]["id"]}
    world.agent.release("sign")
    assert page.evaluate("return (await pero.status()).state") == "ready"


def test_a_signal_that_was_aborted_before_sends_nothing(world: World, page: Page) -> None:
    fields = page.failure('await pero.connect({ signal: AbortSignal.abort(new RangeError("mine")) })')
    assert (fields["name"], fields["message"]) == ("RangeError", "mine")
    assert not world.agent.heard()


def test_the_agent_is_told_when_a_page_goes_away(world: World) -> None:
    world.agent.hold("sign")
    page = world.open()
    page.evaluate('pero.sign({ name: "a", content: "a" }); 0')
    asked = world.agent.wait_for("sign")
    page.close()
    world.agent.wait_until_closed(asked["page"])
    world.agent.release("sign")


def test_a_document_of_five_mebibytes_goes_there_and_back(world: World, page: Page) -> None:
    world.agent.answers["sign"] = lambda envelope: {
        "signature": envelope["message"]["params"]["document"]["content"],
        "detached": False,
        "certificate": CERTIFICATE,
    }
    same = page.evaluate(
        f"""const content = new Uint8Array({LARGE}).map((_, index) => (index * 7919) >> 3);
        const s = await pero.sign({{ name: "large", content }}, {{ attached: true }});
        return s.signature.length === content.length && s.signature.every((byte, index) => byte === content[index])"""
    )
    assert same is True


def test_a_message_over_the_limit_is_refused_and_the_rest_goes_on(page: Page) -> None:
    fields = page.failure('await pero.sign({ name: "huge", content: new Uint8Array(40 * 1024 * 1024) })')
    assert (fields["code"], fields["facts"]) == ("message_too_large", {"limit": 48 << 20})
    assert page.evaluate("return (await pero.status()).state") == "ready"
