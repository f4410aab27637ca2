"""``python -m tests.newcomer make|judge|end FOLDER``: see the package's docstring."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import threading
from pathlib import Path

from tests.harness.virtual_reader import Readers
from tests.newcomer.faults import FAULTS
from tests.newcomer.machine import Machine, made


def make(folder: Path, seed: int | None, count: int) -> None:
    """In the order of the table: the settings are damaged last, and a stopped agent stops after its key file came."""
    machine = made(folder)
    chosen = set(random.Random(seed).sample([fault.name for fault in FAULTS], count))
    for fault in FAULTS:
        if fault.name in chosen:
            assert fault.mended(machine), fault.name
            fault.make(machine)
    names = [fault.name for fault in FAULTS if fault.name in chosen]
    assert not any(fault.mended(machine) for fault in FAULTS if fault.name in chosen)
    (folder / ".faults").write_text(json.dumps(names))


def judge(folder: Path) -> int:
    """What was broken and whether it is mended; the number of those that are not."""
    machine = Machine(folder)
    chosen = json.loads((folder / ".faults").read_text())
    results = {fault.name: fault.mended(machine) for fault in FAULTS if fault.name in chosen}
    for name, mended in results.items():
        print(f"{'mended ' if mended else 'BROKEN '} {name}")
    print(f"{sum(results.values())} of {len(results)} mended")
    return len(results) - sum(results.values())


def serve_pcscd(folder: Path) -> None:
    """Until SIGTERM."""
    machine = Machine(folder)
    place = machine.service_socket.parent.parent
    for name in ("conf", "run"):
        _empty(place / name)
    readers = Readers(place)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    readers.start()
    (folder / ".pcscd").write_text(str(os.getpid()))
    try:
        ended.wait()
    finally:
        readers.close()


def _empty(folder: Path) -> None:
    if folder.exists():
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.newcomer")
    parser.add_argument("order", choices=("make", "judge", "end", "service", "pcscd"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("more", nargs="*")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--count", type=int, default=10)
    given = parser.parse_args()
    folder = given.folder.absolute()
    if given.order == "make":
        make(folder, given.seed, given.count)
    elif given.order == "judge":
        return judge(folder)
    elif given.order == "end":
        Machine(folder).end()
    elif given.order == "pcscd":
        serve_pcscd(folder)
    elif given.more[:1] == ["stop"]:
        Machine(folder).stop_service()
    else:
        Machine(folder).start_service()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
