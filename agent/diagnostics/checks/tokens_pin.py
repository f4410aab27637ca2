"""What do tokens say of their PINs? Nothing is logged in to: no try is ever spent. (R22, rows 39 to 42, 46)"""

from __future__ import annotations

from typing import Any

from agent.diagnostics.base import Check, Finding, Status
from agent.diagnostics.probe import Probe

_FLAGS: tuple[tuple[str, Status], ...] = (  # the first that is set is told
    ("pin_locked", "error"),
    ("pin_final_try", "warning"),
    ("pin_count_low", "warning"),
    ("pin_to_be_changed", "warning"),
    ("so_pin_locked", "warning"),
    ("so_pin_final_try", "warning"),
)


async def examine(probe: Probe) -> list[Finding]:
    tokens = (await probe.listing())["tokens"]
    return [_of_token(token) for token in tokens] or [Finding("tokens.pin", "no_token", "not_applicable")]


def _of_token(token: dict[str, Any]) -> Finding:
    facts = {"label": token["label"], "serial": token["serial"]}
    if token.get("pin_locked") and token.get("so_pin_locked"):
        return Finding("tokens.pin", "both_locked", "error", facts)
    for flag, status in _FLAGS:
        if token.get(flag):
            return Finding("tokens.pin", flag, status, facts)
    if not token.get("pin_initialized", True):
        return Finding("tokens.pin", "pin_not_set", "warning", facts)
    return Finding("tokens.pin", "in_order", "ok", facts)


CHECK = Check("tokens.pin", examine, requires=("tokens.seen",))
