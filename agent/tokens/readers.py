"""The thread that waits for PC/SC: readers and cards that come and go, told as they happen.

Waiting costs nothing while nothing happens. A service that is not there, or that is stopped and started again, is
looked for once a second.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Mapping

from agent.tokens import pcsc

RETRY = 1.0  # seconds
_CANCEL_AGAIN = 0.05  # seconds: a cancel that comes just before the wait is lost
# macOS has no pseudo reader that tells of new ones, so the names are looked at once a second.
_NOTIFICATION = () if sys.platform == "darwin" else (pcsc.NOTIFICATION,)
_LIMIT = pcsc.INFINITE if _NOTIFICATION else 1000  # milliseconds

Readers = Mapping[str, pcsc.State]


class ReaderThread:
    """`told` is called from the thread with all readers at each change, first at once; None: there is no service.

    `retry`: seconds between two looks for a service that is not there.
    """

    def __init__(self, library: pcsc.Library, told: Callable[[Readers | None], None], *, retry: float = RETRY) -> None:
        self._retry = retry
        self._absent = False  # it was told that there is no service
        self._library = library
        self._told = told
        self._stopped = threading.Event()
        self._lock = threading.Lock()  # between the end of a context and its cancelling
        self._context: pcsc.Context | None = None
        self._thread = threading.Thread(target=self._run, name="readers", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when the thread has ended, which is soon."""
        self._stopped.set()
        while self._thread.is_alive():
            with self._lock:
                if self._context:
                    self._context.cancel()
            self._thread.join(_CANCEL_AGAIN)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                context = pcsc.Context(self._library)
            except pcsc.PcscError:
                if not self._absent:
                    self._absent = True
                    self._told(None)
                self._stopped.wait(self._retry)
                continue
            self._absent = False
            with self._lock:
                self._context = context
            with contextlib.suppress(pcsc.PcscError):
                self._follow(context)
            with self._lock:
                self._context = None
                context.close()
            if not self._stopped.is_set():
                self._absent = True
                self._told(None)

    def _follow(self, context: pcsc.Context) -> None:
        """Until the service goes away, or `stop`. Raises PcscError."""
        known: dict[str, pcsc.State] | None = None
        while not self._stopped.is_set():
            names = (*context.readers(), *_NOTIFICATION)
            old = known or {}
            try:  # names that are not the old ones are new states too: then there is nothing to wait for
                states = context.wait({name: old.get(name, pcsc.UNAWARE) for name in names}, _limit(names, known))
            except pcsc.PcscError as error:
                if error.code != pcsc.UNKNOWN_READER:
                    raise
                self._stopped.wait(_CANCEL_AGAIN)  # one went away in between; look again
                continue
            if states != known:
                self._told({name: state for name, state in states.items() if name not in _NOTIFICATION})
            elif _NOTIFICATION:
                self._stopped.wait(RETRY)  # a service that does not wait must not keep us busy
            known = states


def _limit(names: tuple[str, ...], known: Readers | None) -> int:
    return _LIMIT if known is not None and names == tuple(known) else 0
