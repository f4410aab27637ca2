"""Is the agent running, and is it the version of this program?"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.errors import Fact


async def examine(probe: Probe) -> list[Finding]:
    if not await probe.agent_answers():
        return [Finding("agent.running", "not_running", "error", blocking=True)]
    status = await probe.status()
    facts: dict[str, Fact] = {"version": str(status["version"]), "pid": int(status["pid"])}
    if status["version"] != probe.version:
        return [Finding("agent.running", "other_version", "warning", {**facts, "installed": probe.version})]
    return [Finding("agent.running", "running", "ok", facts)]


CHECK = Check("agent.running", examine)
