"""Words for who vouches for a certificate and whether it was revoked, as the agent knows it without asking anybody."""

from __future__ import annotations

from typing import Any

from agent.desktop.windows.wording import Wording
from agent.texts.visible import visible

Row = dict[str, Any]


def trust(state: Row | None, wording: Wording) -> str:
    """`state`: the answer of `certificate_state`; None: it has not come yet."""
    if state is None:
        return wording("certs.looking")
    top = visible(state["path"][-1])
    if not state["problem"]:
        return wording("certs.trusted", root=top)
    return wording(f"certs.trust.{state['problem']}", root=top)


def revocation(row: Row, state: Row | None, wording: Wording) -> str:
    """`row`: the card, which knows what was last learned."""
    known = row if state is None else state
    if state is not None and state["revoked_above"]:
        return wording("certs.revocation.above", name=visible(state["revoked_above"]))
    if known["revocation"] == "revoked":
        reason = wording(f"certs.reason.{known['reason']}") if known["reason"] else ""
        return wording("certs.revocation.revoked", day=wording.day(known["revoked_at"]), reason=reason)
    if known["revocation"] == "good":
        return wording("certs.revocation.good", day=wording.day(known["checked"]))
    if state is not None and not state["can_ask"]:
        return wording("certs.revocation.unaddressed")
    return wording("certs.revocation.unknown")


def remarks(row: Row, wording: Wording, *, brief: bool = False) -> list[str]:
    """What a card says besides its problems; `brief`: its line in the list."""
    told = []
    if row["revocation"] == "revoked":
        key = "certs.revoked_brief" if brief else "certs.revoked"
        told.append(wording(key, day=wording.day(row["revoked_at"])))
    if row["replaced_until"]:
        told.append(wording("certs.replaced", day=wording.day(row["replaced_until"])))
    return told
