"""Does the agent's WebSocket answer on loopback, and is it the agent that holds the port? (R26, row 82)"""

from __future__ import annotations

from agent.config import LOOPBACK_PORTS
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.errors import Fact

HOST = "127.0.0.1"


async def examine(probe: Probe) -> list[Finding]:
    status = await probe.status()
    port = status["port"]
    if not port:
        return [_without(probe)]
    facts: dict[str, Fact] = {"port": int(port), "host": HOST}
    listeners = probe.listeners(port)
    ours = probe.sockets_of(int(status["pid"]))
    at_host = [listener for listener in listeners or () if listener.host in (HOST, "0.0.0.0")]  # noqa: S104 - compared
    if listeners is not None and not at_host:
        return [Finding("agent.port", "closed", "error", facts)]
    foreign = [listener.user for listener in at_host if ours and listener.inode not in ours]
    if foreign:
        return [Finding("agent.port", "foreign", "error", {**facts, "user": foreign[0]})]
    if not await probe.connects(HOST, port):
        return [Finding("agent.port", "unreachable", "error", facts)]
    return [Finding("agent.port", "open", "ok", facts)]


def _without(probe: Probe) -> Finding:
    """The agent has no port: by policy, or because others hold all of them."""
    if not probe.loopback_allowed():
        return Finding("agent.port", "by_policy", "ok")
    held = {port: probe.listeners(port) or [] for port in LOOPBACK_PORTS}
    if not all(held.values()):
        return Finding("agent.port", "none", "warning")
    names = (f"{port} {probe.holder(first.inode)}".strip() for port, (first, *_) in held.items())
    users = {str(row.user) for rows in held.values() for row in rows}
    return Finding("agent.port", "taken", "warning", {"holders": ", ".join(names), "users": ", ".join(sorted(users))})


CHECK = Check("agent.port", examine, requires=("agent.running",))
