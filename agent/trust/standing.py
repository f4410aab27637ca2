"""Whether a certificate leads up to what this computer trusts, by what is at hand. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from agent.certificates.chain import MAX_CHAIN, chain_for
from agent.certificates.description import Description, describe
from agent.trust.path import path_problem


class Standing(NamedTuple):
    path: tuple[Description, ...]  # from the certificate up to the one that is trusted, or as far as it goes
    problem: str  # as of `path_problem`; empty: it leads to one that is trusted


def standing(leaf: Description, known: Sequence[bytes], roots: Sequence[bytes], now: datetime) -> Standing:
    """`known` and `roots` are DER and may be many: names are compared before anything is read. To be called in a
    thread where an event loop runs."""
    found = _path(leaf, (*known, *roots))
    anchor = next((place for place, one in enumerate(found) if one.der in roots), None)
    if anchor is None:
        is_whole = found[-1].issuer_der == found[-1].subject_der
        return Standing(found, "root_not_trusted" if is_whole else "chain_not_built")
    path = found[: anchor + 1]
    if anchor == 0:
        return Standing(path, "")
    above = [one.der for one in path[1:]]
    return Standing(path, path_problem(leaf, above, above[-1:], now) or "")


def _path(leaf: Description, known: Sequence[bytes]) -> tuple[Description, ...]:
    found = [leaf]
    while found[-1].issuer_der != found[-1].subject_der and len(found) <= MAX_CHAIN:
        fitting = [one for one in known if found[-1].issuer_der in one]
        above = chain_for(found[-1].der, fitting)[:1]
        if not above or any(one.der == above[0] for one in found):
            break
        found.append(describe(above[0]))
    return tuple(found)
