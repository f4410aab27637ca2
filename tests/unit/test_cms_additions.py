"""Signers added to signatures by others, beside them and over them. Judges: openssl, GnuPG, asn1crypto."""

from __future__ import annotations

import base64
import datetime
import hashlib
import random
import time
from pathlib import Path

import msgspec
import pytest
from asn1crypto import cms

from agent.certificates import der
from agent.cms.existing import read_existing
from agent.cms.signed_data import SignedData, write
from agent.errors import ContentDiffers, ExistingUnsupported, PeroError, SignatureDamaged, SignatureWrong, SignerUnknown
from agent.verification.own import Wanted, verify_own
from agent.verification.procedure import verify
from agent.verification.report import Status
from tests.harness.cms import Gpgsm, make
from tests.harness.gost import cms_vector
from tests.harness.openssl import NOW, SIGNER, Infrastructure, cms_sign, cms_verify, openssl

DOCUMENT = b"To be signed by several\n" * 30
DIGEST = hashlib.sha256(DOCUMENT).digest()
LATER = NOW + datetime.timedelta(hours=6)  # a run of all tests takes a while, and certificates are made in it
COUNTER_SIGNATURE = "1.2.840.113549.1.9.6"

# What openssl writes, and what becomes of it beside our signer: options, attached, version (RFC 5652 section 5.1)
FIRST = {
    "detached": ((), False, 1),
    "attached": (("-nodetach",), True, 1),
    "CAdES": (("-cades",), False, 1),
    "without attributes": (("-noattr",), False, 1),
    "without certificates": (("-nocerts", "-nodetach"), True, 1),
    "by key identifier": (("-keyid", "-nodetach"), True, 3),
    "sha384": (("-md", "sha384"), False, 1),
    "in a stream of indefinite length": (("-nodetach", "-stream"), True, 1),
    "in a stream, detached": (("-stream",), False, 1),
    "PSS": (("-keyopt", "rsa_padding_mode:pss"), False, 1),
}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Infrastructure:
    return Infrastructure(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("document") / "document"
    path.write_bytes(DOCUMENT)
    return path


def signers(signature: bytes) -> list[bytes]:
    return [one.dump() for one in cms.ContentInfo.load(signature, strict=True)["content"]["signer_infos"]]


def checked(signature: bytes, holder: object, before: bytes, **wanted: object) -> None:
    verify_own(signature, DIGEST, holder.description, wanted=Wanted(existing=before, **wanted))


@pytest.mark.parametrize("way", FIRST)
def test_a_signer_stands_beside_one_by_openssl_whose_octets_stay(
    pki: Infrastructure, document: Path, tmp_path: Path, way: str
) -> None:
    options, attached, version = FIRST[way]
    first, second = pki.signer("rsa-2048"), pki.signer("p-256")
    before = cms_sign(first, document, *options, "-certfile", pki.intermediate.certificate)
    made = make(second, DOCUMENT, existing=before).value
    content = None if attached else DOCUMENT
    data = cms.ContentInfo.load(made, strict=True)["content"]
    assert set(signers(before)) < set(signers(made))
    assert len(signers(made)) == 2
    assert data["version"].native == f"v{version}"
    assert {one["algorithm"].native for one in data["digest_algorithms"]} == {"sha256", "sha384"} & {
        "sha256",
        "sha384" if way == "sha384" else "sha256",
    }
    more = ("-certfile", first.certificate) if way == "without certificates" else ()
    judged = openssl(
        "cms", "-verify", "-binary", "-inform", "DER", "-CAfile", pki.root.certificate, "-purpose", "any", *more,
        *(("-content", document) if content else ()), data=made, check=False,
    )  # fmt: skip
    assert judged.returncode == 0, judged.stderr
    assert judged.stdout == DOCUMENT
    checked(made, second, before)
    report = verify(made, content, [pki.root.der], LATER)
    expected = ("certificate_missing",) if way == "without certificates" else ()
    assert report.reasons == expected
    assert openssl("cms", "-cmsout", "-inform", "DER", "-outform", "DER", data=made).stdout == made


@pytest.mark.parametrize("mode", ["co_sign", "counter_sign"])
@pytest.mark.parametrize("form", ["der", "pem", "base64", "lines"])
def test_the_existing_signature_is_read_in_every_form(pki: Infrastructure, form: str, mode: str) -> None:
    before = make(pki.signer("p-256"), DOCUMENT).value
    lines = base64.encodebytes(before)
    forms = {
        "der": before,
        "pem": b"-----BEGIN PKCS7-----\r\n" + lines + b"-----END PKCS7-----\r\n",
        "base64": base64.b64encode(before),
        "lines": lines,
    }
    made = make(pki.signer("p-384"), DOCUMENT, existing=forms[form], mode=mode).value
    checked(made, pki.signer("p-384"), forms[form], mode=mode)


def test_gnupg_sees_all_signers_of_ours(pki: Infrastructure, tmp_path: Path) -> None:
    holders = [pki.signer(key) for key in ("rsa-2048", "p-256", "p-384")]
    made = make(holders[0], DOCUMENT, attached=True).value
    for holder in holders[1:]:
        made = make(holder, DOCUMENT, existing=made, digest="sha512").value
    judge = Gpgsm(tmp_path, pki)
    try:
        assert sorted(judge.accepts(made, None)) == sorted(
            f"/CN=signer-{key}/C=RU" for key in ("rsa-2048", "p-256", "p-384")
        )
    finally:
        judge.close()
    assert cms_verify(tmp_path, made, pki.root, None).returncode == 0
    report = verify(made, None, [pki.root.der], LATER)
    assert report.status is Status.VALID
    assert len(report.signers) == 3


@pytest.mark.parametrize("options", [(), ("-nodetach",), ("-keyid",), ("-nodetach", "-stream"), ("-noattr",)])
@pytest.mark.parametrize("key", ["rsa-2048", "p-521"])
def test_a_counter_signature_is_over_the_value_of_the_signature(
    pki: Infrastructure, document: Path, tmp_path: Path, key: str, options: tuple[str, ...]
) -> None:
    """RFC 5652 section 11.4; the arithmetic by openssl."""
    before = cms_sign(pki.signer("p-256"), document, *options, "-certfile", pki.intermediate.certificate)
    holder = pki.signer(key)
    made = make(holder, DOCUMENT, existing=before, mode="counter_sign").value
    content = None if "-nodetach" in options else DOCUMENT
    (info,) = cms.ContentInfo.load(made, strict=True)["content"]["signer_infos"]
    (first,) = cms.ContentInfo.load(before)["content"]["signer_infos"]
    for field in ("version", "sid", "digest_algorithm", "signed_attrs", "signature_algorithm", "signature"):
        assert info[field].dump() == first[field].dump()
    ((kind, (counter,)),) = [(one["type"].dotted, one["values"]) for one in info["unsigned_attrs"]]
    assert kind == COUNTER_SIGNATURE
    found = {one["type"].native: one["values"][0] for one in counter["signed_attrs"]}
    assert found["message_digest"].native == hashlib.sha256(first["signature"].native).digest()
    files = {"value": counter["signature"].native, "signed": b"\x31" + counter["signed_attrs"].dump()[1:]}
    for name, octets in files.items():
        (tmp_path / name).write_bytes(octets)
    public = openssl("x509", "-in", holder.certificate, "-pubkey", "-noout").stdout
    (tmp_path / "key").write_bytes(public)
    openssl("dgst", "-sha256", "-verify", tmp_path / "key", "-signature", tmp_path / "value", tmp_path / "signed")
    checked(made, holder, before, mode="counter_sign")
    report = verify(made, content, [pki.root.der], LATER)
    assert (report.status, report.reasons) == (Status.VALID, ())
    ((counter_report,),) = [one.counter_signers for one in report.signers]
    assert counter_report.certificate is not None
    assert counter_report.certificate.owner == f"signer-{key}"
    wrong = made.replace(counter["signature"].native, bytes(len(counter["signature"].native)))
    report = verify(wrong, content, [pki.root.der], LATER)
    assert (report.status, report.reasons) == (Status.INVALID, ("signature_wrong",))
    assert report.signers[0].reasons == ()


def test_the_chosen_signer_of_several_is_counter_signed(pki: Infrastructure) -> None:
    before = make(pki.signer("p-256"), DOCUMENT).value
    before = make(pki.signer("rsa-2048"), DOCUMENT, existing=before).value
    third = pki.signer("p-384")
    for position in (0, 1):
        made = make(third, DOCUMENT, existing=before, mode="counter_sign", signer=position).value
        checked(made, third, before, mode="counter_sign", signer=position)
        with pytest.raises(SignatureWrong):
            checked(made, third, before, mode="counter_sign", signer=1 - position)
        (kept,) = set(signers(made)) & set(signers(before))
        assert kept == signers(before)[1 - position]
    for position in (None, 2, -1):
        with pytest.raises(SignerUnknown) as caught:
            make(third, DOCUMENT, existing=before, mode="counter_sign", signer=position)
        assert caught.value.facts == {"count": 2}


def test_one_signature_bears_several_counter_signatures_and_those_bear_others(pki: Infrastructure) -> None:
    made = make(pki.signer("p-256"), DOCUMENT).value
    for key in ("rsa-2048", "p-384", "p-521"):
        before = made
        made = make(pki.signer(key), DOCUMENT, existing=before, mode="counter_sign").value
        checked(made, pki.signer(key), before, mode="counter_sign")
    report = verify(made, DOCUMENT, [pki.root.der], LATER)
    assert report.status is Status.VALID
    assert len(report.signers[0].counter_signers) == 3
    assert openssl("cms", "-cmsout", "-inform", "DER", "-outform", "DER", data=made).stdout == made


def test_other_content_is_refused_beside_a_signature(pki: Infrastructure, document: Path) -> None:
    attached = cms_sign(pki.signer("rsa-2048"), document, "-nodetach")
    detached = cms_sign(pki.signer("rsa-2048"), document)
    other_digest = cms_sign(pki.signer("rsa-2048"), document, "-md", "sha512")
    other = DOCUMENT + b"!"
    for before, more in (
        (attached, {}),
        (attached, {"content": other, "content_digest": None}),
        (detached, {}),
        (other_digest, {"content": other}),
    ):
        with pytest.raises(ContentDiffers):
            make(pki.signer("p-256"), other, existing=before, **more)
    made = make(pki.signer("p-256"), DOCUMENT, existing=attached, content_digest=None).value
    checked(made, pki.signer("p-256"), attached)


def test_content_of_another_type_gets_no_signer_as_a_document(pki: Infrastructure, document: Path) -> None:
    before = cms_sign(pki.signer("rsa-2048"), document, "-nodetach", "-econtent_type", "1.2.643.99999.1")
    with pytest.raises(ExistingUnsupported) as caught:
        make(pki.signer("p-256"), DOCUMENT, existing=before)
    assert caught.value.facts == {"reason": "content_type"}
    made = make(pki.signer("p-256"), DOCUMENT, existing=before, content_type="1.2.643.99999.1").value
    assert cms.ContentInfo.load(made)["content"]["version"].native == "v3"


def test_other_members_of_the_structure_stay_and_rule_its_version(pki: Infrastructure) -> None:
    """RFC 5652 section 5.1: attribute certificates and other kinds of certificates and revocation."""
    signer = make(pki.signer("p-256"), DOCUMENT).value
    only = read_existing(signer).data
    other = der.tlv(0xA3, der.oid("1.2.3.4"), der.NULL)
    for certificates, revocation, version in (
        ((other,), (), 5),
        ((), (der.tlv(0xA1, der.oid("1.2.3.4"), der.NULL),), 5),
        ((der.tlv(0xA2, der.NULL),), (), 4),
        ((der.tlv(0xA1, der.NULL),), (), 3),
        ((), (), 1),
    ):
        before = write(
            SignedData(
                only.digests, only.content_type, None, (*only.certificates, *certificates), revocation, only.signers
            )
        )
        made = make(pki.signer("p-384"), DOCUMENT, existing=before).value
        found = read_existing(made).data
        assert {*certificates} <= {*found.certificates}
        assert found.revocation == revocation
        body = next(list(der.read(made).children())[1].children())
        assert next(body.children()).whole == der.integer(version)
        checked(made, pki.signer("p-384"), before)


def test_a_certificate_that_is_there_is_not_written_twice(pki: Infrastructure) -> None:
    holder = pki.signer("p-256")
    twice = make(holder, DOCUMENT, existing=make(holder, DOCUMENT).value).value
    assert twice.count(holder.der) == 1
    assert twice.count(pki.intermediate.der) == 1


def test_the_check_finds_what_was_changed_of_others(pki: Infrastructure) -> None:
    first, second = pki.signer("rsa-2048"), pki.signer("p-256")
    before = make(first, DOCUMENT, attached=True).value
    made = make(second, DOCUMENT, existing=before).value
    checked(made, second, before)
    value = read_existing(before).signers[0].signature
    alone = make(second, DOCUMENT, attached=True).value
    whole = read_existing(made)
    ours = [info for info in whole.data.signers if info not in read_existing(before).data.signers]
    dropped = write(msgspec.structs.replace(whole.data, signers=tuple(ours)))
    for wrong in (
        made.replace(value, bytes(len(value))),
        made.replace(DOCUMENT, DOCUMENT.upper()),
        alone,
        dropped,
        before,
        make(pki.make("twin", "p-256", pki.intermediate, SIGNER), DOCUMENT, existing=made).value,
    ):
        with pytest.raises(SignatureWrong):
            checked(wrong, second, before)


def test_a_thousand_signers_get_one_more_and_no_more_are_taken(pki: Infrastructure) -> None:
    holder = pki.signer("p-256")
    one = read_existing(make(holder, DOCUMENT, attached=True).value)
    (info,) = one.data.signers
    value = one.signers[0].signature

    def of(count: int) -> bytes:
        others = [info[: -len(value)] + number.to_bytes(len(value), "big") for number in range(count)]
        return write(
            SignedData(one.data.digests, one.data.content_type, DOCUMENT, one.data.certificates, (), tuple(others))
        )

    before = of(1000)
    begun = time.process_time()
    made = make(holder, DOCUMENT, existing=before).value
    checked(made, holder, before)
    counter = make(holder, DOCUMENT, existing=before, mode="counter_sign", signer=999).value
    checked(counter, holder, before, mode="counter_sign", signer=999)
    assert time.process_time() - begun < 5
    assert len(signers(made)) == 1001
    for many in (of(1001), made):
        with pytest.raises(ExistingUnsupported) as caught:
            make(holder, DOCUMENT, existing=many)
        assert caught.value.facts == {"reason": "too_many_signers"}


def test_hundreds_of_mutations_end_in_typed_errors_or_sound_signatures(pki: Infrastructure, document: Path) -> None:
    """A signature that comes out must be read by asn1crypto, with ours in it."""
    chance = random.Random(20261122)
    holder = pki.signer("p-256")
    sources = [
        cms_sign(pki.signer("rsa-2048"), document, "-nodetach", "-certfile", pki.intermediate.certificate),
        cms_sign(pki.signer("rsa-2048"), document, "-nodetach", "-stream"),
        make(pki.signer("p-384"), DOCUMENT, existing=make(holder, DOCUMENT).value, mode="counter_sign").value,
    ]
    made = 0
    for number in range(600):
        damaged = bytearray(sources[number % 3])
        for _ in range(chance.choice((1, 1, 2, 5))):
            at = chance.randrange(len(damaged))
            way = chance.randrange(4)
            if way == 0:
                damaged[at] = chance.randrange(256)
            elif way == 1:
                del damaged[at : at + chance.choice((1, 2, 30))]
            elif way == 2:
                damaged[at:at] = damaged[: chance.randrange(40)]
            else:
                damaged[at] = chance.choice((0x00, 0x80, 0x84, 0x88, 0xFF, 0x30, 0xA0))
        mode = chance.choice(("co_sign", "counter_sign"))
        try:
            result = make(holder, DOCUMENT, existing=bytes(damaged), mode=mode).value
        except PeroError:
            continue
        made += 1
        verify_own(result, DIGEST, holder.description, wanted=Wanted(existing=bytes(damaged), mode=mode))
    assert made > 50


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"\x30\x80" * 100_000,
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x80\x00\x00",
        b"\x30\x00",
        b"\x24\x80" * 1000,
        b"\x06\x82\x40\x00" + b"\xff" * 0x4000,
        b"-----BEGIN CMS-----\n!!!\n-----END CMS-----",
        b"-----BEGIN CMS-----\nMAA=\n-----END CMS-----\n" * 2,
        b"not base64 at all \xff",
        b"\x1f" * 1000,
    ],
    ids=lambda one: one[:8].hex(),
)
def test_what_is_no_signature_is_called_damaged_at_once(pki: Infrastructure, hostile: bytes) -> None:
    begun = time.process_time()
    with pytest.raises(SignatureDamaged):
        make(pki.signer("p-256"), DOCUMENT, existing=hostile)
    assert time.process_time() - begun < 2


def test_a_million_pieces_of_content_are_refused_at_once(pki: Infrastructure) -> None:
    pieces = b"\x04\x01x" * 1_000_000
    octets = b"\xa0\x80\x24\x80" + pieces + b"\0\0\0\0"
    encapsulated = b"\x30\x80" + der.oid("1.2.840.113549.1.7.1") + octets + b"\0\0"
    body = b"\x30\x80" + der.integer(1) + der.tlv(der.SET) + encapsulated + der.tlv(der.SET) + b"\0\0"
    whole = b"\x30\x80" + der.oid("1.2.840.113549.1.7.2") + b"\xa0\x80" + body + b"\0\0" + b"\0\0"
    begun = time.process_time()
    with pytest.raises(SignatureDamaged):
        make(pki.signer("p-256"), DOCUMENT, existing=whole)
    assert time.process_time() - begun < 5
    few = whole.replace(pieces, b"\x04\x01x" * 3)
    assert read_existing(few).data.content == b"xxx"


def test_a_signer_of_indefinite_length_is_left_alone(pki: Infrastructure) -> None:
    """Its octets would have to change, or the whole would be no DER."""
    only = read_existing(make(pki.signer("p-256"), DOCUMENT).value)
    (info,) = only.data.signers
    contents = info[der.read(info).body :]
    loose = b"\x30\x80" + contents + b"\0\0"
    before = write(SignedData(only.data.digests, only.data.content_type, None, only.data.certificates, (), (info,)))
    tail = before.replace(der.tlv(der.SET, info), der.tlv(der.SET, loose))
    whole = der.read(before)
    kind, explicit = whole.children()
    (body,) = explicit.children()
    inside = tail[body.body :]
    loose_whole = b"\x30\x80" + kind.whole + b"\xa0\x80\x30\x80" + inside + b"\0\0" * 3
    with pytest.raises(ExistingUnsupported) as caught:
        make(pki.signer("p-384"), DOCUMENT, existing=loose_whole)
    assert caught.value.facts == {"reason": "encoding"}


@pytest.mark.parametrize("mode", ["co_sign", "counter_sign"])
@pytest.mark.parametrize("sample", ["signed_a111", "signed_a121"])
def test_the_samples_of_the_standard_get_another_signer(pki: Infrastructure, sample: str, mode: str) -> None:
    """R 1323565.1.025-2019 appendix A: what was signed there stays, and verifies under its root still."""
    before, holder = cms_vector(sample), pki.signer("p-256")
    existing = read_existing(before)
    made = make(holder, DOCUMENT, existing=before, mode=mode, content_digest=None).value
    content = existing.data.content
    assert content is not None
    wanted = Wanted(existing=before, mode="co_sign" if mode == "co_sign" else "counter_sign")
    verify_own(made, hashlib.sha256(content).digest(), holder.description, wanted=wanted)
    assert existing.signers[0].head in made
    report = verify(made, None, [cms_vector("root256_cert"), pki.root.der], LATER)
    assert (report.status, report.reasons) == (Status.VALID, ())
    assert len(report.signers) + len(report.signers[0].counter_signers) == 2
