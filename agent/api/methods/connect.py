"""`connect`: first contact. The one method that an origin may call before the person allowed it."""

from __future__ import annotations

import asyncio
from typing import Any

from agent.api.caller import Caller
from agent.api.method import PAGE, Method, Nothing
from agent.api.services import Services
from agent.consent.origins import shown_origin
from agent.consent.prompter import ConnectionPrompt
from agent.errors import Expired, PeroError, Refused, WindowClosed


async def connect(services: Services, caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    """Raises Refused, also without a window where the person refused within the last ten minutes, or where the site
    asked several times and got no answer."""
    if services.origins.is_allowed(caller.origin):
        return {"allowed": True, "remembered": True}
    if caller.allowed_once and not services.origins.is_blocked(caller.origin):
        return {"allowed": True, "remembered": False}
    if services.origins.is_blocked(caller.origin):
        raise Refused()
    try:
        return await _in_turn(services, caller)
    except (Expired, WindowClosed, asyncio.CancelledError):
        services.origins.unanswered(caller.origin, services.now())
        raise


async def _in_turn(services: Services, caller: Caller) -> dict[str, Any]:
    async with services.queue.turn():
        if services.origins.is_allowed(caller.origin):  # another page of the same site was answered meanwhile
            return {"allowed": True, "remembered": True}
        if services.origins.is_refused(caller.origin, services.now()):
            raise Refused()
        return {"allowed": True, "remembered": await _ask(services, caller)}


async def _ask(services: Services, caller: Caller) -> bool:
    prompt = ConnectionPrompt(caller.origin, shown_origin(caller.origin), services.language)
    facts = {"origin": caller.origin, "transport": caller.transport}
    try:
        answer = await caller.prompter.ask_connection(prompt)
    except PeroError as error:
        services.journal.note("connect", {**facts, "outcome": error.name})
        if isinstance(error, Refused):
            services.origins.refuse(caller.origin, services.now())
        raise
    services.journal.note("connect", {**facts, "outcome": "allowed", "remembered": answer.remember})
    if answer.remember:
        services.origins.allow(caller.origin, services.now())
    caller.allowed_once = True
    if caller.prompter.kind == "window":
        services.expect_person()  # for what the site wanted to be allowed for
    return answer.remember


METHOD = Method("connect", PAGE, Nothing, connect, before_consent=True, leads_to_person=True)
