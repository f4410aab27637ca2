"""A call that may block, in a thread that nobody waits for at the end: one that hangs delays no report."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


async def apart(function: Callable[..., Result], *arguments: object) -> Result:
    """What the function returns or raises. Cancelled, it goes on in its thread, which ends with the process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def tell(result: Result | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type] # the function's own, where there is no error

    def work() -> None:
        result, failed = None, None
        try:
            result = function(*arguments)
        except BaseException as error:  # noqa: BLE001 - handed to whoever awaits
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(tell, result, failed)

    threading.Thread(target=work, daemon=True, name="pero-probe").start()
    return await future
