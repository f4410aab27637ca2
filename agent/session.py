"""What a command works through: the running agent over the local socket, or the same objects here where none runs.

They are imported only then: a command that has an agent starts in half the time.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from agent.api.protocol import Lent
from agent.config import Locations, locations, secure_folder
from agent.errors import AlreadyRunning, NotRunning, UnattendedForbidden
from agent.ipc.lock import alone
from agent.transport.client import LocalClient, Notified, PinChoice, unheard

if TYPE_CHECKING:
    from agent.app import Call

STOP_SECONDS = 30.0  # for an agent that was told to stop: it drains, closes its tokens and lets answers out
START_SECONDS = 5.0  # for an agent that holds the lock but does not answer yet


async def stop_running(environment: Mapping[str, str]) -> bool:
    """End the agent of this state folder and wait until it has ended; False where none runs.

    Raises NotRunning where something else holds the lock (a command, an agent that does not answer), AlreadyRunning
    where the agent does not end in time.
    """
    places = locations(environment)
    try:
        client = await LocalClient.connect(places.socket, PinChoice("window"))
    except NotRunning:
        if await _let_go(places, START_SECONDS):
            return False
        raise
    try:
        await client.call("stop", {})
    finally:
        client.close()
    if not await _let_go(places, STOP_SECONDS):
        raise AlreadyRunning()
    return True


async def _let_go(places: Locations, seconds: float) -> bool:
    """Whether nobody holds the state folder, or nobody does after so long."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while places.lock.exists():
        try:
            with alone(places.lock):
                return True
        except AlreadyRunning:
            if loop.time() > deadline:
                return False
            await asyncio.sleep(0.05)
    return True


@asynccontextmanager
async def command_session(
    environment: Mapping[str, str],
    pin: PinChoice,
    notified: Notified = unheard,
    *,
    watches: bool = False,
    lent: Lent | None = None,
) -> AsyncIterator[Call]:
    """Calls for one command: of the running agent, or of the same objects here, under the same lock.

    `watches`: it only looks, for as long as it likes; an agent may start beside it. `lent`: see Caller.
    Raises NotRunning where an agent holds the lock and does not answer. `pin.descriptor` and those of `lent` stay the
    caller's.
    """
    places = locations(environment)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_SECONDS
    async with AsyncExitStack() as stack:
        while True:
            try:
                client = await LocalClient.connect(places.socket, pin, notified, lent)
            except NotRunning:
                pass
            else:
                stack.callback(client.close)
                call: Call = client.call
                break
            secure_folder(places.state)
            lock = stack.enter_context(ExitStack())
            try:
                lock.enter_context(alone(places.lock))
            except AlreadyRunning:  # one is starting, or being stopped
                if loop.time() > deadline:
                    raise NotRunning() from None
                await asyncio.sleep(0.05)
            else:
                call = await stack.enter_async_context(_composed(environment, places, pin, notified, lent))
                if watches:
                    lock.close()
                break
        yield call


@asynccontextmanager
async def _composed(
    environment: Mapping[str, str], places: Locations, pin: PinChoice, notified: Notified, lent: Lent | None
) -> AsyncIterator[Call]:
    from agent.api.caller import Caller, Role
    from agent.app import Composition, calling
    from agent.consent.unattended import CommandPrompter

    # Events are for the agent's log; a person at a command reads what the command says.
    logging.getLogger("pero").addHandler(logging.NullHandler())
    composition = Composition(environment, places)
    if pin.kind == "descriptor" and not composition.policy.allow_unattended:
        raise UnattendedForbidden()
    prompter = composition.prompter if pin.kind == "window" else CommandPrompter(pin.kind, pin.descriptor, pin.last_try)
    caller = Caller(Role.COMMAND, "", "in_process", prompter, lent)

    def notify(notification: bytes) -> None:
        message = json.loads(notification)
        notified(message["method"], message["params"])

    caller.notify = notify
    try:
        yield calling(composition.dispatcher, caller)
        await composition.services.signing.follow_ups.settled()
    finally:
        await composition.close()
