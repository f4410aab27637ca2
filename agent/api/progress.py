"""How far a long reading is, told to the command that waits for it. JSON-RPC 2.0 notifications, a few a second."""

from __future__ import annotations

import asyncio
import time

from agent.api.caller import Caller
from agent.api.messages import notification
from agent.signing.large import Told

INTERVAL = 0.2  # seconds between two notifications


def progress_for(caller: Caller, name: str) -> Told:
    """What a thread may call as often as it likes; `name` is the command's own word for it.

    Made in the thread of the loop. Nothing is sent before the first interval has passed: what is quick needs none. Once
    something was, the end is told too.
    """
    loop = asyncio.get_running_loop()
    last, begun = time.monotonic(), False

    def told(done: int, size: int) -> None:
        nonlocal last, begun
        now = time.monotonic()
        if not (begun and done >= size) and now - last < INTERVAL:
            return
        last, begun = now, True
        parameters = {"progress": name, "done": done, "size": size}
        loop.call_soon_threadsafe(caller.tell, notification("progress", parameters))

    return told
