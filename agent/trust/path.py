"""From a signer's certificate up to a trust anchor (RFC 5280 section 6), by pyhanko-certvalidator.

Revocation is not checked yet, and nothing is fetched: an issuer that is not at hand is not found. Purposes for TLS
(extended key usage) are not looked at; whether the key may sign is said in `certificates.description.problems`.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.certificates.chain import chain_for, issuers_above
from agent.certificates.description import Description, describe

if TYPE_CHECKING:
    from pyhanko_certvalidator import ValidationContext

MAX_ISSUERS = 7  # certificates among which a path is looked for: the ways to put them in order grow as the factorial
REVOCATION = "not_checked"  # what a report says of it


def path_problem(
    leaf: Description, others: Sequence[bytes], anchors: Sequence[bytes], now: datetime.datetime
) -> str | None:
    """Why no path leads from `leaf` over `others` to one of `anchors` (DER) at `now` (aware); None when one does.

    A name of verification's reasons: chain_not_built (an issuer is missing), root_not_trusted (the chain ends at
    another root), issuer_expired, issuer_not_yet_valid, certificate_expired, not_yet_valid, algorithm_unsupported (too
    weak), chain_invalid (a signature, a constraint). Not to be called where an event loop runs: use a thread there.
    """
    from asn1crypto import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from pyhanko_certvalidator import CertificateValidator, errors

    readable = issuers_above(leaf.der, others, MAX_ISSUERS)
    try:
        validator = CertificateValidator(
            x509.Certificate.load(leaf.der), validation_context=_context(readable, anchors, now)
        )
        path = asyncio.run(validator.async_validate_path())
        anchor = path.first.dump()
    except errors.PathBuildingError:
        return _missing(leaf, [*readable, *anchors])
    except errors.ExpiredError as error:
        return "certificate_expired" if error.is_ee_cert else "issuer_expired"
    except errors.NotYetValidError as error:
        return "not_yet_valid" if error.is_ee_cert else "issuer_not_yet_valid"
    except (errors.DisallowedAlgorithmError, UnsupportedAlgorithm):
        return "algorithm_unsupported"
    except (
        errors.ValidationError,
        InvalidSignature,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        OverflowError,
    ):
        # The second part: asn1crypto on fields that are first read here.
        return "chain_invalid"
    return _period(describe(anchor), now)


def _context(others: Sequence[bytes], anchors: Sequence[bytes], now: datetime.datetime) -> ValidationContext:
    from asn1crypto import x509
    from pyhanko_certvalidator import ValidationContext
    from pyhanko_certvalidator.policy_decl import NO_REVOCATION, CertRevTrustPolicy

    from agent.trust.gost import signature_validator

    return ValidationContext(
        signature_validator=signature_validator(),
        trust_roots=[x509.Certificate.load(der) for der in anchors],
        other_certs=[x509.Certificate.load(der) for der in others],
        moment=now,
        allow_fetching=False,
        revinfo_policy=CertRevTrustPolicy(NO_REVOCATION),
    )


def _missing(leaf: Description, known: Sequence[bytes]) -> str:
    """No path: does the chain end at a root that is no anchor, or is an issuer missing?"""
    top = describe((leaf.der, *chain_for(leaf.der, known))[-1])
    return "root_not_trusted" if top.subject_der == top.issuer_der else "chain_not_built"


def _period(anchor: Description, now: datetime.datetime) -> str | None:
    """RFC 5280 leaves an anchor's own period open; an authority that expired vouches for nobody here."""
    if now > anchor.not_after:
        return "issuer_expired"
    return "issuer_not_yet_valid" if now < anchor.not_before else None
