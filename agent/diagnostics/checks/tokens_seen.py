"""Which tokens and key files are seen? (R22, rows 10, 29, 32, 34)"""

from __future__ import annotations

from typing import Any

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.errors import Fact
from agent.model import KEY_FILES

_TOLD_BY_MODULES = "module_unloadable"
_BROKEN = ("CKR_DEVICE_ERROR", "CKR_DEVICE_MEMORY")


async def examine(probe: Probe) -> list[Finding]:
    listing = await probe.listing()
    findings = [_of_token(token) for token in listing["tokens"]]
    findings += [_of_fault(fault) for fault in listing["faults"] if fault["error"] != _TOLD_BY_MODULES]
    if findings:
        return findings
    if (await probe.cards.view()).outcome != "running":
        return [Finding("tokens.seen", "no_service", "unknown", blocking=True)]
    return [Finding("tokens.seen", "none", "warning", blocking=True)]


def _of_token(token: dict[str, Any]) -> Finding:
    facts = {"label": token["label"], "serial": token["serial"]}
    return Finding("tokens.seen", "key_file" if token["module"] == KEY_FILES else "seen", "ok", facts)


def _of_fault(fault: dict[str, Any]) -> Finding:
    facts: dict[str, Fact] = {"module": fault["module"], "text": fault["text"]}
    code = str(fault.get("facts", {}).get("return_code", ""))
    if code:
        facts["code"] = code
    if fault["error"] in ("worker_hung", "module_slow"):
        return Finding("tokens.seen", "module_hung", "error", facts)
    if fault["error"] == "worker_died":
        return Finding("tokens.seen", "module_crashed", "error", facts)
    if code in _BROKEN:
        return Finding("tokens.seen", "device_error", "error", facts)
    return Finding("tokens.seen", "fault", "error", facts)


CHECK = Check("tokens.seen", examine)
