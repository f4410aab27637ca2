"""The null call: `status` of a site that was allowed, answered by `pero run`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from agent.config import secure_folder
from agent.consent.origins import Origins
from tests.benchmarks import clients, pages
from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import listening
from tests.benchmarks.requests import WARM_UP, null_request
from tests.harness.whole import Desk

COUNT = 1000
LOOPBACK_GOAL, EXTENSION_GOAL = 2.0, 5.0  # milliseconds
GROUP = {"chromium": 1, "firefox": 10}  # calls of one sample: Firefox's clock shows whole milliseconds
QUICK_GROUP = 10  # the same for what is quicker than Chromium's clock, which shows tenths of a millisecond


def allow_site(desk: Desk) -> None:
    """As the person once did in Pero's window. Before the agent starts: it reads the sites then."""
    secure_folder(desk.places.state)
    Origins(desk.places.origins).allow(desk.site.origin(), datetime.now(UTC))


def raw_figures(desk: Desk) -> Iterator[Figure]:
    """Without a browser."""
    assert desk.port, "no loopback port is free"
    with listening("-m", "tests.benchmarks.echo", environment=os.environ) as port:
        echoed = asyncio.run(_websocket(port, desk.site.origin()))
    reference = Figure("echo server, same client", echoed)
    answered = asyncio.run(_websocket(desk.port, desk.site.origin()))
    yield Figure("loopback, raw client", answered, reference=reference, goal=LOOPBACK_GOAL)
    yield Figure("native host at its pipes", _native_host(desk), reference=reference)


def page_figures(desk: Desk, name: str) -> Iterator[Figure]:
    """From a page in the desk's browser."""
    group = GROUP[desk.family]
    page = desk.page()
    with listening("-m", "tests.benchmarks.echo", environment=os.environ) as port:
        echoed = pages.times(page, pages.SOCKET_CALL, COUNT, prepare=_socket(port), group=group)
    answered = pages.times(page, pages.SOCKET_CALL, COUNT, prepare=_socket(desk.port), group=group)
    reference = Figure("echo server, same page", echoed)
    yield Figure(f"loopback, page in {name}", answered, reference=reference, goal=LOOPBACK_GOAL)
    content = pages.times(page, pages.CONTENT_SCRIPT_CALL, COUNT, prepare=pages.CONTENT_SCRIPT, group=QUICK_GROUP)
    answered = pages.times(page, pages.NULL_CALL, COUNT, group=group)
    reference = Figure("content script and back", content)
    yield Figure(f"extension, page in {name}", answered, reference=reference, goal=EXTENSION_GOAL)
    page.close()


def _socket(port: int | None) -> str:
    return pages.SOCKET % f"'ws://127.0.0.1:{port}/v1'"


async def _websocket(port: int, origin: str) -> list[float]:
    found: list[float] = await clients.over_websocket(port, origin, lambda ask: clients.times(ask, null_request, COUNT))
    return found


def _native_host(desk: Desk) -> list[float]:
    found = []
    with clients.native_host(desk.places.host_launcher) as process:
        for number in range(WARM_UP + COUNT):
            begin = time.perf_counter()
            clients.over_native_host(process, desk.site.origin(), null_request(number))
            found.append((time.perf_counter() - begin) * 1e3)
    return found[WARM_UP:]
