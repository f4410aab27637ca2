"""CMS with GOST R 34.10-2012. Judges: the samples of R 1323565.1.025-2019, and openssl with the gost engine."""

from __future__ import annotations

import base64
import datetime
from pathlib import Path

import pytest
from asn1crypto import cms

from agent.algorithms import DigestAlgorithm, algorithm_for, digest_for_key, new_digest
from agent.certificates import der
from agent.cms.attributes import signed_attributes
from agent.cms.signed_data import signed_data
from agent.errors import SignatureWrong
from agent.gost.curves import public_key, verify
from agent.gost.parameters import parameter_set
from agent.verification.own import verify_own
from agent.verification.procedure import verify as judge
from agent.verification.report import Report, Status
from tests.harness.gost import KEYS, Gost, Holder, cms_vector, vectors

DOCUMENT = "Подписать\r\n".encode()
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
LATER = NOW + datetime.timedelta(hours=1)  # certificates are made after this module was read
SOME = ["gost256-A", "gost256-TCA", "gost512-A", "gost512-C"]


@pytest.fixture(scope="module")
def gost(tmp_path_factory: pytest.TempPathFactory) -> Gost:
    return Gost(tmp_path_factory.mktemp("gost"))


def digest_of(holder: Holder) -> DigestAlgorithm:
    certificate = holder.description
    return digest_for_key(certificate.key_type, certificate.bits)


def signed(gost: Gost, holder: Holder, *, attached: bool, oid: str = "", null: bool = False) -> bytes:
    """A signature by our builder; the engine stands for the token."""
    digest, certificate = digest_of(holder), holder.description
    algorithm = algorithm_for(certificate.key_type, digest)
    attributes = signed_attributes(new_digest(digest.name, DOCUMENT).digest(), certificate, NOW)
    value = gost.value(holder, new_digest(digest.name, attributes).digest())
    return signed_data(
        attributes=attributes,
        signature=value,
        algorithm=algorithm._replace(oid=oid or algorithm.oid, parameters_null=null),
        certificate=certificate,
        chain=(gost.root(holder.kind).der,),
        content=DOCUMENT if attached else None,
    )


def judged(signature: bytes, content: bytes | None, anchor: Holder | bytes) -> Report:
    return judge(signature, content, [anchor if isinstance(anchor, bytes) else anchor.der], LATER)


@pytest.mark.parametrize("attached", [True, False])
@pytest.mark.parametrize("kind", KEYS)
def test_openssl_accepts_ours_over_every_parameter_set(gost: Gost, kind: str, attached: bool) -> None:
    holder = gost.signer(kind)
    signature = signed(gost, holder, attached=attached)
    accepted = gost.cms_verify(signature, gost.root(kind), None if attached else DOCUMENT)
    assert accepted.returncode == 0, accepted.stderr.decode()
    assert accepted.stdout == DOCUMENT
    verify_own(signature, new_digest(digest_of(holder).name, DOCUMENT).digest(), holder.description)
    report = judged(signature, None if attached else DOCUMENT, gost.root(kind))
    assert (report.status, report.reasons) == (Status.VALID, ())
    assert report.signers[0].digest_algorithm == digest_of(holder).name
    other = gost.cms_verify(signature, gost.root(kind), DOCUMENT + b"!") if not attached else None
    assert other is None or other.returncode != 0


@pytest.mark.parametrize("extra", [["-nodetach"], [], ["-noattr"], ["-cades"], ["-nodetach", "-noattr"]], ids=" ".join)
@pytest.mark.parametrize("kind", SOME)
def test_signatures_of_openssl_are_valid_and_changed_ones_are_not(
    gost: Gost, tmp_path: Path, kind: str, extra: list[str]
) -> None:
    document = tmp_path / "document"
    document.write_bytes(DOCUMENT)
    signature = gost.cms_sign(gost.signer(kind), document, *extra)
    content = None if "-nodetach" in extra else DOCUMENT
    report = judged(signature, content, gost.root(kind))
    assert (report.status, report.reasons) == (Status.VALID, ())
    assert judged(signature, document_changed(content), gost.root(kind)).status is Status.INVALID
    info = cms.ContentInfo.load(signature)["content"]["signer_infos"][0]
    value = bytes(info["signature"].native)
    half = len(value) // 2
    for wrong in (bytes((value[0] ^ 1,)) + value[1:], value[half:] + value[:half], value[::-1], bytes(len(value))):
        report = judged(signature.replace(value, wrong), content, gost.root(kind))
        assert (report.status, report.reasons) == (Status.INVALID, ("signature_wrong",))


def document_changed(content: bytes | None) -> bytes:
    """To an attached signature another content is given beside; both must be what was signed."""
    return (DOCUMENT if content is None else content) + b"!"


def test_without_its_root_a_signature_is_vouched_for_by_nobody(gost: Gost) -> None:
    signature = signed(gost, gost.signer("gost256-A"), attached=True)
    report = judged(signature, None, gost.root("gost512-A"))
    assert (report.status, report.reasons) == (Status.INDETERMINATE, ("root_not_trusted",))


@pytest.mark.parametrize(("kind", "sample"), [("gost256-A", "signed_a121"), ("gost512-A", "signed_a111")])
def test_our_identifiers_are_octet_for_octet_those_of_the_samples(gost: Gost, kind: str, sample: str) -> None:
    def algorithms(encoded: bytes) -> tuple[bytes, ...]:
        data = cms.ContentInfo.load(encoded)["content"]
        info = data["signer_infos"][0]
        named = (*data["digest_algorithms"], info["digest_algorithm"], info["signature_algorithm"])
        return tuple(one.dump() for one in named)

    assert algorithms(signed(gost, gost.signer(kind), attached=True)) == algorithms(cms_vector(sample))


@pytest.mark.parametrize("sample", ["signed_a111", "signed_a121"])
def test_the_samples_of_the_standard_are_valid_under_their_root(sample: str) -> None:
    encoded, root = cms_vector(sample), cms_vector("root256_cert")
    report = judged(encoded, None, root)
    assert (report.status, report.reasons, report.attached) == (Status.VALID, (), True)
    text = next(content for content in (b"SignedData",) if content in encoded)
    report = judged(encoded.replace(text, text.upper()), None, root)
    assert report.status is Status.INVALID


@pytest.mark.parametrize("name", ["tk26cms_signed256", "tk26cms_signed512"])
def test_the_older_samples_verify_though_they_carry_no_certificate(name: str) -> None:
    sample = next(one for one in vectors()["tc26_cms"] if one["name"] == name)
    data = cms.ContentInfo.load(bytes.fromhex(sample["der"]))["content"]
    info = data["signer_infos"][0]
    assert info["signed_attrs"].native is None
    content = bytes(data["encap_content_info"]["content"].native)
    parameters = parameter_set(sample["curve_oid"])
    assert parameters is not None
    key = public_key(parameters.curve, bytes.fromhex(sample["pub_octets"]))
    digest = new_digest(f"streebog{8 * parameters.curve.size}", content).digest()
    assert verify(key, digest, info["signature"].native)
    report = judged(bytes.fromhex(sample["der"]), None, cms_vector("root256_cert"))
    assert (report.status, report.reasons) == (Status.INDETERMINATE, ("certificate_missing",))


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("hashed_a311", "streebog256"), ("hashed_a321", "streebog512"),
        ("tk26cms_digested256", "streebog256"), ("tk26cms_digested512", "streebog512"),
    ],
)  # fmt: skip
def test_digests_of_the_samples_are_those_of_their_content(name: str, algorithm: str) -> None:
    data = cms.ContentInfo.load(cms_vector(name))["content"]
    content = bytes(data["encap_content_info"]["content"].native)
    assert new_digest(algorithm, content).digest() == data["digest"].native


@pytest.mark.parametrize("null", [True, False])
@pytest.mark.parametrize(("kind", "oid"), [("gost256-A", "1.2.643.7.1.1.3.2"), ("gost512-A", "1.2.643.7.1.1.3.3")])
def test_the_other_ways_to_name_the_algorithm_are_read_too(gost: Gost, kind: str, oid: str, null: bool) -> None:
    holder = gost.signer(kind)
    for signature in (
        signed(gost, holder, attached=False, oid=oid, null=null),
        signed(gost, holder, attached=False, null=null),
    ):
        assert gost.cms_verify(signature, gost.root(kind), DOCUMENT).returncode == 0
        assert judged(signature, DOCUMENT, gost.root(kind)).status is Status.VALID
    wrong = "1.2.643.7.1.1.3.3" if oid.endswith("2") else "1.2.643.7.1.1.3.2"
    report = judged(signed(gost, holder, attached=False, oid=wrong), DOCUMENT, gost.root(kind))
    assert (report.status, report.reasons) == (Status.INDETERMINATE, ("algorithm_unsupported",))


def test_signing_certificate_names_its_own_digest(gost: Gost) -> None:
    holder = gost.signer("gost512-A")
    attributes = signed_attributes(bytes(64), holder.description, NOW)
    named = der.sequence(der.oid("1.2.643.7.1.1.2.3"))
    value = new_digest("streebog512", holder.der).digest()
    assert named + der.tlv(der.OCTET_STRING, value) in attributes
    twin = gost.make("twin", "gost512-A", gost.root("gost512-A"))
    theirs = signed_attributes(new_digest("streebog512", DOCUMENT).digest(), twin.description, NOW)
    signature = signed_data(
        attributes=theirs,
        signature=gost.value(holder, new_digest("streebog512", theirs).digest()),
        algorithm=algorithm_for("gost512", digest_of(holder)),
        certificate=holder.description,
    )
    assert "signing_certificate_mismatch" in judged(signature, DOCUMENT, gost.root("gost512-A")).reasons


@pytest.mark.parametrize("kind", ["gost256-A", "gost512-A"])
def test_a_flipped_bit_does_not_leave(gost: Gost, kind: str) -> None:
    holder = gost.signer(kind)
    signature = signed(gost, holder, attached=True)
    digest = new_digest(digest_of(holder).name, DOCUMENT).digest()
    passed = []
    for at in range(0, len(signature), 3):
        changed = bytearray(signature)
        changed[at] ^= 1 << (at % 8)
        try:
            verify_own(bytes(changed), digest, holder.description)
        except SignatureWrong:
            continue
        passed.append(at)
    # Certificates beside the signer's own are not part of what is checked.
    root = gost.root(kind).der
    begin = signature.index(root)
    assert [at for at in passed if not begin <= at < begin + len(root)] == []


def test_base64_and_pem_of_a_gost_signature_are_read(gost: Gost) -> None:
    signature = signed(gost, gost.signer("gost256-A"), attached=True)
    for given in (
        base64.b64encode(signature),
        b"-----BEGIN CMS-----\n" + base64.encodebytes(signature) + b"-----END CMS-----\n",
    ):
        assert judged(given, None, gost.root("gost256-A")).status is Status.VALID


@pytest.mark.parametrize("sorted_when_signed", [True, False])
@pytest.mark.parametrize("kind", ["gost256-A", "gost512-A"])
def test_attributes_out_of_order_verify_over_either_order(gost: Gost, kind: str, sorted_when_signed: bool) -> None:
    holder = gost.signer(kind)
    digest, certificate = digest_of(holder), holder.description
    attributes = signed_attributes(new_digest(digest.name, DOCUMENT).digest(), certificate, NOW)
    backwards = der.tlv(der.SET, *(one.whole for one in reversed(list(der.read(attributes).children()))))
    assert backwards != attributes
    over = attributes if sorted_when_signed else backwards

    def made(value: bytes) -> bytes:
        return signed_data(
            attributes=backwards,
            signature=value,
            algorithm=algorithm_for(certificate.key_type, digest),
            certificate=certificate,
        )

    right = gost.value(holder, new_digest(digest.name, over).digest())
    assert judged(made(right), DOCUMENT, gost.root(kind)).status is Status.VALID
    wrong = gost.value(holder, new_digest(digest.name, over + b"!").digest())
    assert judged(made(wrong), DOCUMENT, gost.root(kind)).reasons == ("signature_wrong",)
