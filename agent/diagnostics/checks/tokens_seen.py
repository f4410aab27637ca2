"""Which tokens and key files are seen? (R22)"""

from __future__ import annotations

from typing import Any

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.model import KEY_FILES

_TOLD_BY_MODULES = "module_unloadable"


async def examine(probe: Probe) -> list[Finding]:
    listing = await probe.listing()
    findings = [_of_token(token) for token in listing["tokens"]]
    findings += [_of_fault(fault) for fault in listing["faults"] if fault["error"] != _TOLD_BY_MODULES]
    return findings or [Finding("tokens.seen", "none", "warning", blocking=True)]


def _of_token(token: dict[str, Any]) -> Finding:
    facts = {"label": token["label"], "serial": token["serial"]}
    return Finding("tokens.seen", "key_file" if token["module"] == KEY_FILES else "seen", "ok", facts)


def _of_fault(fault: dict[str, Any]) -> Finding:
    return Finding("tokens.seen", "fault", "error", {"module": fault["module"], "text": fault["text"]})


CHECK = Check("tokens.seen", examine)
