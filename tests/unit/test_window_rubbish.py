"""Widgets that nothing refers to any more are taken apart in the window's own thread."""

from __future__ import annotations

import os
import subprocess
import sys

_PROGRAM = """
import threading, weakref
from agent.desktop.windows import rubbish
rubbish._ROUND = 10
from agent.desktop.windows.toolkit import start_toolkit
application = start_toolkit()
from PySide6.QtWidgets import QLabel
class Part(QLabel):
    pass
went = []
def make():
    for _ in range(50):
        part = Part()
        part.ring = part
        weakref.finalize(part, lambda: went.append(threading.current_thread() is threading.main_thread()))
def work():
    for _ in range(200):
        kept = [[] for _ in range(5_000)]
make()
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(len(went))
kept = [[] for _ in range(5_000)]
while len(went) < 50:
    kept.append([[] for _ in range(1_000)])
    application.processEvents()
print(all(went))
"""


def test_a_ring_of_widgets_is_taken_apart_by_no_other_thread() -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "0\nTrue\n"), done.stderr
