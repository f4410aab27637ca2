"""`pero` as people and scripts run it: real processes in a home of their own, without a display, or on a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

from agent.config import Locations, Settings, locations, save_settings, secure_folder
from tests.harness.gost_token import GostToken
from tests.harness.softhsm import MODULE

PERO = Path(sys.executable).with_name("pero")
TIMEOUT = 120.0  # seconds for one command
TERMINAL_TIMEOUT = 40.0  # seconds for what a terminal should show


class Ended(NamedTuple):
    """What a command came to."""

    status: int
    output: str  # of stdout
    complaint: str  # of stderr

    @property
    def json(self) -> Any:
        return json.loads(self.output)


class CommandLine:
    """One person's `pero`. The network is not asked for the time, and no module but SoftHSM's finds a token."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runtime = tempfile.mkdtemp(prefix="pero-cli-")  # short: names of sockets have a limit
        (folder / "home").mkdir()
        (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'no-tokens'}\n")
        (folder / "no-tokens").mkdir()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "PERO_HOME": str(folder / "state"),
            "XDG_RUNTIME_DIR": self._runtime,
            "LANG": "C.UTF-8",
            "SOFTHSM2_CONF": str(folder / "softhsm2.conf"),
        }
        secure_folder(self.places.state)
        self.settings(clock_hosts=())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._runtime, ignore_errors=True)

    @property
    def places(self) -> Locations:
        return locations(self.environment)

    def settings(self, **values: Any) -> None:
        quiet: dict[str, Any] = {
            "clock_hosts": (),
            "clock_pages": (),
            "portals": (),
        }  # nobody is asked over the network
        save_settings(self.places.settings, Settings(**quiet | values))

    def run(self, *arguments: str | Path, pin: str | None = None, language: str = "C") -> Ended:
        """One command, from the folder. `pin` goes by a descriptor."""
        with _pipe(pin) as descriptor:
            given = ["--pin-fd", str(descriptor)] if descriptor is not None else []
            done = subprocess.run(
                [PERO, *map(str, arguments), *given],
                env={**self.environment, "LANG": f"{language}.UTF-8"},
                cwd=self.folder,
                pass_fds=() if descriptor is None else (descriptor,),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIMEOUT,
                check=False,
            )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    def on_terminal(self, *arguments: str | Path) -> Terminal:
        """One command with a controlling terminal."""
        return Terminal([str(PERO), *map(str, arguments)], self.environment, self.folder)

    @contextlib.contextmanager
    def agent(self) -> Iterator[subprocess.Popen[str]]:
        """A running agent; `first_line` of it was read. Ended with SIGTERM, and by force where that does not help."""
        process = subprocess.Popen(
            [PERO, "run"], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert "running" in line or "запущено" in line, line
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            process.stdout.close()

    def use_tokens(self, directory: Path) -> None:
        """SoftHSM's tokens of that folder are there from now on."""
        self.environment["SOFTHSM2_CONF"] = str(directory / "softhsm2.conf")
        self.settings(clock_hosts=(), modules=(MODULE,))

    def use_gost_token(self, token: GostToken) -> None:
        """That token and its neighbours are there from now on."""
        self.environment |= token.environment
        self.settings(clock_hosts=(), modules=(token.module,))

    def holds(self, secret: str) -> list[Path]:
        """The files of state and runtime folder that hold these characters."""
        files = [path for folder in (self.places.state, Path(self._runtime)) for path in folder.rglob("*")]
        return [path for path in files if path.is_file() and secret.encode() in path.read_bytes()]


@contextlib.contextmanager
def _pipe(line: str | None) -> Iterator[int | None]:
    if line is None:
        yield None
        return
    reader, writer = os.pipe()
    os.write(writer, line.encode() + b"\n")
    os.close(writer)
    try:
        yield reader
    finally:
        os.close(reader)


class Terminal:
    """A process on a pseudo-terminal of its own; everything that was shown is kept in `shown`."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self._master, slave = pty.openpty()
        self.shown = ""
        self._waited = 0  # characters of it that were waited for

        def take_terminal() -> None:
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            command, env=environment, cwd=folder, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=take_terminal,
        )  # fmt: skip
        self._slave = slave  # kept: a terminal that nobody has open is hung up

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._slave)
        os.close(self._master)

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self._slave)[3] & termios.ECHO)

    def until(self, text: str, seconds: float = TERMINAL_TIMEOUT) -> str:
        """Wait until the text is shown; what was shown since the last wait, up to the text's end."""
        start, deadline = self._waited, time.monotonic() + seconds
        while text not in self.shown[start:]:
            self._read(max(0.0, deadline - time.monotonic()), text)
        self._waited = self.shown.index(text, start) + len(text)
        return self.shown[start : self._waited]

    def type(self, line: str) -> None:
        """Type a line once the echo is off, as a person does who sees the prompt."""
        os.write(self._master, line.encode() + b"\n")

    def press(self, key: bytes) -> None:
        os.write(self._master, key)

    def ended(self, seconds: float = TERMINAL_TIMEOUT) -> int:
        """The exit status."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.shown
            if select.select([self._master], [], [], 0.05)[0]:
                self._read(1.0, "the end")
        while select.select([self._master], [], [], 0)[0]:
            self._read(1.0, "the end")
        return self.process.returncode

    def _read(self, seconds: float, wanted: str) -> None:
        ready, _, _ = select.select([self._master], [], [], seconds)
        assert ready, f"waited for {wanted!r}, was shown: {self.shown!r}"
        self.shown += os.read(self._master, 65536).decode(errors="replace")
