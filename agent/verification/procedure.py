"""Is this signature right, of this content, by whom, and does anybody vouch for them? (RFC 5652, ETSI EN 319 102-1)

Validity is looked at for the moment that is given. The signer's own claim of a time is reported and never believed, and
time-stamps are not read yet, so a certificate that expired makes every signature of it indeterminate. Revocation is not
checked yet. Counter-signatures and other unsigned attributes are not looked at.
"""

from __future__ import annotations

import datetime
import hmac
from collections.abc import Mapping, Sequence

import msgspec

from agent.algorithms import ALGORITHMS, DIGESTS, SignatureAlgorithm, new_digest
from agent.certificates.chain import SIGNATURES_WITH_DIGEST
from agent.certificates.description import Description, describe, problems
from agent.certificates.signatures import is_signature
from agent.cms.attributes import DATA
from agent.errors import CertificateDamaged, SignatureDamaged
from agent.trust.path import path_problem
from agent.verification.content import Content, digests, looks_like_attributes
from agent.verification.reading import Signature, SignerInfo, read_signature
from agent.verification.report import Report, SignerReport, Status, sorted_reasons, status_of

_DIGEST_NAMES = {digest.oid: digest.name for digest in DIGESTS}
_HASHES = {**_DIGEST_NAMES, "1.3.14.3.2.26": "sha1"}  # of signing-certificate; SHA-1 is what RFC 2634 has
_PROBLEMS = {"expired": "certificate_expired", "key_unsupported": "algorithm_unsupported"}  # else the same name


class _Case(msgspec.Struct, frozen=True):
    """What every signer of one signature is judged by."""

    signature: Signature
    certificates: tuple[Description, ...]
    contents: tuple[Content, ...]  # attached and given: the same octets, if all is well
    digests: tuple[Mapping[str, bytes], ...]  # of each content, by name of algorithm
    anchors: Sequence[bytes] | None
    now: datetime.datetime


def verify(
    signature: bytes, content: Content | None, anchors: Sequence[bytes] | None, now: datetime.datetime
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
    certificates = _readable(read.certificates)
    # 3.
    contents = tuple(one for one in (read.content, content) if one is not None)
    wanted = {_DIGEST_NAMES[one.digest_oid] for one in read.signers if one.digest_oid in _DIGEST_NAMES}
    digested = tuple(digests(one, wanted) for one in contents)
    # 4.
    case = _Case(read, certificates, contents, digested, anchors, now)
    signers = tuple(_judge(signer, case) for signer in read.signers)
    return _report([reason for one in signers for reason in one.reasons], signers, read.content is not None, now)


def _judge(signer: SignerInfo, case: _Case) -> SignerReport:
    """1. the signer's certificate  2. the algorithm  3. the content  4. the signature value  5. the certificate that
    the attributes name  6. the certificate's period, purpose and key  7. who vouches for it

    Steps 6 and 7 are left out where the signature is invalid: nobody needs to know then.
    """
    # 1.
    certificate = _certificate(signer, case.certificates)
    reasons: list[str] = []
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
            # 6.
            reasons += [_PROBLEMS.get(problem, problem) for problem in problems(certificate, case.now)]
            # 7.
            reasons += _trust_reasons(certificate, case)
    return SignerReport(
        status=status_of(reasons),
        reasons=sorted_reasons(reasons),
        certificate=certificate,
        claimed_time=signer.attributes.signing_time if signer.attributes else None,
        digest_algorithm=_DIGEST_NAMES.get(signer.digest_oid, signer.digest_oid),
    )


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
            full = SIGNATURES_WITH_DIGEST.get(signer.signature_oid) == (row.key_type, row.digest)
            return row if full or row.oid == signer.signature_oid else None
    return None


def _content_reasons(signer: SignerInfo, case: _Case) -> list[str]:
    """The digest of every content that is at hand must be the one in the attributes (RFC 5652 section 5.6)."""
    if not case.contents:
        return ["content_missing"]
    attributes = signer.attributes
    if attributes is None:
        if any(looks_like_attributes(one) for one in case.contents):
            return ["content_ambiguous"]
        if case.signature.content_type != DATA:  # RFC 5652 section 5.3: attributes must be there then
            return ["damaged"]
        return ["document_changed"] if len({frozenset(one.items()) for one in case.digests}) > 1 else []
    if attributes.content_type != case.signature.content_type:
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
    right = any(is_signature(certificate.public_key, algorithm, one, signer.signature) for one in signed)
    return [] if right else ["signature_wrong"]


def _is_named(signer: SignerInfo, certificate: Description) -> bool:
    """Whether signing-certificate, where there is one, names this certificate (RFC 5035 section 3)."""
    if signer.attributes is None or not signer.attributes.certificates:
        return True
    oid, digest = signer.attributes.certificates[0]
    name = _HASHES.get(oid)
    return name is not None and hmac.compare_digest(new_digest(name, certificate.der).digest(), digest)


def _trust_reasons(certificate: Description, case: _Case) -> list[str]:
    if not case.anchors:
        return ["no_anchors"]
    others = [one.der for one in case.certificates]
    reason = path_problem(certificate, others, case.anchors, case.now)
    return [reason] if reason else []


def _readable(certificates: Sequence[bytes]) -> tuple[Description, ...]:
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
