"""Which certificate stands in the place of which: a newer one of the same holder in the same role."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from agent.certificates import gost_keys, holder, names
from agent.certificates.description import Description

TAG = 4  # hex digits


class Use(NamedTuple):
    """Equal of certificates that can stand for each other. Which authority issued them is not looked at."""

    owner: str
    numbers: holder.Numbers
    organization: str
    is_gost: bool
    is_qualified: bool  # by its form


def use_of(certificate: Description) -> Use:
    return Use(
        certificate.owner,
        holder.numbers(certificate),
        names.first(names.read_name(certificate.subject_der), "O") or "",
        certificate.key_type in gost_keys.TYPES,
        holder.is_formed_as_qualified(certificate),
    )


def tag_of(certificate: Description) -> str:
    """What is kept in place of `use_of` where the owner's name is kept too. So short that no number can be found out by
    trying all: among the certificates of one owner it tells roles apart all the same."""
    _, held, *rest = use_of(certificate)
    told = repr(([sorted(getattr(held, name)) for name in held.__struct_fields__], rest))
    return hashlib.sha256(told.encode()).hexdigest()[:TAG]


def successor(one: Description, others: Sequence[Description]) -> Description | None:
    """The certificate of the same use that ends last, where it begins and ends later."""
    use = use_of(one)
    later = [
        other
        for other in others
        if other.not_after > one.not_after and other.not_before > one.not_before and use_of(other) == use
    ]
    return max(later, key=lambda other: other.not_after, default=None)
