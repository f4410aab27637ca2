"""A real polkitd on a bus of its own, and a door before a real pcscd that asks it, as pcscd with polkit does.

Debian's pcscd is built without polkit. One that is built with it asks `access_pcsc` of whoever connects and closes the
connection where the answer is no (IsClientAuthorized in auth.c, ContextThread in winscard_svc.c); the door does so.
Rules and actions come from folders of the test, which a mount namespace puts in place of the system's; for that, and
since root is always let in, the tests must run as root and the client as somebody else.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

CLIENT = 65534  # nobody
ACTION = "org.debian.pcsc-lite.access_pcsc"
RULE = 'polkit.addRule(function(action, subject) {{ if (action.id == "{}") {{ return polkit.Result.YES; }} }});\n'
_DAEMON = "/usr/lib/polkit-1/polkitd"
_SECONDS = 30.0
_POLICY = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE policyconfig PUBLIC "-//freedesktop//DTD PolicyKit Policy Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/PolicyKit/1.0/policyconfig.dtd">
<policyconfig>
  <action id="org.debian.pcsc-lite.access_pcsc"><description>Access to the PC/SC daemon</description>
    <message>Authentication is required to access the PC/SC daemon</message>
    <defaults><allow_any>no</allow_any><allow_inactive>no</allow_inactive><allow_active>yes</allow_active></defaults>
  </action>
</policyconfig>
"""  # as pcsc-lite's org.debian.pcsc-lite.policy: only an active local session is let in
_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>
  <policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*"/></policy></busconfig>
"""


class Polkit:
    """`said`: what pcscd would have written into the journal of those who were refused."""

    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        self._folder = folder
        self._environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder / 'bus'}"}

    def admit(self) -> None:
        """The administrator adds a rule that lets everybody in."""
        self._rule(RULE.format(ACTION))

    def forbid(self) -> None:
        """The rule goes again."""
        self._rule("")

    def authorized(self, process: int) -> bool:
        order = ["pkcheck", "--action-id", ACTION, "--process", str(process)]
        return (
            subprocess.run(order, env=self._environment, capture_output=True, timeout=_SECONDS, check=False).returncode
            == 0
        )

    def _rule(self, text: str) -> None:
        """polkitd reads its rules anew by itself and says so; that is waited for."""
        lines = self._log().count("Finished loading")
        (self._folder / "rules" / "50-test.rules").write_text(text)
        waited = threading.Event()
        for _ in range(int(_SECONDS * 20)):
            if self._log().count("Finished loading") > lines:
                return
            waited.wait(0.05)
        raise AssertionError(self._log())

    def _log(self) -> str:
        return (self._folder / "log").read_text()


@contextlib.contextmanager
def polkit() -> Iterator[Polkit]:
    assert os.geteuid() == 0, "root is needed: for a mount namespace, and to start a client as somebody else"
    assert Path(_DAEMON).exists(), "install the package polkitd"
    folder = Path(tempfile.mkdtemp(prefix="pero-polkit-"))
    folder.chmod(0o755)
    for name in ("rules", "actions"):
        (folder / name).mkdir(mode=0o755)
    (folder / "actions" / "org.debian.pcsc-lite.policy").write_text(_POLICY)
    (folder / "bus.conf").write_text(_BUS.format(folder / "bus"))
    made = Polkit(folder)
    mounts = (
        f"mount --bind {folder}/rules /etc/polkit-1/rules.d && "
        f"mount --bind {folder}/actions /usr/share/polkit-1/actions && exec {_DAEMON}"
    )
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        log = stack.enter_context((folder / "log").open("wb"))
        bus = ["dbus-daemon", f"--config-file={folder / 'bus.conf'}", "--nofork", "--print-address"]
        started = stack.enter_context(_running(bus, stdout=subprocess.PIPE))
        assert started.stdout is not None
        assert select.select([started.stdout], [], [], _SECONDS)[0], "the bus did not start"
        stack.enter_context(
            _running(["unshare", "--mount", "sh", "-c", mounts], env=made._environment, stdout=log, stderr=log)
        )
        waited = threading.Event()
        for _ in range(int(_SECONDS * 20)):
            if "Acquired the name" in made._log():
                break
            waited.wait(0.05)
        else:
            raise AssertionError(made._log())
        yield made


@contextlib.contextmanager
def _running(order: list[str], **options: object) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(order, stdin=subprocess.DEVNULL, **options)  # type: ignore[call-overload] # of Popen
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


@contextlib.contextmanager
def door(judge: Polkit, behind: Path) -> Iterator[dict[str, str]]:
    """A socket before pcscd's, which lets through whom polkit lets in. Yields what clients need."""
    folder = Path(tempfile.mkdtemp(prefix="pero-door-"))
    folder.chmod(0o755)
    path = folder / "pcscd.comm"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o666)
    listener.listen()

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_answer, args=(judge, client, behind), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield {"PCSCLITE_CSOCK_NAME": str(path)}
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)
        shutil.rmtree(folder)


def _answer(judge: Polkit, client: socket.socket, behind: Path) -> None:
    with client, socket.socket(socket.AF_UNIX) as service:
        process, user, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if not judge.authorized(process):
            judge.said.append(f"auth.c:143:IsClientAuthorized() Process {process} (user: {user}) is NOT authorized for "
                              f"action: access_pcsc")  # fmt: skip
            return
        service.connect(str(behind))
        while True:
            for ready in select.select([client, service], [], [])[0]:
                try:
                    part = ready.recv(65536)
                except OSError:
                    return
                if not part:
                    return
                (service if ready is client else client).sendall(part)
