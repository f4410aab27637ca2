"""Can it be learned whether each certificate was revoked, at every address that it names, and was it?
(R20, R24, R26, rows 51 to 53)"""

from __future__ import annotations

import asyncio

from agent.certificates.description import describe
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.held import Held, held, path
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.trust import addresses
from agent.errors import Fact


async def examine(probe: Probe) -> list[Finding]:
    certificates = [one for one in await held(probe) if one.in_time(probe.now())]
    findings = await asyncio.gather(*(_of_certificate(probe, one) for one in certificates))
    return list(findings) or [Finding("certificates.revocation", "none", "not_applicable")]


async def _of_certificate(probe: Probe, one: Held) -> Finding:
    facts = one.facts
    if not addresses(one.described):
        return Finding("certificates.revocation", "unnamed", "not_applicable", facts)
    known = (*probe.trust.kept(), *probe.trust.roots())
    above = await asyncio.to_thread(path, one.described, one.beside, known)
    issuer = above[1] if len(above) > 1 else None
    if issuer is None:
        fetched = next((asked.issuer for asked in await probe.trust.issuer(one.described) if asked.issuer), b"")
        if not fetched:
            return Finding("certificates.revocation", "no_issuer", "unknown", facts)
        issuer = describe(fetched)
    asked = await probe.trust.state(one.described, issuer)
    revoked = next((reply for reply in asked if reply.revoked is not None), None)
    if revoked is not None:
        facts |= {"date": f"{revoked.revoked:%Y-%m-%d}", "why": revoked.why}
        return Finding("certificates.revocation", "revoked", "error", facts)
    failed = [reply for reply in asked if reply.reason]
    facts["hosts"] = ", ".join(dict.fromkeys(reply.host for reply in asked if not reply.reason))
    if not failed:
        return Finding("certificates.revocation", "good", "ok", facts)
    silent: dict[str, Fact] = {
        **facts,
        "error": "revocation_unavailable",
        "tried": "; ".join(f"{reply.kind}:{reply.host}={reply.reason}" for reply in failed),
    }
    if all(reply.reason == "stale" for reply in failed) and len(failed) == len(asked):
        return Finding("certificates.revocation", "stale", "warning", silent)
    if len(failed) < len(asked):
        return Finding("certificates.revocation", "some_silent", "warning", silent)
    return Finding("certificates.revocation", "all_silent", "warning", silent)


CHECK = Check("certificates.revocation", examine, requires=("tokens.seen",))
