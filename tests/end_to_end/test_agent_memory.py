"""What a program of the same user can read of the agent: nothing of its memory (R34)."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import psutil

from tests.harness import browsers
from tests.harness.command_line import CommandLine
from tests.harness.gost_token import make_gost_token
from tests.harness.keyfiles import make_key_file

_LOOK = """
import subprocess, sys

def look(command, wait_for_line):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    if wait_for_line:
        process.stdout.readline()
    try:
        open(f"/proc/{process.pid}/mem", "rb").close()
        return "readable"
    except PermissionError:
        return "forbidden"
    finally:
        process.terminate()
        process.communicate()

print(look(["cat"], False), look([sys.argv[1], "run"], True))
"""


def test_the_memory_of_the_agent_cannot_be_read(tmp_path: Path) -> None:
    # Root may read every process: what an ordinary user may is seen without capabilities.
    unprivileged = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    pero = str(Path(sys.executable).with_name("pero"))
    done = subprocess.run(
        [*unprivileged, sys.executable, "-c", _LOOK, pero],
        env=browsers.private_environment(tmp_path, PERO_HOME=str(tmp_path / "pero")),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["readable", "forbidden"], done.stderr


PIN, OTHER, OFFICER, PASSPHRASE = "QzW7-first-pin", "QzW8-second-pin", "QzW9-officer-pin", "QzW6-passphrase"
SECRETS = (PIN, OTHER, OFFICER, PASSPHRASE)


def held_by(process: int) -> set[str]:
    """The secrets that stand in what can be written of a process's memory; none where it may not be read, which is
    what the test above holds."""
    found: set[str] = set()
    with contextlib.suppress(PermissionError), Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            span, rights = line.split()[:2]
            start, end = (int(part, 16) for part in span.split("-"))
            if rights.startswith("rw"):
                memory.seek(start)
                with contextlib.suppress(OSError):
                    content = memory.read(end - start)
                    found |= {secret for secret in SECRETS if secret.encode() in content}
    return found


def test_the_agent_never_holds_what_is_typed_while_tokens_are_managed(tmp_path: Path) -> None:
    """Neither its memory, nor its files, nor anybody's arguments and environment (R34)."""
    with CommandLine(tmp_path) as pero:
        pero.use_gost_token(make_gost_token(tmp_path / "tokens", pin=PIN, so_pin=OFFICER))
        make_key_file(tmp_path, "p256", name="k.p12", passphrase=PASSPHRASE)
        assert held_by(os.getpid()) == set(SECRETS)  # the search finds what is there
        with pero.agent() as agent:
            for arguments, lines, status in (
                (("change-pin",), (PIN, OTHER), 0), (("unblock",), (OFFICER, PIN), 0),
                (("import", "k.p12"), (PASSPHRASE, PIN), 0), (("generate-key", "--type", "ec"), (PIN,), 0),
                (("change-pin",), (OTHER, PIN), 3),
            ):  # fmt: skip
                ended = pero.run("token", *arguments, pin="\n".join(lines))
                assert ended.status == status, ended.complaint
                assert held_by(agent.pid) == set(), arguments
            for process in (psutil.Process(agent.pid), *psutil.Process(agent.pid).children(recursive=True)):
                told = " ".join(process.cmdline()) + str(process.environ())
                assert not any(secret in told for secret in SECRETS)
        assert not any(pero.holds(secret) for secret in SECRETS)
