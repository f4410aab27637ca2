"""In the agent's place for pages of Pero's window: it answers at once, and as told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from agent.errors import PeroError

TOKEN = {"label": "Token", "serial": "1", "module": "/m.so"}
FILE = {"label": "anna.p12", "serial": "ab", "module": "keyfiles"}


class ToldAgent(QObject):
    """Answers at once, from `answers`: by method a result, an error, or a function of the parameters."""

    notified = Signal(str, dict)

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Any] = {"certificate_state": state()}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call(
        self,
        method: str,
        parameters: dict[str, Any],
        answered: Callable[[dict[str, Any]], None],
        failed: Callable[[PeroError], None],
        _owner: QObject | None = None,
    ) -> int:
        self.asked.append((method, parameters))
        answer = self.answers.get(method)
        if callable(answer):
            answer = answer(parameters)
        if isinstance(answer, PeroError):
            failed(answer)
        elif answer is not None:
            answered(answer)
        return len(self.asked)


def card(thumbprint: str = "aa" * 32, **more: Any) -> dict[str, Any]:
    return {
        "thumbprint": thumbprint, "owner": "Анна", "person": "Анна", "role": "citizen", "organization": "", "title": "",
        "numbers": {}, "issuer": "Центр", "serial": "01", "not_before": "2026-01-01T00:00:00Z",
        "not_after": "2027-01-01T00:00:00Z", "key_not_before": "", "key_not_after": "", "qualified_form": False,
        "key": "P-256", "has_key": True, "token": TOKEN, "key_file": False, "problems": [], "sites": [],
        "replaced_until": "", "revocation": "", "checked": "", "revoked_at": "", "reason": "", **more,
    }  # fmt: skip


def state(**more: Any) -> dict[str, Any]:
    return {
        "path": ["Анна", "Корень"], "problem": "", "can_ask": True, "revocation": "", "checked": "", "revoked_at": "",
        "reason": "", "revoked_above": "", **more,
    }  # fmt: skip


def token(**more: Any) -> dict[str, Any]:
    return {
        **TOKEN, "manufacturer": "m", "model": "m", "reader": "", "warnings": [], "pin_locked": False,
        "pin_initialized": True, **more,
    }  # fmt: skip
