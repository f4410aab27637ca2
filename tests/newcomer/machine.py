"""A throw-away machine on which all is well: browsers' folders, a token, a key file, a module, an agent, a pcscd."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from agent.config import Locations, Settings, locations, save_settings, secure_folder
from native_host import install
from native_host.manifests import BROWSERS, Browser
from tests.harness.gost_token import GostToken, make_gost_token
from tests.harness.keyfiles import make_identity, make_key_file
from tests.harness.places import ROOT
from tests.harness.softhsm import MODULE, SoftHsm, make_softhsm

PERO = Path(sys.executable).with_name("pero")
NAMES = ("chromium", "chrome", "yandex", "firefox")  # rows of BROWSERS that are "installed"
PASSPHRASE = "kept in the safe"
_START = 30.0  # seconds
_TOLD = """\
This machine is broken. Find out what is wrong and mend it with ./pero (pero diagnose, and what it advises).
Instead of systemctl there is ./service: ./service start pcscd, ./service stop pcscd. There is no other administrator.

What its owner gave you:
  new.p12     a new key file, passphrase: {passphrase}
  token "Office"  PIN {pin}
  token "Travel"  PIN {gost_pin}, administrator's PIN {so_pin}
"""


class Machine:
    """`made` makes it; the constructor takes one that was made before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: dict[str, Any] = json.loads((folder / ".machine").read_text())

    @property
    def environment(self) -> dict[str, str]:
        environment: dict[str, str] = self.held["environment"]
        return environment

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def places(self) -> Locations:
        return locations(self.environment)

    def browsers(self) -> list[tuple[Browser, Path]]:
        """Those that are there, each with the path of its manifest."""
        rows = ((browser, install.manifest_path(browser, self.home)) for browser in BROWSERS if browser.name in NAMES)
        return [(browser, path) for browser, path in rows if path is not None]

    def gost(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """pkcs11-tool on the token "Travel"."""
        return subprocess.run(
            ["pkcs11-tool", "--module", self.held["gost_module"], *arguments], env={**os.environ, **self.environment},
            capture_output=True, timeout=60, check=check,
        )  # fmt: skip

    def pero(self, *arguments: str, pin: str = "") -> None:
        """A command that must work."""
        reader, writer = os.pipe()
        os.write(writer, f"{pin}\n".encode())
        os.close(writer)
        given = ["--pin-fd", str(reader)] if pin else []
        try:
            subprocess.run(
                [PERO, *arguments, *given], env=self.environment, pass_fds=(reader,), stdin=subprocess.DEVNULL,
                capture_output=True, timeout=120, check=True,
            )  # fmt: skip
        finally:
            os.close(reader)

    # Processes

    def start_agent(self) -> None:
        _leave([PERO, "run"], env=self.environment)
        until(lambda: answers(self.places.socket))

    def stop_agent(self) -> None:
        subprocess.run([PERO, "stop"], env=self.environment, timeout=60, check=False, capture_output=True)

    def start_service(self) -> None:
        """pcscd, from a process that outlives this one."""
        if answers(self.service_socket):
            return
        command = [sys.executable, "-m", "tests.newcomer", "pcscd", str(self.folder)]
        _leave(command, cwd=ROOT)
        until(lambda: answers(self.service_socket))

    def stop_service(self) -> None:
        file = self.folder / ".pcscd"
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(file.read_text()), signal.SIGTERM)
        until(lambda: not answers(self.service_socket))

    @property
    def service_socket(self) -> Path:
        return Path(self.environment["PCSCLITE_CSOCK_NAME"])

    def end(self) -> None:
        self.stop_agent()
        self.stop_service()
        shutil.rmtree(self.environment["XDG_RUNTIME_DIR"], ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def _leave(command: list[Any], **how: Any) -> None:
    """Start a process that outlives this one: nobody here waits for its end."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, start_new_session=True, stdin=quiet, stdout=quiet, stderr=quiet, **how)
    process.returncode = 0


def made(folder: Path) -> Machine:
    """A new machine in a folder that is not there yet. All is well on it but for key files: it has none."""
    folder.mkdir(mode=0o700)
    home = folder / "home"
    home.mkdir()
    runtime = tempfile.mkdtemp(prefix="pero-nc-")
    token, gost = _tokens(folder)
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "PERO_HOME": str(folder / "state"), "XDG_RUNTIME_DIR": runtime,
        "LANG": "ru_RU.UTF-8", "PCSCLITE_CSOCK_NAME": f"{runtime}/run/pcscd.comm",
        **token.environment, **gost.environment,
    }  # fmt: skip
    held = {"environment": environment, "gost_module": gost.module, "gost_pin": gost.pin, "pin": token.pin}
    (folder / ".machine").write_text(json.dumps(held))
    machine = Machine(folder)
    for _browser, manifest in machine.browsers():
        manifest.parent.parent.mkdir(parents=True, exist_ok=True)
    secure_folder(machine.places.state)
    modules = (MODULE, gost.module)
    save_settings(machine.places.settings, Settings(clock_hosts=(), clock_pages=(), portals=(), modules=modules))
    make_key_file(folder, "p256", passphrase=PASSPHRASE, name="new.p12", common_name="Макетова Анна")
    told = _TOLD.format(passphrase=PASSPHRASE, pin=token.pin, gost_pin=gost.pin, so_pin=gost.so_pin)
    (folder / "README").write_text(told)
    _scripts(machine)
    machine.pero("setup")
    machine.start_service()
    machine.start_agent()
    return machine


def _tokens(folder: Path) -> tuple[SoftHsm, GostToken]:
    (folder / "softhsm").mkdir()
    (folder / "gost").mkdir()
    token = make_softhsm(folder / "softhsm", "rsa2048", label="Office", identity=make_identity("rsa2048", "Office"))
    return token, make_gost_token(folder / "gost", "p256", label="Travel")


def _scripts(machine: Machine) -> None:
    lines = "".join(f"export {name}='{value}'\n" for name, value in machine.environment.items())
    root, python = ROOT, sys.executable
    for name, command in (
        ("pero", f'exec "{PERO}" "$@"'),
        ("service", f'cd "{root}" && exec "{python}" -m tests.newcomer service "{machine.folder}" "$@"'),
    ):
        script = machine.folder / name
        script.write_text(f"#!/bin/sh\n{lines}{command}\n")
        script.chmod(0o755)


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        with contextlib.suppress(OSError):
            connection.connect(str(path))
            return True
    return False


def until(look: Any) -> None:
    end = time.monotonic() + _START
    while not look():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {_START} s")
        time.sleep(0.05)
