"""Our own signatures and damaged, forged or unfit ones, judged by us."""

from __future__ import annotations

import datetime
import hashlib
import random
from pathlib import Path

import pytest
from asn1crypto import cms

from agent.algorithms import algorithm_named
from agent.certificates import der
from agent.cms.attributes import CONTENT_TYPE, MESSAGE_DIGEST, signed_attributes
from agent.cms.signed_data import signed_data
from agent.errors import FileUnreadable
from agent.verification.procedure import verify
from agent.verification.report import Report, Status
from tests.harness.openssl import AUTHORITY, NOW, SIGNER, Holder, Infrastructure, cms_verify, openssl, sign, value

DOCUMENT = b"To be paid: 100 roubles\n"
SOON = datetime.timedelta(hours=1)
YEAR = datetime.timedelta(days=365)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Infrastructure:
    return Infrastructure(tmp_path_factory.mktemp("pki"))


def judged(
    signature: bytes,
    content: bytes | Path | None,
    *anchors: Holder,
    now: datetime.datetime = NOW + SOON,
) -> Report:
    return verify(signature, content, [anchor.der for anchor in anchors] or None, now)


def verdict(report: Report) -> tuple[Status, tuple[str, ...]]:
    return report.status, report.reasons


def signature_of(holder: Holder, content: bytes = DOCUMENT, *, attached: bool = False) -> bytes:
    return sign(holder, "sha256", content, attached=attached, chain=tuple(one.der for one in holder.issuers[:-1]))


@pytest.mark.parametrize("key", ["rsa-2048", "p-256", "p-384"])
@pytest.mark.parametrize("content", [b"", DOCUMENT, bytes(5 << 20)], ids=len)
def test_our_signatures_are_valid_attached_and_detached(
    pki: Infrastructure, tmp_path: Path, key: str, content: bytes
) -> None:
    holder, file = pki.signer(key), tmp_path / "document"
    file.write_bytes(content)
    detached = signature_of(holder, content)
    attached = signature_of(holder, content, attached=True)
    for report in (
        judged(detached, content, pki.root),
        judged(detached, file, pki.root),
        judged(attached, None, pki.root),
        judged(attached, file, pki.root),
    ):
        assert verdict(report) == (Status.VALID, ())
        assert report.signers[0].claimed_time == NOW
        assert report.revocation == "not_checked"


def test_a_changed_document_is_told(pki: Infrastructure) -> None:
    changed = DOCUMENT.replace(b"100", b"900")
    detached = signature_of(pki.signer("p-256"))
    assert verdict(judged(detached, changed, pki.root)) == (Status.INVALID, ("document_changed",))
    attached = signature_of(pki.signer("p-256"), attached=True)
    assert verdict(judged(attached.replace(DOCUMENT, changed), None, pki.root)) == (
        Status.INVALID,
        ("document_changed",),
    )
    assert verdict(judged(attached, changed, pki.root)) == (Status.INVALID, ("document_changed",))


def test_a_detached_signature_without_its_document_is_indeterminate(pki: Infrastructure) -> None:
    report = judged(signature_of(pki.signer("p-256")), None, pki.root)
    assert verdict(report) == (Status.INDETERMINATE, ("content_missing",))


def test_a_document_that_cannot_be_read_is_an_error(pki: Infrastructure, tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable):
        judged(signature_of(pki.signer("p-256")), tmp_path / "nowhere", pki.root)


def test_without_anchors_nobody_vouches(pki: Infrastructure) -> None:
    assert verdict(judged(signature_of(pki.signer("p-256")), DOCUMENT)) == (Status.INDETERMINATE, ("no_anchors",))


def test_wrong_trust_and_a_missing_issuer_are_told_apart(pki: Infrastructure) -> None:
    stranger = pki.make("stranger-root", "p-256", None, AUTHORITY)
    holder = pki.signer("p-256")
    whole = sign(holder, "sha256", DOCUMENT, attached=False, chain=tuple(one.der for one in holder.issuers))
    assert verdict(judged(whole, DOCUMENT, stranger)) == (Status.INDETERMINATE, ("root_not_trusted",))
    bare = sign(holder, "sha256", DOCUMENT, attached=False)
    assert verdict(judged(bare, DOCUMENT, pki.root)) == (Status.INDETERMINATE, ("chain_not_built",))
    assert verdict(judged(bare, DOCUMENT, pki.intermediate)) == (Status.VALID, ())


def test_an_authority_of_the_same_name_does_not_vouch(pki: Infrastructure) -> None:
    false = pki.make("false-intermediate", "rsa-2048", None, AUTHORITY, subject="/C=RU/CN=intermediate")
    report = judged(sign(pki.signer("p-256"), "sha256", DOCUMENT, attached=False), DOCUMENT, false)
    assert report.status is Status.INDETERMINATE


def test_validity_is_looked_at_now_whatever_the_signer_claims(pki: Infrastructure) -> None:
    signature = signature_of(pki.signer("p-256"))
    late = judged(signature, DOCUMENT, pki.root, now=NOW + YEAR)
    assert late.status is Status.INDETERMINATE
    assert "certificate_expired" in late.reasons
    early = judged(signature, DOCUMENT, pki.root, now=NOW - YEAR)
    assert early.status is Status.INDETERMINATE
    assert "not_yet_valid" in early.reasons


def test_an_expired_authority_vouches_for_nobody(pki: Infrastructure) -> None:
    old_root = pki.make("old-root", "p-256", None, AUTHORITY, days=2)
    old = pki.make("old-intermediate", "p-256", pki.root, AUTHORITY, days=2)
    after = NOW + datetime.timedelta(days=10)
    for holder, anchor in (
        (pki.make("under-old-root", "p-256", old_root, SIGNER), old_root),
        (pki.make("under-old", "p-256", old, SIGNER), pki.root),
    ):
        assert judged(signature_of(holder), DOCUMENT, anchor).status is Status.VALID
        assert verdict(judged(signature_of(holder), DOCUMENT, anchor, now=after)) == (
            Status.INDETERMINATE,
            ("issuer_expired",),
        )


@pytest.mark.parametrize(
    ("extensions", "reasons"),
    [
        (SIGNER.replace("digitalSignature,nonRepudiation", "keyEncipherment"), ("key_usage",)),
        (SIGNER.replace("digitalSignature,nonRepudiation", "nonRepudiation"), ()),
        ("basicConstraints=CA:FALSE\n", ()),
        (SIGNER + "extendedKeyUsage=critical,serverAuth\n", ()),
        (SIGNER + "extendedKeyUsage=emailProtection\n", ()),
        (SIGNER + "1.2.643.99999.7=critical,ASN1:NULL\n", ("chain_invalid",)),
    ],
)
def test_the_certificate_must_be_meant_for_signing_and_needs_no_other_purpose(
    pki: Infrastructure, extensions: str, reasons: tuple[str, ...]
) -> None:
    name = "fit-" + hashlib.sha256(extensions.encode()).hexdigest()[:8]
    holder = pki.make(name, "p-256", pki.root, extensions)
    assert judged(signature_of(holder), DOCUMENT, pki.root).reasons == reasons


def test_weak_keys_and_digests_in_the_chain_are_not_believed(pki: Infrastructure) -> None:
    short = pki.make("short", "rsa-1024", pki.root, SIGNER)
    assert judged(signature_of(short), DOCUMENT, pki.root).reasons == ("algorithm_unsupported",)
    sha1 = pki.make("sha1", "p-256", pki.root, SIGNER, digest="sha1")
    assert judged(signature_of(sha1), DOCUMENT, pki.root).reasons == ("algorithm_unsupported",)


def test_a_signer_cannot_issue_certificates(pki: Infrastructure) -> None:
    signer = pki.make("no-authority", "p-256", pki.root, SIGNER)
    child = pki.make("child", "p-256", signer, SIGNER)
    report = judged(sign(child, "sha256", DOCUMENT, attached=False, chain=(signer.der,)), DOCUMENT, pki.root)
    assert report.status is Status.INDETERMINATE
    assert report.reasons in {("chain_invalid",), ("chain_not_built",)}


def test_a_certificate_put_in_the_place_of_the_signers_is_found(pki: Infrastructure, tmp_path: Path) -> None:
    """Same key, same issuer, same serial number, another subject: only signing-certificate-v2 tells."""
    honest = pki.make("honest", "p-256", pki.root, SIGNER)
    twin = tmp_path / "twin.pem"
    settings = tmp_path / "twin.cnf"
    settings.write_text(SIGNER)
    request = openssl("req", "-new", "-key", honest.key, "-subj", "/C=RU/CN=mallory").stdout
    openssl(
        "x509", "-req", "-CA", pki.root.certificate, "-CAkey", pki.root.key, "-extfile", settings, "-out", twin,
        "-set_serial", f"0x{honest.description.serial}", data=request,
    )  # fmt: skip
    mallory = Holder(twin, honest.key, (pki.root,))
    algorithm = algorithm_named("ecdsa-sha256")
    attributes = signed_attributes(hashlib.sha256(DOCUMENT).digest(), honest.description, NOW)
    forged = signed_data(
        attributes=attributes,
        signature=value(honest, algorithm, attributes),
        algorithm=algorithm,
        certificate=mallory.description,
    )
    assert cms_verify(tmp_path, forged, pki.root, DOCUMENT).returncode != 0
    assert verdict(judged(forged, DOCUMENT, pki.root)) == (Status.INVALID, ("signing_certificate_mismatch",))


def test_attributes_taken_for_a_document_are_refused(pki: Infrastructure) -> None:
    """What was signed with attributes, shown as a signature without attributes over their DER."""
    holder = pki.signer("p-256")
    info = cms.ContentInfo.load(signature_of(holder))
    signer = info["content"]["signer_infos"][0]
    attributes = b"\x31" + signer["signed_attrs"].dump()[1:]
    signer["signed_attrs"] = None
    info["content"]["encap_content_info"] = {"content_type": "data", "content": attributes}
    assert verdict(judged(info.dump(), None, pki.root)) == (Status.INVALID, ("content_ambiguous",))


def test_a_signature_value_of_another_key_is_wrong(pki: Infrastructure) -> None:
    holder, other = pki.signer("p-256"), pki.root
    algorithm = algorithm_named("ecdsa-sha256")
    attributes = signed_attributes(hashlib.sha256(DOCUMENT).digest(), holder.description, NOW)
    forged = signed_data(
        attributes=attributes,
        signature=value(other, algorithm, attributes),
        algorithm=algorithm,
        certificate=holder.description,
    )
    assert verdict(judged(forged, DOCUMENT, pki.root)) == (Status.INVALID, ("signature_wrong",))


@pytest.mark.parametrize("attribute", [CONTENT_TYPE, MESSAGE_DIGEST])
@pytest.mark.parametrize("times", [0, 1, 2])
def test_attributes_that_must_be_there_once_are_there_once(pki: Infrastructure, attribute: str, times: int) -> None:
    """RFC 5652 sections 11.1 and 11.2; the signature value is right over what is there."""
    holder = pki.signer("p-256")
    algorithm = algorithm_named("ecdsa-sha256")
    usual = signed_attributes(hashlib.sha256(DOCUMENT).digest(), holder.description, NOW)
    parts = [one.whole for one in der.read(usual).children()]
    parts = [one for one in parts if der.oid(attribute) not in one] + times * [
        one for one in parts if der.oid(attribute) in one
    ]
    attributes = der.set_of(parts)
    signature = signed_data(
        attributes=attributes,
        signature=value(holder, algorithm, attributes),
        algorithm=algorithm,
        certificate=holder.description,
        chain=[pki.intermediate.der],
    )
    expected = (Status.VALID, ()) if times == 1 else (Status.INVALID, ("damaged",))
    assert verdict(judged(signature, DOCUMENT, pki.root)) == expected


def test_indefinite_lengths_down_to_the_attributes_are_read(pki: Infrastructure, tmp_path: Path) -> None:
    """BER as some libraries write it; the attributes were signed as DER (RFC 5652 section 5.4)."""
    signature = indefinite(der.read(signature_of(pki.signer("p-256"), attached=True)))
    # Content of ContentInfo, eContent, certificates, signedAttrs; the octets may stand in a key or value by chance too.
    assert signature.count(b"\xa0\x80") >= 4
    assert cms_verify(tmp_path, signature, pki.root, None).stdout == DOCUMENT
    assert verdict(judged(signature, None, pki.root)) == (Status.VALID, ())


def indefinite(element: der.Element, depth: int = 0) -> bytes:
    """Indefinite lengths (X.690 section 8.1.3.6) for the outermost SEQUENCEs and for what is tagged [0]."""
    if not element.tag & 0x20 or depth > 5:
        return element.whole
    inside = b"".join(indefinite(one, depth + 1) for one in element.children())
    if element.tag == 0xA0 or depth < 3:
        return bytes((element.tag, 0x80)) + inside + b"\0\0"
    return der.tlv(element.tag, inside)


@pytest.mark.parametrize("key", ["rsa-2048", "p-256"])
def test_no_flipped_bit_is_valid_and_none_is_an_exception(pki: Infrastructure, key: str) -> None:
    """One bit of each octet; the signer's certificate is enclosed and nothing else."""
    holder = pki.make(f"flipped-{key}", key, pki.root, SIGNER)
    signature = sign(holder, "sha256", DOCUMENT, attached=True)
    assert judged(signature, None, pki.root).status is Status.VALID
    believed = [at for at in range(len(signature)) if judged(flipped(signature, at), None, pki.root).reasons == ()]
    assert believed == []


def flipped(signature: bytes, at: int) -> bytes:
    changed = bytearray(signature)
    changed[at] ^= 1 << (at % 8)
    return bytes(changed)


def test_cut_and_shuffled_signatures_are_reports_and_no_exceptions(pki: Infrastructure) -> None:
    signature = signature_of(pki.signer("p-256"), attached=True)
    for size in range(0, len(signature), 11):
        assert verdict(judged(signature[:size], DOCUMENT, pki.root)) == (Status.INVALID, ("damaged",))
    chance = random.Random(5652)
    for _ in range(300):
        changed = bytearray(signature)
        for _ in range(chance.randrange(1, 40)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        assert judged(bytes(changed), DOCUMENT, pki.root).status is not Status.VALID
