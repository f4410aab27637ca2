"""A window may live for long: calls of the toolkit do not use None up."""

from __future__ import annotations

import os
import subprocess
import sys

_PROGRAM = """
from agent.desktop.windows.toolkit import start_toolkit
application = start_toolkit()
from PySide6.QtWidgets import QLabel
label = QLabel("x")
for _ in range(50_000):
    label.setText("x")
print("whole")
"""


def test_fifty_thousand_calls_of_the_toolkit_do_not_end_the_process() -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr
