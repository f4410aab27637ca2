"""Revocation by what a signature carries (level LT): lists and OCSP answers in SignedData.crls. Nothing is fetched.

What is there is believed only where it is signed by the issuer, or by whom the issuer names; so it can take a signature
down, and where it speaks for every certificate of the path it can also clear it. The lack of it says nothing.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Sequence

import msgspec

from agent.certificates.chain import chain_for
from agent.certificates.description import Description, describe
from agent.trust import crl, ocsp
from agent.trust.status import Revoked, Unusable

MAX_PIECES = 64  # lists and answers of one signature that are looked at, of each kind


class Carried(msgspec.Struct, frozen=True):
    crls: tuple[bytes, ...]
    ocsp: tuple[bytes, ...]


def state(
    leaf: Description, others: Sequence[bytes], carried: Carried, moments: Sequence[datetime.datetime]
) -> bool | None:
    """Whether no certificate from `leaf` up to a self-signed one was revoked at the first of `moments`: True where that
    is shown for each, False where one was revoked by then, None where it cannot be told. `moments` are those for which
    an answer may be fresh."""
    if not carried.crls and not carried.ocsp:
        return None
    path = (leaf, *map(describe, chain_for(leaf.der, others)))
    if path[-1].subject_der != path[-1].issuer_der:
        return None
    found = [_state(one, issuer, carried, moments) for one, issuer in itertools.pairwise(path)]
    if False in found:
        return False
    return None if None in found else True


def _state(
    certificate: Description, issuer: Description, carried: Carried, moments: Sequence[datetime.datetime]
) -> bool | None:
    good = False
    for moment in moments:
        for kind, pieces in (("ocsp", carried.ocsp), ("crl", carried.crls)):
            for piece in pieces[:MAX_PIECES]:
                try:
                    if kind == "ocsp":
                        ocsp.read(piece, certificate, issuer, None, moment)
                    else:
                        crl.check(piece, certificate, issuer, moment)
                    good = True
                except Revoked as revoked:
                    if revoked.moment <= moments[0]:
                        return False
                    good = True
                except Unusable:
                    continue
    return True if good else None
