"""The signatures in an XML document by anybody (XML Signature 1.1; XAdES, ETSI EN 319 132-1), each judged by itself.

What is signed is said, and where: a right signature of one element says nothing of the rest of the document, nor of
where that element stands. The document is read as strictly as one that is to be signed (`xml.document`).
"""

from __future__ import annotations

import datetime
import hmac
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from lxml import etree

from agent.algorithms import new_digest
from agent.certificates.description import Description
from agent.certificates.signatures import is_signature
from agent.errors import AlgorithmUnsupported, DocumentDamaged, PeroError, XmlUnsafe
from agent.verification.procedure import level_of, vouch
from agent.verification.report import Report, SignerReport, Status, sorted_reasons, status_of
from agent.verification.trusting import Trusting
from agent.verification.xml_coverage import coverage_of
from agent.verification.xml_references import (
    Target,
    Unclear,
    Unsupported,
    leaves_comments,
    octets_of,
    octets_of_base64,
    prefixes_of,
    target_of,
)
from agent.verification.xml_signer import (
    carried_by,
    certificates_of,
    claimed_by,
    is_named,
    named_by,
    properties_of,
    stamps_of,
)
from agent.xml.algorithms import algorithm_of_method, digest_of_method, read_value
from agent.xml.canonical import METHODS, canonical
from agent.xml.document import by_id, read, tree
from agent.xml.names import SIGNED_PROPERTIES, ds

MAX_SIGNATURES = 32
MAX_REFERENCES = 32  # of one signature
MAX_WORK = 1 << 30  # octets: those of the document by the number of references
_WRONG = (PeroError, ValueError, TypeError, KeyError, IndexError, etree.LxmlError)  # what strangers' structures raise


class _Document(NamedTuple):
    root: etree._Element
    beside: etree._Element | None  # the root of the content, where that is XML
    content: bytes | None
    anchors: Sequence[bytes] | None
    now: datetime.datetime


class _Reference(NamedTuple):
    reasons: list[str]
    target: Target | None
    properties: bool  # it is of the signed properties of this very signature
    comments: bool = False  # there are some in what it is of, and they are not digested


def verify_xml(
    document: bytes, content: bytes | None, anchors: Sequence[bytes] | None, now: datetime.datetime
) -> Report:
    """`content`: the file, or the document, that a signature outside of it is of. `anchors` are DER, `now` is aware.

    Raises DocumentTooLarge, XmlUnsafe, DigestTooSlow; what is damaged ends in a report.
    """
    report = Report(Status.INDETERMINATE, (), (), content is None, now.astimezone(datetime.UTC), format="xml")
    try:
        root = tree(read(document))
    except DocumentDamaged:
        return _of(report, (), ["damaged"])
    signatures = list(root.iter(ds("Signature")))
    if not signatures:
        return _of(report, (), ["not_signed"])
    references = sum(1 for _ in root.iter(ds("Reference")))
    if len(signatures) > MAX_SIGNATURES or references * (len(document) + len(content or b"")) > MAX_WORK:
        raise XmlUnsafe(reason="complex")
    case = _Document(root, _root_of(content), content, anchors, now)
    judged = [_judge(one, case) for one in signatures]
    if all(cleared for _report_of_one, cleared in judged):
        report = msgspec.structs.replace(report, revocation="carried")
    return _of(report, tuple(one for one, _cleared in judged), [])


def _of(report: Report, signers: tuple[SignerReport, ...], reasons: list[str]) -> Report:
    found = [*reasons, *(reason for one in signers for reason in one.reasons)]
    return msgspec.structs.replace(report, signers=signers, status=status_of(found), reasons=sorted_reasons(found))


def _root_of(content: bytes | None) -> etree._Element | None:
    if content is None:
        return None
    try:
        return tree(read(content))
    except PeroError:
        return None


def _judge(signature: etree._Element, case: _Document) -> tuple[SignerReport, bool]:
    """The report, and whether no certificate of the signer was revoked, for certain. Nothing of a stranger's structure
    raises.

    1. the certificate  2. the signature value over ds:SignedInfo  3. each reference  4. what is covered  5. XAdES: the
    certificate that is named  6. time-stamps, trust, revocation
    """
    properties = properties_of(signature)
    certificate = _certificate(signature, properties)  # 1.
    reasons = _value_reasons(signature, certificate)  # 2.
    try:
        found = [_reference(one, signature, properties, case) for one in _references(signature)]  # 3.
    except _WRONG:
        found, reasons = [], [*reasons, "damaged"]
    reasons += [reason for one in found for reason in one.reasons]
    coverage = coverage_of(
        signature, [one.target for one in found if one.target is not None and not one.properties]
    )  # 4.
    if any(one.comments for one in found):
        coverage = msgspec.structs.replace(coverage, comments=True)
    reasons += ["covers_part"] if coverage.kind == "parts" else []
    signed = properties if properties is not None and any(one.properties for one in found) else None
    named = named_by(signed) if signed is not None else None
    if certificate is not None and named is not None and not is_named(certificate, named):  # 5.
        reasons.append("signing_certificate_mismatch")
    claimed = claimed_by(signed)
    report = SignerReport(
        status=status_of(reasons),
        reasons=sorted_reasons(reasons),
        certificate=certificate,
        claimed_time=claimed,
        digest_algorithm=_digest_name(signature),
        coverage=coverage,
    )
    if certificate is None or report.status is Status.INVALID:
        return report, False
    trusting = _trusting(signature, case)  # 6.
    stamped, tokens = stamps_of(signature)
    vouched = vouch(certificate, claimed, tokens, stamped, trusting, certain=not set(reasons) - {"covers_part"})
    reasons += vouched.reasons
    report = msgspec.structs.replace(
        report,
        status=status_of(reasons),
        reasons=sorted_reasons(reasons),
        proven_time=vouched.proven_time,
        timestamps=vouched.timestamps,
        level=level_of(vouched.timestamps, trusting) if named is not None else "",
    )
    return report, vouched.cleared is True


def _certificate(signature: etree._Element, properties: etree._Element | None) -> Description | None:
    """The one that XAdES names, else the one by which the value is right, else the first."""
    certificates = certificates_of(signature)
    named = named_by(properties) if properties is not None else None
    if named is not None:
        fitting = [one for one in certificates if is_named(one, named)]
        if fitting:
            return fitting[0]
    right = (one for one in certificates if not _value_reasons(signature, one))
    return next(right, certificates[0] if certificates else None)


def _trusting(signature: etree._Element, case: _Document) -> Trusting:
    """With what the signature carries beside its certificate."""
    certificates, carried = carried_by(signature)
    return Trusting(case.anchors, [one.der for one in certificates], carried, case.now)


# The value


def _value_reasons(signature: etree._Element, certificate: Description | None) -> list[str]:
    """Of ds:SignatureValue over the canonical ds:SignedInfo, which inherits what stands around it."""
    if certificate is None:
        return ["certificate_missing"]
    try:
        info, value = signature[0], signature[1]
        form, signing = info[0], info[1]
        tags = (info.tag, value.tag, form.tag, signing.tag)
        wanted = ("SignedInfo", "SignatureValue", "CanonicalizationMethod", "SignatureMethod")
        if tags != tuple(map(ds, wanted)):
            return ["damaged"]
        method = form.get("Algorithm", "")
        algorithm = algorithm_of_method(signing.get("Algorithm", ""), certificate.key_type)
        if algorithm is None or len(signing) or method not in METHODS:
            return ["algorithm_unsupported"]
        signed = new_digest(algorithm.digest.name, canonical(info, method, prefixes_of(form))).digest()
        octets = read_value(octets_of_base64(value.text), certificate)
    except (Unsupported, AlgorithmUnsupported):
        return ["algorithm_unsupported"]
    except _WRONG:
        return ["damaged"]
    return [] if is_signature(certificate.public_key, algorithm, signed, octets) else ["signature_wrong"]


# The references


def _references(signature: etree._Element) -> list[etree._Element]:
    info = signature.find(ds("SignedInfo"))
    found = info.findall(ds("Reference")) if info is not None else []
    if not 0 < len(found) <= MAX_REFERENCES:
        raise ValueError("references")
    return found


def _reference(
    reference: etree._Element, signature: etree._Element, properties: etree._Element | None, case: _Document
) -> _Reference:
    try:
        target = target_of(reference.get("URI"), case.root, case.beside)
    except Unclear:
        missing = case.content is None and _is_absent(reference, case.root)
        return _Reference(["content_missing" if missing else "reference_unclear"], None, False)
    except Unsupported:
        return _Reference(["transform_unsupported"], None, False)
    of_properties = reference.get("Type") == SIGNED_PROPERTIES
    own = of_properties and properties is not None and target.node is properties
    if of_properties and not own:  # of another signature, or of several
        return _Reference(["damaged"], target, False)
    if target.node is None and case.content is None:
        return _Reference(["content_missing"], target, False)
    try:
        digest = digest_of_method(_digest_method(reference))
    except ValueError:
        return _Reference(["algorithm_unsupported"], target, own)
    try:
        octets = octets_of(reference, target, case.content, signature)
        given = octets_of_base64(reference.findtext(ds("DigestValue")))
    except Unsupported:
        return _Reference(["transform_unsupported"], target, own)
    except _WRONG:
        return _Reference(["damaged"], target, own)
    right = hmac.compare_digest(new_digest(digest.name, octets).digest(), given)
    return _Reference(
        [] if right else ["document_changed"], target, own, not own and leaves_comments(reference, target)
    )


def _is_absent(reference: etree._Element, root: etree._Element) -> bool:
    """Whether nothing there has that Id, in a signature that stands alone: what it is of is somewhere else."""
    uri = reference.get("URI", "")
    try:
        by_id(root, uri.removeprefix("#"))
    except PeroError as error:
        return error.facts.get("count") == 0 and root.tag == ds("Signature")
    return False


def _digest_name(signature: etree._Element) -> str:
    reference = signature.find(f"{ds('SignedInfo')}/{ds('Reference')}")
    uri = _digest_method(reference) if reference is not None else ""
    try:
        return digest_of_method(uri).name
    except ValueError:
        return uri


def _digest_method(reference: etree._Element) -> str:
    method = reference.find(ds("DigestMethod"))
    return method.get("Algorithm", "") if method is not None else ""
