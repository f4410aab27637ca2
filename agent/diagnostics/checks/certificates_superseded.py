"""Is a newer certificate of the same person here, while the older one can still be chosen? (row 50)"""

from __future__ import annotations

from agent.certificates.succession import successor
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.held import held
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    certificates = [one.described for one in await held(probe)]
    valid = [one for one in certificates if one.not_before <= probe.now() <= one.not_after]
    findings = []
    for one in valid:
        newer = successor(one, valid)
        if newer is not None:
            facts = {"owner": one.owner, "thumbprint": one.thumbprint, "end": f"{one.not_after:%Y-%m-%d}",
                     "newer": newer.thumbprint, "newer_end": f"{newer.not_after:%Y-%m-%d}"}  # fmt: skip
            findings.append(Finding("certificates.superseded", "newer", "warning", facts))
    return findings or [Finding("certificates.superseded", "none", "not_applicable")]


CHECK = Check("certificates.superseded", examine, requires=("tokens.seen",))
