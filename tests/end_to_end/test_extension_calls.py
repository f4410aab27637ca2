"""From a page through the extension and the native host to an agent, in both browsers. The agent answers as told."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from agent.errors import PinIncorrect
from agent.signing.filters import Filter
from agent.signing.options import SignatureOptions
from native_host.manifests import CHROMIUM_EXTENSION, FIREFOX_EXTENSION
from tests.end_to_end.conftest import World
from tests.harness.browsers import Page
from tests.harness.fake_agent import CERTIFICATE, VERSION

LARGE = 5 << 20  # bytes
CERTIFIED = {"certificate": CERTIFICATE}


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


EVERYTHING = """{
  certificate: "ab", attached: false, digestAlgorithm: "sha256", format: "pades", level: "t", fallback: true,
  encoding: "der", packaging: "detached", padding: "pss", reason: "why", withName: true,
  existing: new Uint8Array([1, 2]), mode: "counter_sign", signer: 1,
  pdf: { visible: { x: 1, y: 2, width: 3, height: 4 } }, xml: { id: "a", signingCertificate: "v1" },
  filter: {
    thumbprints: ["aa"], issuer: "i", subject: "s", serial: "01", keyTypes: ["ec"], keySizes: [256],
    keyUsage: ["digital_signature"], purposes: ["1.2"], policies: ["1.3"], validAt: new Date(0), validDays: 5,
    inn: "7707083893", innLe: "7707083893", ogrn: "1", ogrnip: "2", snils: "3", qualified: true,
  },
}"""


def test_every_option_of_a_signature_has_its_name_in_the_protocol(world: World, page: Page) -> None:
    page.evaluate(f"await pero.sign({{ name: 'a', content: '' }}, {EVERYTHING})")
    parameters = world.agent.wait_for("sign")["message"]["params"]
    del parameters["document"]
    assert parameters == {
        "certificate": "ab",
        "attached": False,
        "digest_algorithm": "sha256",
        "options": {
            "format": "pades", "level": "t", "fallback": True, "encoding": "der", "packaging": "detached",
            "padding": "pss", "reason": "why", "name": True, "existing": "AQI=", "mode": "counter_sign", "signer": 1,
            "pdf": {"visible": {"x": 1, "y": 2, "width": 3, "height": 4}},
            "xml": {"id": "a", "signing_certificate": "v1"},
        },
        "filter": {
            "thumbprints": ["aa"], "issuer": "i", "subject": "s", "serial": "01", "key_types": ["ec"],
            "key_sizes": [256], "key_usage": ["digital_signature"], "purposes": ["1.2"], "policies": ["1.3"],
            "valid_at": "1970-01-01T00:00:00.000Z", "valid_days": 5, "inn": "7707083893", "inn_le": "7707083893",
            "ogrn": "1", "ogrnip": "2", "snils": "3", "qualified": True,
        },
    }  # fmt: skip
    options = msgspec.convert(parameters["options"], SignatureOptions)
    assert options.pdf is not None
    assert msgspec.convert(parameters["filter"] | {"ogrn": "1" * 13, "ogrnip": "2" * 15, "snils": "3" * 11}, Filter)


def test_a_signature_that_is_a_text_comes_as_one(world: World, page: Page) -> None:
    text = "-----BEGIN CMS-----\nAAAA\n-----END CMS-----\n"
    made = {"signature": text, "detached": True, "format": "cades", "level": "b", "encoding": "pem"}
    world.agent.answers["sign"] = lambda _: {**made, "media_type": "application/pkcs7-signature", **CERTIFIED}
    answer = page.evaluate(
        """const s = await pero.sign({ name: "a", content: "" }, { encoding: "pem" });
        return { ...s, signature: new TextDecoder().decode(s.signature), base64: atob(s.base64), certificate: 0 }"""
    )
    assert (answer["text"], answer["signature"], answer["base64"]) == (text, text, text)
    assert (answer["level"], answer["mediaType"]) == ("b", "application/pkcs7-signature")


@pytest.mark.parametrize(
    "call",
    [
        'await pero.sign({ name: "a", content: "" }, { colour: 1 })',
        'await pero.sign({ name: "a", content: "" }, { filter: { INN: "1" } })',
        'await pero.selectCertificate({ key_types: ["ec"] })',
        "await pero.signIn(new Uint8Array(32), { attached: true })",
        'await pero.signIn("nonce")',
    ],
)
def test_an_option_that_there_is_not_is_a_type_error_and_reaches_nobody(world: World, page: Page, call: str) -> None:
    assert page.failure(call)["name"] == "TypeError"
    assert [envelope for envelope in world.agent.envelopes if "message" in envelope] == []


def test_a_sign_in_sends_its_nonce(world: World, page: Page) -> None:
    world.agent.answers["sign_in"] = lambda _: {"signature": "AAAA", "content": "e30=", **CERTIFIED}
    content = page.evaluate(
        """const proof = await pero.signIn(new Uint8Array(16), { audience: "https://a/b", filter: { inn: "1" } });
        return new TextDecoder().decode(proof.content)"""
    )
    assert content == "{}"
    assert world.agent.wait_for("sign_in")["message"]["params"] == {
        "nonce": "AAAAAAAAAAAAAAAAAAAAAA==", "audience": "https://a/b", "filter": {"inn": "1"},
    }  # fmt: skip


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
    assert {one["origin"] for one in envelopes} == {world.site.origin(), world.site.origin(host="localhost")}
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
    """Documents so large go in pieces; what stands beside one does not."""
    huge = "{ mode: 'co_sign', existing: new Uint8Array(40 * 1024 * 1024) }"
    fields = page.failure(f"await pero.sign({{ name: 'a', content: '' }}, {huge})")
    assert (fields["code"], fields["facts"]) == ("message_too_large", {"limit": 48 << 20})
    assert page.evaluate("return (await pero.status()).state") == "ready"
