"""Memory: the proportional set size of each process (proc(5), smaps_rollup), in megabytes of a million bytes.

Pages that several processes map are divided among all of them, so other Pythons on the machine make it smaller; what
a process has for itself alone stands in the second table.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from agent.desktop import messages
from agent.desktop.window_process import open_window
from tests.benchmarks.clients import native_host
from tests.benchmarks.figures import Figure
from tests.harness import prompts
from tests.harness.softhsm import MODULE
from tests.harness.system_tray import SystemTray
from tests.harness.whole import Desk, end

GOAL = 60.0  # megabytes of the agent with its icon and one worker
WAKES_GOAL = 1.0  # a second, of an idle agent
SETTLE = 5.0  # seconds after the start
QUIET = 30.0  # seconds that it is watched


class Size(NamedTuple):
    """Megabytes."""

    proportional: float
    own: float


def idle(desk: Desk) -> list[Figure]:
    """An agent with its icon, that nobody asks anything."""
    agent = desk.start_agent()
    try:
        with SystemTray(desk.environment) as tray:
            tray.wait_for_icon()
            (icon,) = desk.children("agent.desktop.tray.icon_main")
            time.sleep(SETTLE)
            agents, icons = _wakes(agent.pid), _wakes(icon.pid)
    finally:
        end(agent)
    return [
        Figure("wake-ups of the agent", [agents], unit="1/s", goal=WAKES_GOAL),
        Figure("wake-ups of its icon's process", [icons], unit="1/s", goal=WAKES_GOAL),
    ]


def figures(desk: Desk) -> tuple[list[Figure], list[Figure]]:
    """Proportional sizes and own sizes. The desk has a token and a key file; no agent runs."""
    sizes = asyncio.run(_sizes(desk))
    proportional = {name: Figure(name, [size.proportional], unit="MB") for name, size in sizes.items()}
    own = {name: Figure(name, [size.own], unit="MB") for name, size in sizes.items()}
    return list(_rows(proportional)), list(_rows(own))


def _wakes(process: int) -> float:
    """How often a second the process gave the processor up by itself (proc(5), voluntary_ctxt_switches of its threads),
    while nobody asked it anything."""

    def count() -> int:
        files = Path(f"/proc/{process}/task").glob("*/status")
        lines = (line for file in files for line in file.read_text().splitlines())
        return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary"))

    before = count()
    time.sleep(QUIET)
    return (count() - before) / QUIET


def _rows(figures: dict[str, Figure]) -> Iterator[Figure]:
    bare = figures.pop("bare python")
    for figure in figures.values():
        yield Figure(figure.name, figure.samples, unit="MB", reference=bare)
    both = figures["agent, idle"].median + figures["worker, SoftHSM"].median
    yield Figure("agent and the SoftHSM worker", [both], unit="MB", goal=GOAL)
    both += figures["icon where pystray draws it"].median
    yield Figure("agent, the SoftHSM worker, such an icon", [both], unit="MB", goal=GOAL)


async def _sizes(desk: Desk) -> dict[str, Size]:
    found = {}
    agent = desk.start_agent()
    waiting = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert waiting.stdout is not None
        waiting.stdout.readline()
        desk.pero("certificates")
        found["bare python"] = _size(waiting.pid)
        found["agent, idle"] = _size(agent.pid)
        for worker in desk.children("agent.tokens.worker"):
            command = worker.cmdline()
            kind, place = command[command.index("agent.tokens.worker") + 3 :][:2]
            if kind == "keyfiles":
                found["worker, key files"] = _size(worker.pid)
            elif Path(place).name == Path(MODULE).name:
                found["worker, SoftHSM"] = _size(worker.pid)
        with SystemTray(desk.environment) as tray:
            await asyncio.to_thread(tray.wait_for_icon)
            (icon,) = desk.children("agent.desktop.tray.icon_main")
            found["icon where pystray draws it"] = _size(icon.pid)
        async with open_window(messages.ShowSigning(prompts.signing()), desk.environment) as window:
            found["window"] = _size(window._process.pid)
        with native_host(desk.places.host_launcher) as host:
            found["native host"] = _size(host.pid)
    finally:
        waiting.communicate(b"\n")
        end(agent)
    return found


def _size(process: int) -> Size:
    """Workers and windows hide their memory from all but root: of those the resident size is told instead, which counts
    shared pages whole and is never smaller."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    except PermissionError:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        resident = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        return Size(resident, resident)
    fields = {name: int(kilobytes) * 1024 / 1e6 for name, kilobytes, *_ in map(str.split, lines)}
    return Size(fields["Pss:"], fields["Private_Clean:"] + fields["Private_Dirty:"])
