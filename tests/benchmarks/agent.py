"""The agent as `pero run` makes it, but with a person who agrees at once: ``python -m tests.benchmarks.agent``.

The PIN is the first line of standard input; once it listens the port is printed. It ends at SIGTERM.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from agent import app
from agent.app import Agent, Composition
from agent.config import locations, secure_folder
from agent.ipc.hardening import harden
from tests.benchmarks.person import AtOnce

ANY_PORT = (0,)


def only_added_modules() -> None:
    """From now on a composition of this process takes the modules that were added by hand and looks for no others:
    a second, unmeasured way to the same token would be counted as our own work."""
    app.find_modules = lambda added: tuple(added)  # type: ignore[assignment]


async def serve(pin: str) -> None:
    places = locations(os.environ)
    secure_folder(places.state)
    composition = Composition(os.environ, places, prompter=AtOnce(pin))
    agent = Agent(composition, ports=ANY_PORT)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await agent.start()
    print(composition.port, flush=True)
    await stop.wait()
    await agent.stop()


if __name__ == "__main__":
    harden(secret=False)
    only_added_modules()
    asyncio.run(serve(sys.stdin.readline().rstrip("\n")))
