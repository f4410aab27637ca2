"""Does a path lead from each certificate up to a root, and until when? (R24, rows 47 and 48)"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from agent.certificates.description import Description
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.held import Held, held, path
from agent.diagnostics.probe import Probe
from agent.errors import Fact
from agent.trust.path import path_problem

DAY = timedelta(days=1)  # by which an issuer's end has to come before the certificate's own to be worth a word


async def examine(probe: Probe) -> list[Finding]:
    certificates = [one for one in await held(probe) if one.in_time(probe.now())]
    roots = await asyncio.to_thread(probe.trust.roots)
    known = (*(other.described.der for other in certificates), *probe.trust.kept(), *roots)
    findings = [await _of_certificate(probe, one, known, roots) for one in certificates]
    return findings or [Finding("certificates.chain", "none", "not_applicable")]


async def _of_certificate(probe: Probe, one: Held, known: Sequence[bytes], roots: Sequence[bytes]) -> Finding:
    found = await asyncio.to_thread(path, one.described, one.beside, known)
    top, facts = found[-1], one.facts
    if top.issuer_der != top.subject_der:
        return await _without_issuer(probe, top, facts)
    facts["root"] = top.owner
    if len(found) == 1:
        return Finding("certificates.chain", "self_signed", "warning", facts)
    ending = _ending(found, probe.now(), timedelta(days=probe.settings().expiry_days))
    if ending is not None:
        return msgspec.structs.replace(ending, facts={**facts, **ending.facts})
    above = [certificate.der for certificate in found[1:]]
    problem = await asyncio.to_thread(path_problem, one.described, above, above[-1:], probe.now())
    if problem == "algorithm_unsupported":
        return Finding("certificates.chain", "algorithm", "warning", facts)
    if problem is not None:
        return Finding("certificates.chain", "invalid", "error", facts)
    if top.der not in roots:
        return Finding("certificates.chain", "root_unknown", "warning", {**facts, "store": probe.system.store()})
    return Finding("certificates.chain", "complete", "ok", facts)


async def _without_issuer(probe: Probe, top: Description, facts: dict[str, Fact]) -> Finding:
    """The path ends below a certificate that is not at hand: can it be fetched?"""
    facts["issuer"] = top.issuer
    facts["below"] = top.thumbprint
    asked = await probe.trust.issuer(top)
    reached = next((one for one in asked if one.issuer), None)
    if reached is not None:
        return Finding("certificates.chain", "issuer_fetchable", "warning", {**facts, "address": reached.url})
    if not asked:
        return Finding("certificates.chain", "issuer_unnamed", "warning", facts)
    facts["error"] = "issuer_unavailable"
    facts["tried"] = "; ".join(f"{one.host}={one.reason}" for one in asked)
    return Finding("certificates.chain", "issuer_unavailable", "warning", facts)


def _ending(found: Sequence[Description], now: datetime, soon: timedelta) -> Finding | None:
    """What is wrong with the times of the issuers: of the one that ends first."""
    first = min(found[1:], key=lambda certificate: certificate.not_after)
    facts: dict[str, Fact] = {"issuer": first.owner, "end": f"{first.not_after:%Y-%m-%d}"}
    if now > first.not_after:
        return Finding("certificates.chain", "issuer_expired", "error", facts)
    if first.not_after - now <= soon and first.not_after < found[0].not_after - DAY:
        return Finding("certificates.chain", "issuer_ends_soon", "warning", facts)
    return None


CHECK = Check("certificates.chain", examine, requires=("tokens.seen",))
