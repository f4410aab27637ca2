"""`pero watch` beside a real smart-card service: a card is put in and taken out, and each step follows."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

from tests.harness.command_line import PERO, CommandLine
from tests.harness.keyfiles import make_identity
from tests.harness.virtual_reader import Readers, virtual_readers

DEADLINE = 120.0  # seconds for a step to be seen: a driver may hang as its card goes, and is given up after 30


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with virtual_readers() as readers:
        yield readers


@pytest.fixture
def pero(tmp_path: Path, readers: Readers) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        line.environment |= readers.environment
        yield line


class Watch:
    """A `pero watch --json`, and the lines that it wrote."""

    def __init__(self, pero: CommandLine, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [PERO, "watch", "--json", *arguments], env=pero.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._lines: Queue[dict[str, Any]] = Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(json.loads(line))

    def until(self, **wanted: str) -> None:
        """Wait until each of these steps has told its status or case (dots of ids as __), in any order."""
        left = {name.replace("__", "."): set(state.split()) for name, state in wanted.items()}
        told = []
        while left:
            try:
                row = self._lines.get(timeout=DEADLINE)
            except Empty:
                raise AssertionError(f"never told: {left}, but {told}") from None
            told.append((row["id"], row["case"], row["status"]))
            if {row["status"], row["case"]} & left.get(row["id"], set()):
                del left[row["id"]]

    def interrupted(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self) -> int:
        status = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.ended()


@pytest.mark.parametrize("running", [False, True], ids=["alone", "with an agent"])
def test_each_step_turns_well_as_the_card_is_put_in_and_back_as_it_goes(
    pero: CommandLine, readers: Readers, running: bool
) -> None:
    card = readers.card({"authentication": make_identity("p256")})
    with pero.agent() if running else contextlib.nullcontext():
        watch = Watch(pero)
        try:
            watch.until(pcsc__service="ok", pcsc__readers="warning", tokens__seen="warning")
            card.insert()
            watch.until(pcsc__readers="ok", tokens__seen="ok", certificates__usable="valid ends_soon")
            card.remove()
            watch.until(pcsc__readers="warning", tokens__seen="warning")
            assert watch.interrupted() == 1, "nothing to sign with in the end"
            assert card.verifications == 0, "no try of the PIN was spent"
        finally:
            watch.close()
            card.close()


def test_a_service_that_stops_and_starts_is_seen_and_an_agent_can_start_meanwhile(
    pero: CommandLine, readers: Readers
) -> None:
    watch = Watch(pero)
    try:
        watch.until(pcsc__service="ok")
        readers.stop()
        try:
            watch.until(pcsc__service="warning error")
        finally:
            readers.start()
        watch.until(pcsc__service="ok")
        with pero.agent():
            assert watch.process.poll() is None
    finally:
        watch.close()


def test_a_script_waits_for_a_token_with_it(pero: CommandLine, readers: Readers) -> None:
    card = readers.card({"authentication": make_identity("p256")})
    watch = Watch(pero, "--ready")
    try:
        watch.until(tokens__seen="warning")
        card.insert()
        assert watch.ended() == 0
    finally:
        watch.close()
        card.close()


@pytest.mark.parametrize(
    ("language", "title", "end"), [("en", "from the plug", "Ctrl-C"), ("ru", "от разъёма", "Ctrl-C")]
)
def test_on_a_terminal_the_way_is_drawn_in_its_place(pero: CommandLine, language: str, title: str, end: str) -> None:
    pero.environment |= {"LANG": f"{language}.UTF-8", "TERM": "xterm-256color", "COLUMNS": "200", "LINES": "60"}
    with pero.on_terminal("watch") as terminal:
        terminal.until(title)
        terminal.until(end)
        terminal.until("\x1b[1A")  # drawn again, in its place
        os.killpg(terminal.process.pid, signal.SIGINT)
        assert terminal.ended() == 1
    assert "\x1b[3" in terminal.shown, "in colour"
    assert "check." not in terminal.shown
