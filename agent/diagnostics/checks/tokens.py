"""Which tokens are seen, and what do they say of their PIN? Nothing is logged in to: no try is ever spent. (R22)"""

from __future__ import annotations

from typing import Any

from agent.diagnostics.base import Check, Finding, Level
from agent.diagnostics.probe import Probe
from agent.model import KEY_FILES

_FLAGS: tuple[tuple[str, Level], ...] = (  # the first that is set is told
    ("pin_locked", "error"),
    ("pin_final_try", "warning"),
    ("pin_count_low", "warning"),
    ("pin_to_be_changed", "warning"),
)
_TOLD_BY_MODULES = "module_unloadable"


async def examine(probe: Probe) -> list[Finding]:
    listing = await probe.listing()
    findings = [_of_token(token) for token in listing["tokens"]]
    findings += [_of_fault(fault) for fault in listing["faults"] if fault["error"] != _TOLD_BY_MODULES]
    return findings or [Finding("tokens", "none", "warning")]


def _of_token(token: dict[str, Any]) -> Finding:
    facts = {"label": token["label"], "serial": token["serial"]}
    for flag, level in _FLAGS:
        if token.get(flag):
            return Finding("tokens", flag, level, facts)
    if not token.get("pin_initialized", True):
        return Finding("tokens", "pin_not_set", "warning", facts)
    return Finding("tokens", "key_file" if token["module"] == KEY_FILES else "seen", "ok", facts)


def _of_fault(fault: dict[str, Any]) -> Finding:
    return Finding("tokens", "fault", "error", {"module": fault["module"], "text": fault["text"]})


CHECK = Check("tokens", examine)
