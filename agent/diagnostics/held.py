"""The certificates of a listing, read once for all checks that look into them."""

from __future__ import annotations

import base64
import functools
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from agent.certificates import names
from agent.certificates.chain import chain_for
from agent.certificates.demo import load_profile
from agent.certificates.description import Description, describe
from agent.diagnostics.probe import Probe
from agent.errors import CertificateDamaged, Fact


class Held(NamedTuple):
    described: Description
    beside: tuple[bytes, ...]  # DER of what lies at the same place

    @property
    def facts(self) -> dict[str, Fact]:
        return {"owner": self.described.owner, "thumbprint": self.described.thumbprint}

    def in_time(self, now: datetime) -> bool:
        return self.described.not_before <= now <= self.described.not_after


async def held(probe: Probe) -> list[Held]:
    """Those that can be read, without the demo authority's, which nobody trusts anyway."""
    rows = [one for row in (await probe.listing())["certificates"] if (one := of_row(row)) is not None]
    return [one for one in rows if not is_demo(one.described)]


def of_row(row: dict[str, Any]) -> Held | None:
    try:
        described = describe(base64.b64decode(row.get("certificate") or ""))
    except (CertificateDamaged, ValueError):
        return None
    return Held(described, tuple(base64.b64decode(one) for one in row.get("chain", ())))


def is_demo(certificate: Description) -> bool:
    return names.first(names.read_name(certificate.issuer_der), "CN") == _demo_authority()


@functools.cache
def _demo_authority() -> str:
    return dict(load_profile().authority.subject)["CN"]


def path(leaf: Description, beside: Sequence[bytes], known: Sequence[bytes]) -> list[Description]:
    """From the certificate up, as far as what is at hand goes. `known` may be many: names are compared first."""
    found = [leaf]
    while found[-1].issuer_der != found[-1].subject_der:
        fitting = [one for one in (*beside, *known) if found[-1].issuer_der in one]
        above = chain_for(found[-1].der, fitting)[:1]
        if not above or any(one.der == above[0] for one in found):
            break
        found.append(describe(above[0]))
    return found
