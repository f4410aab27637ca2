"""CAdES-T and CAdES-LT with every family of keys. Judges: openssl (cms, ts, with the GOST engine), pyHanko, asn1crypto,
and what the specifications demand and forbid."""

from __future__ import annotations

import asyncio
import datetime
import io
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from asn1crypto import cms, ocsp

from agent.algorithms import SignatureAlgorithm, new_digest
from agent.certificates import der
from agent.certificates.description import signing_algorithm
from agent.cms.formats import Material
from agent.cms.prepare import CompletedCms, prepare
from agent.errors import SignatureWrong
from agent.texts.catalogue import text
from agent.verification.own import Level, Wanted, verify_own
from agent.verification.procedure import verify
from agent.verification.report import Report, Status
from tests.harness.authority import Authority, Holder
from tests.harness.cms import value
from tests.harness.gost_token import openssl_gost

DOCUMENT = b"Signed, stamped and kept\n" * 20
KINDS = ("rsa", "ec", "gost256-A", "gost512-A")
TIMESTAMP = "1.2.840.113549.1.9.16.2.14"
# What table 1 of EN 319 122-1 clause 6.3 does not have at the baseline levels: they are of the extended ones (122-2).
EXTENDED = {
    "1.2.840.113549.1.9.16.2.21": "complete-certificate-references, clause A.1.1.1",
    "1.2.840.113549.1.9.16.2.22": "complete-revocation-references, clause A.1.2.1",
    "1.2.840.113549.1.9.16.2.23": "certificate-values, clause A.1.1.2",
    "1.2.840.113549.1.9.16.2.24": "revocation-values, clause A.1.2.2",
}
DAY = datetime.timedelta(days=1)


class Case(NamedTuple):
    authority: Authority
    signer: Holder

    def algorithm(self) -> SignatureAlgorithm:
        return signing_algorithm(self.signer.description, ())

    def digest(self) -> bytes:
        return new_digest(self.algorithm().digest.name, DOCUMENT).digest()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    found: dict[str, Case] = {}

    def case(kind: str) -> Case:
        if kind not in found:
            authority = Authority(tmp_path_factory.mktemp(kind), kind, "http://127.0.0.1:1")
            found[kind] = Case(authority, authority.signer())
        return found[kind]

    return case


def signed(case: Case, signer: Holder | None = None, **more: object) -> CompletedCms:
    holder = signer or case.signer
    algorithm = signing_algorithm(holder.description, ())
    given = {
        "content_digest": new_digest(algorithm.digest.name, DOCUMENT).digest(),
        "certificate": holder.description,
        "algorithm": algorithm,
        "moment": datetime.datetime.now(datetime.UTC),
        "chain": (case.authority.issuing.der,),
        **more,
    }
    prepared = prepare(**given)  # type: ignore[arg-type]
    return prepared.complete(value(holder, algorithm, prepared.signed))


def stamp(case: Case, octets: bytes, stamper: Holder | None = None) -> bytes:
    """A token by openssl ts."""
    folder = case.authority.folder
    (folder / "stamped").write_bytes(octets)
    hashing = "-md_gost12_256" if case.authority.kind.startswith("gost") else "-sha256"
    query = openssl_gost("ts", "-query", "-data", folder / "stamped", hashing, "-cert").stdout
    (folder / "answer").write_bytes(case.authority.stamp(query, stamper))
    return openssl_gost("ts", "-reply", "-in", folder / "answer", "-token_out").stdout


def material(case: Case, signer: Holder | None = None) -> Material:
    """An OCSP answer about the signer; lists of the issuing authority (for the time-stamps') and of the root."""
    authority, folder = case.authority, case.authority.folder
    openssl_gost(
        "ocsp", "-issuer", authority.issuing.certificate, "-cert", (signer or case.signer).certificate,
        "-reqout", folder / "asked",
    )  # fmt: skip
    return Material(
        certificates=(authority.issuing.der, authority.root.der, authority.stamping.der, authority.responder.der),
        ocsp=(authority.answer_ocsp((folder / "asked").read_bytes(), authority.issuing),),
        crls=(authority.revocation_list(authority.issuing), authority.revocation_list(authority.root)),
    )


def judged(case: Case, signature: bytes, after: datetime.timedelta = datetime.timedelta(0)) -> Report:
    now = datetime.datetime.now(datetime.UTC) + after
    return verify(signature, DOCUMENT, [case.authority.root.der], now)


def check(case: Case, completed: CompletedCms, level: Level) -> None:
    verify_own(completed.value, case.digest(), case.signer.description, wanted=Wanted(level=level))


def accepted(case: Case, signature: bytes) -> bool:
    """openssl's opinion, as CAdES."""
    folder = case.authority.folder
    (folder / "document").write_bytes(DOCUMENT)
    return not openssl_gost(
        "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-CAfile", case.authority.root.certificate,
        "-purpose", "any", "-content", folder / "document", data=signature, check=False,
    ).returncode  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_level_t_has_one_time_stamp_over_the_value_of_the_signature(made: Callable[[str], Case], kind: str) -> None:
    """EN 319 122-1 clause 5.3: the imprint is of the octets of SignerInfo.signature, without tag and length."""
    case = made(kind)
    plain = signed(case)
    token = stamp(case, plain.stamped)
    completed = plain.with_timestamp(token)
    (info,) = cms.ContentInfo.load(completed.value, strict=True)["content"]["signer_infos"]
    assert plain.stamped == info["signature"].native
    assert [one["type"].dotted for one in info["unsigned_attrs"]] == [TIMESTAMP]
    assert [one.dump() for one in info["unsigned_attrs"][0]["values"]] == [token]
    assert case.authority.verify_stamp(token, info["signature"].native).returncode == 0
    assert accepted(case, completed.value)
    again = openssl_gost("cms", "-cmsout", "-inform", "DER", "-outform", "DER", data=completed.value).stdout
    assert again == completed.value
    check(case, completed, "t")
    for level, wrong in (("b", completed), ("t", plain), ("lt", completed)):
        with pytest.raises(SignatureWrong):
            check(case, wrong, level)
    report = judged(case, completed.value)
    assert (report.status, report.reasons) == (Status.VALID, ())
    (signer,) = report.signers
    assert signer.proven_time is not None
    assert abs(signer.proven_time - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=10)
    assert [one.trusted for one in signer.timestamps] == [True]


@pytest.mark.parametrize("kind", KINDS)
def test_level_lt_carries_what_a_verifier_needs_where_the_baseline_has_it(
    made: Callable[[str], Case], kind: str
) -> None:
    """EN 319 122-1 clause 6.3 table 1: SignedData.certificates, SignedData.crls.crl, SignedData.crls.other with
    RFC 5940; RFC 5652 section 5.1: version 5."""
    case = made(kind)
    plain = signed(case)
    given = material(case)
    completed = plain.with_timestamp(stamp(case, plain.stamped)).with_material(given)
    data = cms.ContentInfo.load(completed.value, strict=True)["content"]
    assert data["version"].native == "v5"
    assert {one.chosen.dump() for one in data["certificates"]} == {case.signer.der, *given.certificates}
    lists = [one.chosen.dump() for one in data["crls"] if one.name == "crl"]
    others = [one.chosen for one in data["crls"] if one.name == "other"]
    assert sorted(lists) == sorted(given.crls)
    assert [one["other_rev_info_format"].dotted for one in others] == ["1.3.6.1.5.5.7.16.2"]
    answer = ocsp.OCSPResponse.load(others[0]["other_rev_info"].dump(), strict=True)
    assert answer["response_status"].native == "successful"
    (info,) = data["signer_infos"]
    assert not EXTENDED.keys() & {one["type"].dotted for one in (*info["unsigned_attrs"], *info["signed_attrs"])}
    assert accepted(case, completed.value)
    again = openssl_gost("cms", "-cmsout", "-inform", "DER", "-outform", "DER", data=completed.value).stdout
    assert again == completed.value
    check(case, completed, "lt")
    report = judged(case, completed.value)
    assert (report.status, report.revocation) == (Status.VALID, "carried")
    assert judged(case, plain.value).revocation == "not_checked"
    assert completed.with_material(given).value == completed.value


def test_lists_alone_make_version_1(made: Callable[[str], Case]) -> None:
    case = made("ec")
    plain = signed(case)
    lists = Material(crls=material(case).crls)
    completed = plain.with_timestamp(stamp(case, plain.stamped)).with_material(lists)
    assert cms.ContentInfo.load(completed.value)["content"]["version"].native == "v1"
    assert accepted(case, completed.value)
    check(case, completed, "lt")


def test_pyhanko_reads_the_time_stamp_as_ours(made: Callable[[str], Case]) -> None:
    from asn1crypto import x509
    from pyhanko.sign.validation.generic_cms import async_validate_detached_cms
    from pyhanko_certvalidator import ValidationContext

    case = made("rsa")
    plain = signed(case)
    completed = plain.with_timestamp(stamp(case, plain.stamped))
    context = ValidationContext(
        trust_roots=[x509.Certificate.load(case.authority.root.der)],
        other_certs=[x509.Certificate.load(case.authority.issuing.der)],
    )
    data = cms.ContentInfo.load(completed.value)["content"]
    status = asyncio.run(
        async_validate_detached_cms(
            io.BytesIO(DOCUMENT), data, signer_validation_context=context, ts_validation_context=context
        )
    )
    assert status.valid
    assert status.intact
    assert status.timestamp_validity is not None
    assert status.timestamp_validity.valid
    assert status.timestamp_validity.intact
    assert judged(case, completed.value).signers[0].proven_time == status.timestamp_validity.timestamp


@pytest.mark.parametrize("kind", ["ec", "gost256-A"])
def test_a_time_stamp_of_something_else_does_not_leave_and_proves_nothing(
    made: Callable[[str], Case], kind: str
) -> None:
    case = made(kind)
    plain = signed(case)
    token = stamp(case, plain.stamped)
    others = (stamp(case, plain.stamped + b"!"), stamp(case, DOCUMENT), plain.value, der.sequence(), damaged(token))
    for other in others:
        wrong = plain.with_timestamp(other)
        with pytest.raises(SignatureWrong):
            check(case, wrong, "t")
        report = judged(case, wrong.value)
        assert report.status is not Status.VALID
        assert report.reasons in (("timestamp_wrong",), ("damaged",))
        assert not report.signers or report.signers[0].proven_time is None
    twice = plain.with_timestamp(token).with_timestamp(others[0])
    with pytest.raises(SignatureWrong):
        check(case, twice, "t")


def damaged(token: bytes) -> bytes:
    """The last octet is of the authority's signature."""
    return token[:-1] + bytes((token[-1] ^ 1,))


def test_a_stranger_among_authorities_proves_no_time(made: Callable[[str], Case], tmp_path: Path) -> None:
    case = made("rsa")
    stranger = Case(Authority(tmp_path, "rsa", "http://127.0.0.1:1"), case.signer)
    short = case.authority.make("short", case.authority.issuing, SIGNING, days=1)
    plain = signed(case, short)
    foreign = plain.with_timestamp(stamp(stranger, plain.stamped))
    report = judged(case, foreign.value)
    assert report.status is Status.VALID
    (found,) = report.signers[0].timestamps
    assert (found.trusted, found.reason) == (False, "chain_not_built")
    assert report.signers[0].proven_time is None
    for signature in (plain, foreign):
        late = judged(case, signature.value, 5 * DAY)
        assert (late.status, late.reasons) == (Status.INDETERMINATE, ("certificate_expired",))
    # With a time-stamp that is trusted, the signature outlives its certificate.
    own = plain.with_timestamp(stamp(case, plain.stamped))
    late = judged(case, own.value, 5 * DAY)
    assert (late.status, late.reasons) == (Status.VALID, ())
    assert late.signers[0].proven_time is not None
    both = foreign.with_timestamp(stamp(case, plain.stamped))
    assert judged(case, both.value, 5 * DAY).status is Status.VALID
    # When the time-stamp's authority has expired too, nothing is proved any more.
    assert judged(case, own.value, 60 * DAY).status is Status.INDETERMINATE


SIGNING = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"


@pytest.mark.parametrize(
    ("revoked", "status"), [("260101000000Z", Status.INDETERMINATE), ("491230000000Z", Status.VALID)]
)
def test_revocation_that_a_signature_carries_counts_from_the_proven_time(
    made: Callable[[str], Case], revoked: str, status: Status
) -> None:
    case = made("ec")
    signer = case.authority.signer(f"revoked-{revoked}")
    case.authority._list(case.authority.issuing, signer, "R", f"{revoked},keyCompromise")
    plain = signed(case, signer)
    completed = plain.with_timestamp(stamp(case, plain.stamped)).with_material(material(case, signer))
    report = judged(case, completed.value)
    assert report.status is status
    assert report.reasons == (("certificate_revoked",) if status is Status.INDETERMINATE else ())
    assert report.revocation == ("carried" if status is Status.VALID else "not_checked")


def test_revocation_by_somebody_else_says_nothing(made: Callable[[str], Case], tmp_path: Path) -> None:
    """Lists and answers are not signed by the signer: whoever puts some in must not take a signature down."""
    case = made("ec")
    stranger = Authority(tmp_path, "ec", "http://127.0.0.1:1")  # of the same names
    stranger._list(stranger.issuing, case.signer, "R", "260101000000Z,keyCompromise")
    plain = signed(case)
    forged = Material(crls=(stranger.revocation_list(stranger.issuing), b"\x30\x03\x02\x01\x00"))
    report = judged(case, plain.with_material(forged).value)
    assert (report.status, report.revocation) == (Status.VALID, "not_checked")


def test_a_counter_signature_has_levels_too(made: Callable[[str], Case]) -> None:
    case = made("ec")
    first = signed(case).value
    notary = case.authority.signer("notary")
    over = signed(case, notary, existing=first, mode="counter_sign")
    completed = over.with_timestamp(stamp(case, over.stamped)).with_material(material(case, notary))
    wanted = Wanted(level="lt", existing=first, mode="counter_sign")
    verify_own(completed.value, b"", notary.description, wanted=wanted)
    report = judged(case, completed.value)
    assert report.status is Status.VALID
    ((counter,),) = [one.counter_signers for one in report.signers]
    assert counter.proven_time is not None
    assert report.signers[0].proven_time is None


def test_a_signer_beside_one_of_level_lt_keeps_its_material(made: Callable[[str], Case]) -> None:
    case = made("ec")
    plain = signed(case)
    first = plain.with_timestamp(stamp(case, plain.stamped)).with_material(material(case)).value
    beside = signed(case, case.authority.signer("second"), existing=first)
    second = beside.with_timestamp(stamp(case, beside.stamped))
    before, after = (cms.ContentInfo.load(one)["content"] for one in (first, second.value))
    assert {one.dump() for one in before["crls"]} == {one.dump() for one in after["crls"]}
    assert {one.dump() for one in before["signer_infos"]} < {one.dump() for one in after["signer_infos"]}
    assert accepted(case, second.value)
    verify_own(
        second.value, case.digest(), case.authority.signer("second").description,
        wanted=Wanted(level="t", existing=first),
    )  # fmt: skip
    assert judged(case, second.value).status is Status.VALID


@pytest.mark.parametrize("mode", ["co_sign", "counter_sign"])
@pytest.mark.parametrize(("first", "second"), [("rsa", "gost512-A"), ("gost256-A", "ec")])
def test_families_of_keys_stand_together_in_one_signature(
    made: Callable[[str], Case], first: str, second: str, mode: str
) -> None:
    one, two = made(first), made(second)
    before = signed(one).value
    both = signed(two, existing=before, mode=mode).value
    folder = two.authority.folder
    roots = folder / "both.pem"
    roots.write_bytes(b"".join(case.authority.root.certificate.read_bytes() for case in (one, two)))
    (folder / "document").write_bytes(DOCUMENT)
    openssl_gost(
        "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-CAfile", roots, "-purpose", "any",
        "-content", folder / "document", data=both,
    )  # fmt: skip
    wanted = Wanted(existing=before, mode="co_sign" if mode == "co_sign" else "counter_sign")
    verify_own(both, two.digest(), two.signer.description, wanted=wanted)
    anchors = [one.authority.root.der, two.authority.root.der]
    report = verify(both, DOCUMENT, anchors, datetime.datetime.now(datetime.UTC))
    assert (report.status, report.reasons) == (Status.VALID, ())
    signers = [*report.signers, *(counter for signer in report.signers for counter in signer.counter_signers)]
    assert len(signers) == 2


def test_mutations_of_a_signature_of_level_lt_are_never_more_than_a_report(made: Callable[[str], Case]) -> None:
    """Whatever comes out valid has what was signed, and who signed, as they were."""
    case = made("ec")
    first = signed(case)
    notary = case.authority.signer("notary")
    over = signed(case, notary, existing=first.value, mode="counter_sign")
    whole = over.with_timestamp(stamp(case, over.stamped)).with_material(material(case, notary)).value
    chance, valid = random.Random(20261122), 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2))):
            at = chance.randrange(len(damaged))
            way = chance.randrange(3)
            if way == 0:
                damaged[at] ^= 1 << chance.randrange(8)
            elif way == 1:
                del damaged[at : at + chance.choice((1, 2, 30))]
            else:
                damaged[at] = chance.choice((0x00, 0x80, 0x84, 0x30, 0xA0, 0xA1))
        report = judged(case, bytes(damaged))
        if report.status is Status.VALID:
            valid += 1
            assert [one.certificate and one.certificate.der for one in report.signers] == [case.signer.der]
            assert first.stamped in damaged
    assert valid > 0  # lists and certificates that nobody needs


def test_the_command_shows_time_stamps_and_counter_signatures(made: Callable[[str], Case], tmp_path: Path) -> None:
    case = made("ec")
    plain = signed(case)
    first = plain.with_timestamp(stamp(case, plain.stamped)).value
    both = signed(case, case.authority.signer("notary"), existing=first, mode="counter_sign").value
    (tmp_path / "signature").write_bytes(both)
    (tmp_path / "document").write_bytes(DOCUMENT)
    command = [sys.executable, "-m", "agent.cli.main", "verify", "signature", "--content", "document"]
    command += ["--trust", str(case.authority.root.certificate)]
    environment = {**os.environ, "PERO_HOME": str(tmp_path / "home"), "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}

    def run(*more: str) -> str:
        return subprocess.run(
            [*command, *more], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        ).stdout

    (signer,) = json.loads(run("--json"))["signers"]
    assert [one["trusted"] for one in signer["timestamps"]] == [True]
    assert signer["timestamps"][0]["authority"] == "stamping"
    assert signer["proven_time"] == signer["timestamps"][0]["time"]
    assert [one["certificate"]["owner"] for one in signer["counter_signers"]] == ["notary"]
    said = run()
    assert text("command.verify.counter_signers", "en") in said
    assert text("command.verify.counter_signer_valid", "en") in said
    assert "notary" in said
    assert "stamping" in said
