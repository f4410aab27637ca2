"""Which certificates fit a request, which of them can sign, and how they are offered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from agent.algorithms import PKCS1, DigestAlgorithm, can_sign
from agent.certificates.description import Description, describe, problems
from agent.consent.prompter import OfferedCertificate
from agent.errors import CertificateDamaged
from agent.model import KEY_FILES, CertificateEntry, Listing, TokenState
from agent.signing.filters import Filter

OTHER_DIGEST = "other_digest"  # its key does not sign with what was asked for


class Candidate(msgspec.Struct, frozen=True):
    """A certificate that fits, with what is wrong with it (names; empty: it can sign)."""

    entry: CertificateEntry
    description: Description
    problems: tuple[str, ...]


def candidates(listing: Listing, wanted: Filter, now: datetime) -> tuple[Candidate, ...]:
    """The certificates that fit, usable ones first, then by the end of their validity, latest first.

    The same certificate found twice (a key file and a token) is offered once, from the place found first that has
    its key. Certificates that cannot be read are left out: `pero diagnose` names them.
    """
    return _once(one for one in _readable(listing, now) if not wanted.misfits(one.description, now))


def left_out(listing: Listing, wanted: Filter, now: datetime) -> tuple[Candidate, ...]:
    """The certificates that do not fit, with the reasons as their first problems. For the person, never for a page."""
    found = ((one, wanted.misfits(one.description, now)) for one in _readable(listing, now))
    return _once(msgspec.structs.replace(one, problems=(*why, *one.problems)) for one, why in found if why)


def _readable(listing: Listing, now: datetime) -> Iterator[Candidate]:
    for entry in listing.certificates:
        try:
            description = describe(entry.der)
        except CertificateDamaged:
            continue
        if not is_authority(description):
            yield Candidate(entry, description, _problems(entry, description, now))


def _once(found: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Each certificate once: from the place that has its key, else from the first."""
    kept: dict[str, Candidate] = {}
    for candidate in found:
        known = kept.get(candidate.entry.thumbprint)
        if known is None or (known.problems and not candidate.problems):
            kept[candidate.entry.thumbprint] = candidate
    return tuple(sorted(kept.values(), key=_order))


def signing_with(
    found: tuple[Candidate, ...], digests: Sequence[DigestAlgorithm], padding: str = PKCS1
) -> tuple[Candidate, ...]:
    """Those whose key signs one of such digests (none: any), with this padding. A key that signs nothing is kept: its
    problem says so."""
    return tuple(
        one
        for one in found
        if (not digests or any(can_sign(one.description.key_type, digest) is not False for digest in digests))
        and (padding == PKCS1 or one.description.key_type == "rsa")
    )


def unable(found: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Candidates whose key does not sign with what was asked for, with that as their first problem."""
    return tuple(msgspec.structs.replace(one, problems=(OTHER_DIGEST, *one.problems)) for one in found)


def is_authority(description: Description) -> bool:
    """Certificates of authorities lie on tokens beside the person's own; they are never offered for signing."""
    return description.is_authority


def _order(candidate: Candidate) -> tuple[bool, float]:
    return bool(candidate.problems), -candidate.description.not_after.timestamp()


def _problems(entry: CertificateEntry, description: Description, now: datetime) -> tuple[str, ...]:
    own = problems(description, now)
    return (*own, "no_key") if entry.has_key is False else own


def offered(choices: Iterable[Candidate]) -> tuple[OfferedCertificate, ...]:
    return tuple(_offer(candidate) for candidate in choices)


def _offer(candidate: Candidate) -> OfferedCertificate:
    description, token = candidate.description, candidate.entry.token
    return OfferedCertificate(
        thumbprint=description.thumbprint,
        owner=description.owner,
        details=description.details,
        issuer=dict(description.details)["certificate.issuer"],
        not_before=iso(description.not_before),
        not_after=iso(description.not_after),
        key=description.key,
        token_label=token.label,
        token_serial=token.serial,
        warnings=warnings(token),
        problems=candidate.problems,
        protected_path=token.protected_path,
        key_file=token.module == KEY_FILES,
    )


def warnings(token: TokenState) -> tuple[str, ...]:
    """What the token says of its PIN before anybody is asked for it; names of the catalogue."""
    told = (
        ("pin_locked", token.pin_locked),
        ("pin_final_try", token.pin_final_try),
        ("pin_count_low", token.pin_count_low and not token.pin_final_try),
        ("pin_to_be_changed", token.pin_to_be_changed),
        ("pin_not_set", not token.pin_initialized),
    )
    return tuple(name for name, holds in told if holds)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with a Z, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
