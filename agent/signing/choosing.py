"""Before anybody is asked: whether a document can be signed so, and which certificates are on offer for it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from agent.algorithms import digest_named
from agent.errors import AlgorithmUnsupported, CertificateUnknown, CertificateUnusable, DigestLength, NoCertificate
from agent.model import Digest, Listing
from agent.signing.aside import aside
from agent.signing.fitting import Candidate, candidates, left_out, signing_with, unable
from agent.signing.making import Format, format_named
from agent.signing.options import check
from agent.signing.request import SignRequest
from agent.signing.sign_in import check_document
from agent.signing.steps import is_large


def fitting(listing: Listing, request: SignRequest, now: datetime) -> tuple[Candidate, ...]:
    """The certificates to offer; of the one that was named, only that. Raises NoCertificate where there is none, and to
    a command, which may know, CertificateUnknown, CertificateUnusable, AlgorithmUnsupported of the one it named.

    A page learns nothing of a certificate by naming it: whether it is absent, expired or of another algorithm, the
    person is shown that and answers, as where nothing fits a filter.
    """
    found = _wanted(listing, request, now)
    if request.certificate is not None and not request.origin:
        if not found:
            raise CertificateUnknown(thumbprint=request.certificate)
        usable(found[0])
    digests, padding = request.digests, request.options.padding
    signing = signing_with(found, digests, padding)
    if request.certificate is not None:
        signing = tuple(one for one in signing if not one.problems)
        if not signing and not request.origin:
            raise AlgorithmUnsupported(algorithm=digests[0].name if digests else padding)
    if not signing:
        raise NoCertificate()
    return signing


def _wanted(listing: Listing, request: SignRequest, now: datetime) -> tuple[Candidate, ...]:
    wanted = request.filter
    if request.certificate is not None:
        wanted = msgspec.structs.replace(wanted, thumbprints=(request.certificate,))
    return candidates(listing, wanted, now)


def not_offered(listing: Listing, request: SignRequest, now: datetime) -> tuple[Candidate, ...]:
    """The other certificates, with the reasons; of one that was named, only that."""
    fitting = _wanted(listing, request, now)
    signing = signing_with(fitting, request.digests, request.options.padding)
    cannot = tuple(unable(one for one in fitting if one not in signing))
    if request.certificate is not None:
        return (*cannot, *(one for one in signing if one.problems))
    return (*cannot, *left_out(listing, request.filter, now))


def usable(candidate: Candidate) -> Candidate:
    """The candidate, if it can sign: what a window says is checked again here."""
    if candidate.problems:
        raise _unusable(candidate)
    return candidate


def _unusable(candidate: Candidate) -> CertificateUnusable:
    description = candidate.description
    days = {"from_day": f"{description.not_before:%Y-%m-%d}", "to_day": f"{description.not_after:%Y-%m-%d}"}
    return CertificateUnusable(thumbprint=description.thumbprint, reason=candidate.problems[0], **days)


async def checked(request: SignRequest, form: Format | None = None) -> Format:
    """The format asked for. What can never be signed is refused here, before anybody is asked anything.

    `form`: that format, where it was made ready for many documents.

    Raises BadParameters, DigestLength, AlgorithmUnsupported, and what the format says of the document.
    """
    check(
        request.options,
        request.document,
        attached=request.attached,
        digest_named=request.digest_algorithm is not None,
    )
    form = form or format_named(request.options.format)
    _ = request.digests
    if isinstance(request.document, Digest):
        expected = digest_named(request.document.algorithm).size
        if len(request.document.value) != expected:
            raise DigestLength(
                algorithm=request.document.algorithm, expected=expected, given=len(request.document.value)
            )
    if not request.audience:
        check_document(request.document)
    await aside(form.slow or is_large(request), lambda: form.look(request.document, request.options), request.origin)
    return form
