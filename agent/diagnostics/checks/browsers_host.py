"""Does the program start that browsers start, and does it answer? (R25, row 74)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.errors import Fact


async def examine(probe: Probe) -> list[Finding]:
    launcher = probe.launcher()
    facts: dict[str, Fact] = {"launcher": str(launcher)}
    if not probe.is_program(launcher):
        return [Finding("browsers.host", "not_written", "not_applicable", facts)]  # told by browsers.manifests
    families = {browser.family for browser, _path in probe.browsers()} or {"chromium"}
    reply = await probe.host.ping(launcher, sorted(families)[0])
    facts["detail"] = reply.detail
    if reply.outcome in ("answers", "no_agent"):  # that there is no agent is told by agent.running
        return [Finding("browsers.host", "answers", "ok", facts)]
    if reply.outcome == "cannot_start":
        return [Finding("browsers.host", "cannot_start", "error", facts)]
    if reply.outcome == "silent":
        return [Finding("browsers.host", "silent", "error", facts)]
    if reply.outcome == "nonsense":
        return [Finding("browsers.host", "nonsense", "error", facts)]
    return [Finding("browsers.host", "ended", "error", facts)]


CHECK = Check("browsers.host", examine)
