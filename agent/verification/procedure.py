"""Is this signature right, of this content, by whom, and does anybody vouch for them? (RFC 5652, ETSI EN 319 102-1)

Validity is looked at for the moment that is given. The signer's own claim of a time is reported and never believed; a
time-stamp is, where a trust anchor vouches for its authority: what expired after it does no harm. Revocation is looked
at as far as the signature carries lists and OCSP answers, and nothing is fetched.
"""

from __future__ import annotations

import datetime
import hmac
from collections.abc import Mapping, Sequence

import msgspec

from agent.algorithms import ALGORITHMS, DIGESTS, PSS, SignatureAlgorithm, new_digest
from agent.certificates import rsa_pss
from agent.certificates.chain import SIGNATURES_WITH_DIGEST
from agent.certificates.description import Description, describe
from agent.certificates.signatures import is_signature
from agent.cms.attributes import DATA
from agent.errors import CertificateDamaged, SignatureDamaged
from agent.verification import revocation, stamps
from agent.verification.content import Content, digests, looks_like_attributes
from agent.verification.reading import SignerInfo, read_signature
from agent.verification.report import (
    REVOCATION_CARRIED,
    Report,
    SignerReport,
    Status,
    TimestampReport,
    sorted_reasons,
    status_of,
)
from agent.verification.trusting import Trusting

_DIGEST_NAMES = {digest.oid: digest.name for digest in DIGESTS}
_HASHES = {**_DIGEST_NAMES, "1.3.14.3.2.26": "sha1"}  # of signing-certificate; SHA-1 is what RFC 2634 has


class _Case(msgspec.Struct, frozen=True):
    """What every signer of one signature is judged by."""

    content_type: str | None  # dotted OID; None: what is signed is a signature's value
    certificates: tuple[Description, ...]
    contents: tuple[Content, ...]  # attached and given: the same octets, if all is well
    digests: tuple[Mapping[str, bytes], ...]  # of each content, by name of algorithm
    trusting: Trusting


class Beside(msgspec.Struct, frozen=True):
    """What is known besides a signature: the document it is in may carry it. All DER."""

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsp: tuple[bytes, ...] = ()


def verify(
    signature: bytes,
    content: Content | None,
    anchors: Sequence[bytes] | None,
    now: datetime.datetime,
    beside: Beside = Beside(),  # noqa: B008 - frozen
) -> Report:
    """Judge a CMS signature (DER, BER, PEM or base64).

    `content` is for detached signatures; given with an attached one, both must be what was signed. `anchors` are DER;
    None: nobody is trusted, and the best that can be said is indeterminate. `now` is aware. Raises FileUnreadable and
    DigestTooSlow for the content; whatever the signature is made of ends in a report. Not to be called where an event
    loop runs.

    For the whole: 1. read the structure  2. read the certificates  3. digest the content  4. each signer (`_judge`)
    """
    # 1.
    try:
        read = read_signature(signature)
    except SignatureDamaged:
        return _report(("damaged",), (), False, now)
    if not read.signers:
        return _report(("no_signer",), (), read.content is not None, now)
    # 2.
    certificates = readable((*read.certificates, *beside.certificates))
    # 3.
    contents = tuple(one for one in (read.content, content) if one is not None)
    wanted = {_DIGEST_NAMES[one.digest_oid] for one in read.signers if one.digest_oid in _DIGEST_NAMES}
    digested = tuple(digests(one, wanted) for one in contents)
    # 4.
    carried = revocation.Carried((*read.crls, *beside.crls), (*read.ocsp, *beside.ocsp))
    trusting = Trusting(anchors, [one.der for one in certificates], carried, now)
    case = _Case(read.content_type, certificates, contents, digested, trusting)
    judged = [_judge(signer, case) for signer in read.signers]
    signers = tuple(report for report, _cleared in judged)
    report = _report(_all_reasons(signers), signers, read.content is not None, now)
    if all(cleared for _report_of_one, cleared in judged):
        report = msgspec.structs.replace(report, revocation=REVOCATION_CARRIED)
    return report


def _all_reasons(signers: Sequence[SignerReport]) -> list[str]:
    """Those of counter-signers too."""
    return [reason for one in signers for reason in (*one.reasons, *_all_reasons(one.counter_signers))]


def _judge(signer: SignerInfo, case: _Case) -> tuple[SignerReport, bool]:
    """The report, and whether no certificate of the signer and of the counter-signers was revoked, for certain.

    1. the signer's certificate  2. the algorithm  3. the content  4. the signature value  5. the certificate that
    the attributes name  6. time-stamps  7. the certificate's period, purpose and key, and who vouches for it
    8. revocation, as far as the signature tells  9. counter-signatures

    Steps 6 to 8 are left out where the signature is invalid, and step 8 where it is not trusted: nobody needs to know
    then, and strangers could make it long.
    """
    # 1.
    certificate = _certificate(signer, case.certificates)
    reasons: list[str] = []
    timestamps: tuple[TimestampReport, ...] = ()
    proven: datetime.datetime | None = None
    cleared: bool | None = None
    if certificate is None:
        reasons = ["certificate_missing", *_content_reasons(signer, case)]
    else:
        # 2.
        algorithm = _algorithm(signer, certificate)
        reasons += ["algorithm_unsupported"] if algorithm is None else []
        # 3.
        reasons += _content_reasons(signer, case)
        # 4.
        reasons += _value_reasons(signer, case, certificate, algorithm) if algorithm else []
        # 5.
        reasons += [] if _is_named(signer, certificate) else ["signing_certificate_mismatch"]
        if status_of(reasons) is not Status.INVALID:
            claimed, value = _claimed_time(signer), signer.signature
            vouched = vouch(certificate, claimed, signer.timestamps, value, case.trusting, certain=not reasons)
            timestamps, proven, cleared = vouched.timestamps, vouched.proven_time, vouched.cleared
            reasons += vouched.reasons
    counter_signers = _counter_signers(signer, case)  # 9.
    report = SignerReport(
        status=status_of(reasons),
        reasons=sorted_reasons(reasons),
        certificate=certificate,
        claimed_time=_claimed_time(signer),
        digest_algorithm=_DIGEST_NAMES.get(signer.digest_oid, signer.digest_oid),
        proven_time=proven,
        timestamps=timestamps,
        counter_signers=tuple(one for one, _cleared in counter_signers),
        level=level_of(timestamps, case.trusting) if signer.attributes and signer.attributes.certificates else "",
    )
    return report, cleared is True and all(others for _report_of_one, others in counter_signers)


class Vouched(msgspec.Struct, frozen=True):
    """What time-stamps prove and anchors vouch for."""

    reasons: list[str]
    timestamps: tuple[TimestampReport, ...]
    proven_time: datetime.datetime | None
    cleared: bool | None  # not revoked: shown, shown to be otherwise, not known


def vouch(
    certificate: Description,
    claimed: datetime.datetime | None,
    tokens: Sequence[bytes],
    stamped: bytes,
    trusting: Trusting,
    *,
    certain: bool,
) -> Vouched:
    """Steps 6 to 8 of `_judge`, for a signature of any format that is not wrong. `stamped`: what the tokens are about;
    `certain`: nothing is in doubt so far, so that revocation is of interest."""
    timestamps = stamps.judge(tokens, stamped, trusting.of_authority)  # 6.
    proven = stamps.proven_time(timestamps)
    reasons = ["timestamp_wrong"] if any(one.reason == "timestamp_wrong" for one in timestamps) else []
    reasons += trusting.of_signer(certificate, claimed, proven)  # 7.
    cleared = trusting.not_revoked(certificate, proven) if certain and not reasons else None  # 8.
    return Vouched(reasons + (["certificate_revoked"] if cleared is False else []), timestamps, proven, cleared)


def level_of(timestamps: Sequence[TimestampReport], trusting: Trusting) -> str:
    """As far as it is there: a time-stamp that is right, whoever made it, and material of revocation."""
    if not any(one.moment is not None for one in timestamps):
        return "b"
    return "lt" if trusting.carries_revocation else "t"


def _claimed_time(signer: SignerInfo) -> datetime.datetime | None:
    return signer.attributes.signing_time if signer.attributes else None


def _counter_signers(signer: SignerInfo, case: _Case) -> list[tuple[SignerReport, bool]]:
    """Their content is the value of this signature (RFC 5652 section 11.4)."""
    if not signer.counter_signers:
        return []
    wanted = {_DIGEST_NAMES[one.digest_oid] for one in signer.counter_signers if one.digest_oid in _DIGEST_NAMES}
    over = msgspec.structs.replace(
        case, content_type=None, contents=(signer.signature,), digests=(digests(signer.signature, wanted),)
    )
    return [_judge(one, over) for one in signer.counter_signers]


def _certificate(signer: SignerInfo, certificates: Sequence[Description]) -> Description | None:
    """The certificate that the SignerInfo names; among several the one that the signed attributes name too."""
    fitting = [
        one
        for one in certificates
        if (signer.issuer, signer.serial) == (one.issuer_der, one.serial_number)
        or (signer.key_identifier is not None and signer.key_identifier == one.subject_key_identifier)
    ]
    return next((one for one in fitting if _is_named(signer, one)), fitting[0] if fitting else None)


def _algorithm(signer: SignerInfo, certificate: Description) -> SignatureAlgorithm | None:
    """The row of ALGORITHMS; signatureAlgorithm may be the one that names the digest too (RFC 5754 section 3.2)."""
    if not signer.plain_parameters:
        return None
    for row in ALGORITHMS:
        if row.digest.oid == signer.digest_oid and row.key_type == certificate.key_type:
            if (row.padding == PSS) != (signer.signature_oid == rsa_pss.SIGNATURE):
                continue
            if row.padding == PSS:
                return row if _is_pss(signer, row) else None
            full = SIGNATURES_WITH_DIGEST.get(signer.signature_oid) == (row.key_type, row.digest)
            return row if full or row.oid == signer.signature_oid else None
    return None


def _is_pss(signer: SignerInfo, row: SignatureAlgorithm) -> bool:
    """Both digests of the parameters are that of the SignerInfo (RFC 4056 section 3)."""
    return signer.pss is not None and (signer.pss.digest, signer.pss.mask_digest) == (row.digest.oid, row.digest.oid)


def _content_reasons(signer: SignerInfo, case: _Case) -> list[str]:
    """The digest of every content that is at hand must be the one in the attributes (RFC 5652 section 5.6)."""
    if not case.contents:
        return ["content_missing"]
    attributes = signer.attributes
    if attributes is None:
        if any(looks_like_attributes(one) for one in case.contents):
            return ["content_ambiguous"]
        if case.content_type not in (DATA, None):  # RFC 5652 section 5.3: attributes must be there then
            return ["damaged"]
        return ["document_changed"] if len({frozenset(one.items()) for one in case.digests}) > 1 else []
    if attributes.content_type != case.content_type:
        return ["damaged"]
    name = _DIGEST_NAMES.get(signer.digest_oid)
    if name is None:
        return []
    same = [hmac.compare_digest(one[name], attributes.message_digest) for one in case.digests]
    return [] if all(same) else ["document_changed"]


def _value_reasons(
    signer: SignerInfo, case: _Case, certificate: Description, algorithm: SignatureAlgorithm
) -> list[str]:
    """The signature is over the attributes, or without them over the content itself (RFC 5652 section 5.4)."""
    name = algorithm.digest.name
    if signer.attributes is not None:
        signed = [new_digest(name, octets).digest() for octets in signer.attributes.signed]
    elif case.digests:
        signed = [case.digests[0][name]]
    else:
        return []
    salt = signer.pss.salt if signer.pss else None
    right = any(is_signature(certificate.public_key, algorithm, one, signer.signature, salt) for one in signed)
    return [] if right else ["signature_wrong"]


def _is_named(signer: SignerInfo, certificate: Description) -> bool:
    """Whether signing-certificate, where there is one, names this certificate (RFC 5035 section 3)."""
    if signer.attributes is None or not signer.attributes.certificates:
        return True
    oid, digest = signer.attributes.certificates[0]
    name = _HASHES.get(oid)
    return name is not None and hmac.compare_digest(new_digest(name, certificate.der).digest(), digest)


def readable(certificates: Sequence[bytes]) -> tuple[Description, ...]:
    """A damaged certificate among them is as good as none."""
    found = []
    for der in certificates:
        try:
            found.append(describe(der))
        except CertificateDamaged:
            continue
    return tuple(found)


def _report(
    reasons: Sequence[str], signers: tuple[SignerReport, ...], attached: bool, now: datetime.datetime
) -> Report:
    return Report(
        status=status_of(reasons),
        reasons=sorted_reasons(reasons),
        signers=signers,
        attached=attached,
        checked_at=now.astimezone(datetime.UTC),
    )
