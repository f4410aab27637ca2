"""One person's machine with every real part: a display, an agent, a token or key file, a browser with the extension.

with Desk(folder, "chromium") as desk:
    desk.add_token("p256")                  # SoftHSM behind the fault module; `desk.faults(...)` makes it misbehave
    desk.add_key_file()
    desk.start_agent()
    desk.open_browser()
    page = desk.page()                      # a page of this machine with `pero` in it
    desk.allow(page)                        # first contact, clicked in Pero's window
    desk.ask(page, "pero.sign(...)")        # begun, not awaited
    desk.display.sign(desk.pin)
    desk.answer(page)                       # what the page got, or {"error": {...}}
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from agent.config import LOOPBACK_PORTS, Locations, locations, secure_folder
from tests.harness import browsers
from tests.harness.display import Display
from tests.harness.gost_token import GostToken, make_gost_token
from tests.harness.keyfiles import Identity, make_identity, make_key_file
from tests.harness.places import ROOT
from tests.harness.site import PAGE, Site
from tests.harness.softhsm import MODULE, PIN, make_softhsm

PERO = Path(sys.executable).with_name("pero")
FAULT = ROOT / "build" / "tokens" / "fault.so"
PASSPHRASE = "long enough passphrase"
START = 30.0  # seconds
_DISPLAY = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON")


class Desk:
    """See the module's docstring."""

    def __init__(self, folder: Path, family: str) -> None:
        self.folder = folder
        self.family = family
        self.pin = PIN
        self.identity: Identity
        self.port: int | None = None  # of the agent that was started last
        self._stack = contextlib.ExitStack()
        self._agents: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Desk:
        self.folder.mkdir(parents=True, exist_ok=True)
        runtime = tempfile.mkdtemp(prefix="pero-desk-")
        self._stack.callback(shutil.rmtree, runtime, ignore_errors=True)
        self.display = self._stack.enter_context(Display())
        self.site = self._stack.enter_context(Site({"/": PAGE}))
        shown = {name: self.display.environment[name] for name in _DISPLAY}
        faulty = {"PERO_FAULT_MODULE": MODULE, "PERO_FAULT_FILE": str(self.folder / "faults")}
        self.environment = browsers.private_environment(
            self.folder, XDG_RUNTIME_DIR=runtime, LANG="C.UTF-8", **shown, **faulty
        )
        secure_folder(self.places.state)
        self.places.guide.touch(0o600)  # not the first run: no guide comes up
        return self

    def __exit__(self, *_: object) -> None:
        for agent in self._agents:
            end(agent)
        self._stack.close()

    # What is on the desk

    def add_token(self, key: str = "rsa2048", *, days: int = 30, name: str = "Test Signer") -> None:
        """A SoftHSM token with one key; `pin` and `identity` are its own from now on."""
        directory = self.folder / "token"
        directory.mkdir(exist_ok=True)
        self.identity = make_identity(key, name, days=days)
        token = make_softhsm(directory, key, label=name, identity=self.identity)
        self.environment |= token.environment
        self.pin = token.pin
        # Named like the module that it stands in front of, so that it is the best one for its tokens: added ones first.
        standing = self.folder / "module" / Path(MODULE).name
        standing.parent.mkdir(exist_ok=True)
        shutil.copy(FAULT, standing)
        self.pero("modules", "add", str(standing))

    def add_gost_token(self, key: str = "gost256-A", *, name: str = "Test Signer") -> GostToken:
        """A token of the GOST module; `pin` is its own from now on."""
        token = make_gost_token(self.folder / "gost", key, common_name=name)
        self.environment |= token.environment
        self.pin = token.pin
        self.pero("modules", "add", token.module)
        return token

    def add_key_file(self, key: str = "rsa2048", *, days: int = 30, name: str = "Test Signer") -> None:
        """An encrypted key file; `pin` is its passphrase and `identity` its own from now on."""
        made = make_key_file(
            self.folder, key, passphrase=PASSPHRASE, name=f"{key}-{days}.p12", common_name=name, days=days
        )
        self.identity, self.pin = made.identity, PASSPHRASE
        self.pero("keyfile", "add", str(made.path), pin=PASSPHRASE)

    def faults(self, *lines: str) -> None:
        """From now on the token misbehaves like this (tests/tokens/fault.c); without lines it is well again."""
        (self.folder / "faults").write_text("".join(f"{line}\n" for line in lines))

    @property
    def places(self) -> Locations:
        return locations(self.environment)

    # The agent

    def start_agent(self) -> subprocess.Popen[bytes]:
        agent = subprocess.Popen(
            [PERO, "run"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._agents.append(agent)
        assert agent.stdout is not None
        line = agent.stdout.readline().decode()
        assert agent.poll() is None, line
        numbers = [word.strip(".,;:()") for word in line.split()]
        self.port = next((int(word) for word in numbers if word.isdigit() and int(word) in LOOPBACK_PORTS), None)
        return agent

    @property
    def agent(self) -> subprocess.Popen[bytes]:
        return self._agents[-1]

    def children(self, module: str) -> list[psutil.Process]:
        """The agent's own processes of that module ("agent.tokens.worker", "agent.desktop.windows.main"); of windows
        those that show something, and none that only waits to."""
        found = []
        for child in psutil.Process(self.agent.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # a zombie is one too
                command = child.cmdline()
                if module in command and ("ahead" not in command or child.name() == "pero-window"):
                    found.append(child)
        return found

    def pero(self, *arguments: str, pin: str | None = None, expect: int | None = 0) -> str:
        """One command; what it printed. `pin` goes by a descriptor."""
        descriptors: tuple[int, ...] = ()
        if pin is not None:
            reader, writer = os.pipe()
            os.write(writer, pin.encode() + b"\n")
            os.close(writer)
            descriptors, arguments = (reader,), (*arguments, "--pin-fd", str(reader))
        try:
            done = subprocess.run(
                [PERO, *arguments], env=self.environment, pass_fds=descriptors, capture_output=True, check=False,
                timeout=120, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        output = done.stdout.decode() + done.stderr.decode()
        assert expect is None or done.returncode == expect, f"{done.returncode}: {output}"
        return done.stdout.decode() if expect == 0 else output

    def journal(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = json.loads(self.pero("journal", "list", "--json"))["entries"]
        return entries

    # The browser

    def open_browser(self) -> browsers.Browser:
        browsers.set_up(self.environment, "--profile", str(browsers.profile_folder(self.environment)))
        self.browser = browsers.start(self.family, self.environment, headless=False)
        self._stack.callback(self.browser.close)
        return self.browser

    def page(self, *, host: str = "127.0.0.1") -> browsers.Page:
        return self.browser.open(self.site.url(host=host))

    def ask(self, page: browsers.Page, call: str, name: str = "call") -> None:
        """Begin a call in the page and do not wait for it."""
        page.evaluate(
            f"window.{name} = ({call}).then(value => ({{ value }}), error => "
            "({ error: { code: error.code, facts: error.facts, advice: error.advice } }))"
        )

    def answer(self, page: browsers.Page, name: str = "call", seconds: float = 60.0) -> dict[str, Any]:
        """What a call that was begun came to: its value, or {"error": {"code": ..., ...}}."""
        told: dict[str, Any] = page.evaluate(
            f"const told = await window.{name}; const value = told.value;"
            "if (told.error || !value?.base64) return told.error ? told : value;"
            "return { base64: value.base64, detached: value.detached }",
            seconds=seconds,
        )
        return told

    def allow(self, page: browsers.Page, button: str = "Allow and remember") -> dict[str, Any]:
        self.ask(page, "pero.connect()")
        self.display.click(button)
        return self.answer(page)

    def sign(self, page: browsers.Page, content: str = "hello", name: str = "a.txt") -> dict[str, Any]:
        """The whole way of one signature, with the person's part."""
        self.ask_signature(page, content, name)
        self.display.sign(self.pin)
        return self.answer(page)

    def ask_signature(
        self, page: browsers.Page, content: str = "hello", name: str = "a.txt", call: str = "call"
    ) -> None:
        self.ask(page, f"pero.sign({json.dumps({'name': name, 'content': content})})", call)

    # The judge

    def openssl_accepts(self, answer: dict[str, Any], content: str | bytes, *, attached: bool = False) -> None:
        """Fails where openssl does not accept the signature as CAdES-BES under the signer's authority, of this content,
        which is inside where it is `attached`."""
        from cryptography.hazmat.primitives.serialization import Encoding

        assert "error" not in answer, answer
        content = content.encode() if isinstance(content, str) else content
        (self.folder / "signature.p7s").write_bytes(base64.b64decode(answer["base64"]))
        (self.folder / "content").write_bytes(content)
        (self.folder / "ca.pem").write_bytes(self.identity.authority.public_bytes(Encoding.PEM))
        beside = () if attached else ("-content", self.folder / "content")
        done = subprocess.run(
            ["openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", self.folder / "signature.p7s",
             *beside, "-CAfile", self.folder / "ca.pem", "-purpose", "any"],
            capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout == content


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
    """End an agent and wait for it; its exit status."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)
    try:
        status = process.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
    if process.stdout is not None:
        process.stdout.close()
    return status


def until(look: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    """Wait for something that sends no event."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.05)
    return found
