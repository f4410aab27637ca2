"""A signing window: from the wish for it until somebody else on the display sees it (xdotool, who takes 10 ms a look).

Two ways: a process started then, as where nobody was expected; and one that was made ready before, as where a site
connected, or a document was uploaded, within the last minute.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil

from agent.desktop import messages
from agent.desktop.window_process import WindowProcess, open_window, start_window
from tests.benchmarks.figures import Figure
from tests.harness import prompts
from tests.harness.display import Display

COUNT = 15
GOAL = 300.0  # ms
DEADLINE = 60.0  # seconds
_LABEL = """
import os, sys
from PySide6.QtWidgets import QApplication, QLabel
class Label(QLabel):
    def paintEvent(self, event):
        os._exit(0)
application = QApplication(sys.argv[:1])
label = Label("a window")
label.show()
application.exec()
"""


def figures() -> Iterator[Figure]:
    with Display() as display:
        label = Figure("PySide6 label to its painting", [_label(display) for _ in range(COUNT)])
        for ahead, name in ((False, "nobody was expected"), (True, "somebody was expected")):
            said, seen = zip(*[asyncio.run(_window(display, ahead)) for _ in range(COUNT)], strict=True)
            yield Figure(f"window to its own word, {name}", said, reference=label)
            yield Figure(f"window to visible on the display, {name}", seen, reference=label, goal=GOAL)


def _label(display: Display) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", _LABEL], env=display.environment, check=True, timeout=DEADLINE)
    return (time.perf_counter() - begin) * 1e3


async def _window(display: Display, ahead: bool) -> tuple[float, float]:
    waiting = await start_window(display.environment, ahead=True) if ahead else None
    if waiting is not None:
        await _is_ready(waiting)
    begin = time.perf_counter()
    async with open_window(messages.ShowSigning(prompts.signing()), display.environment, waiting):
        said = time.perf_counter()
        while not display.windows("Pero"):
            assert time.perf_counter() < said + DEADLINE, "no window"
        seen = time.perf_counter()
    display.wait_for_no_window("Pero")
    return (said - begin) * 1e3, (seen - begin) * 1e3


async def _is_ready(waiting: WindowProcess) -> None:
    """It used no processor for half a second."""
    process = psutil.Process(waiting._process.pid)
    used = -1.0
    while used != (now := sum(process.cpu_times()[:2])):
        used = now
        await asyncio.sleep(0.5)
