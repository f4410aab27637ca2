"""Things done as another user of this machine (nobody). Needs root, as the machine that runs the tests has it."""

from __future__ import annotations

import os
import subprocess
import sys

NOBODY = 65534

_CONNECT = """
import encodings.idna, os, socket, sys
os.setgroups([]); os.setgid({user}); os.setuid({user})
kind, address = sys.argv[1], sys.argv[2]
if kind == "unix":
    connection = socket.socket(socket.AF_UNIX); connection.connect(address)
else:
    connection = socket.create_connection(("127.0.0.1", int(address)))
connection.settimeout(10)
try:
    connection.sendall(sys.stdin.buffer.read())
    print(len(connection.recv(4096)))
except OSError as error:
    print(type(error).__name__)
"""


def talk(kind: str, address: str, words: bytes) -> str:
    """Say something as nobody; what came back: a number of bytes, or the name of an error."""
    assert os.geteuid() == 0, "another user can only be played by root"
    program = _CONNECT.format(user=NOBODY)
    done = subprocess.run(
        [sys.executable, "-c", program, kind, address], input=words, capture_output=True, check=False, timeout=30
    )
    output = done.stdout.decode().strip()
    return output or done.stderr.decode().strip().rsplit("\n", 1)[-1].split(":")[0]
