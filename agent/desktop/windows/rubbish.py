"""Parts of a window that nothing refers to any more go in the thread of the window.

CPython looks for rings of objects in whichever thread makes the next one. A ring with a widget in it, found by the
thread that talks to the agent, would take the widget apart beside the toolkit, which ends the process.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

_ROUND = 5_000  # milliseconds


def collect_here(parent: QObject) -> None:
    """From here on rings are looked for in this thread alone, while its events are served and `parent` lives."""
    gc.disable()
    timer = QTimer(parent)
    timer.timeout.connect(_collect)
    timer.start(_ROUND)


def _collect() -> None:
    """The oldest generation whose turn it is, with all that are younger."""
    counts, thresholds = gc.get_count(), gc.get_threshold()
    for generation in (2, 1, 0):
        if counts[generation] > thresholds[generation]:
            gc.collect(generation)
            return
