"""Which key pairs a generation that was cut short may have left on a token: their first ids, which are random and ours.

They are written down before the token is asked, so that they are known after an end of the agent too. A damaged file is
an empty one: what it named stays on the token, where the person sees it.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path

import msgspec

from agent.config import write_private
from agent.errors import FileUnwritable
from agent.model import TokenState

_MOST = 256  # rows; the oldest are forgotten

_log = logging.getLogger("pero.tokens")


class _Row(msgspec.Struct, frozen=True):
    module: str
    serial: str
    label: str
    id: str  # CKA_ID, lower-case hex


class Unfinished:
    """`path`: the file, in a folder that is there; None: remembered in memory alone."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._rows: list[_Row] | None = None  # None: not read yet
        self._under_way: set[str] = set()

    def of(self, token: TokenState) -> tuple[str, ...]:
        """Those of a token, without those that are being made."""
        return tuple(row.id for row in self._read() if row == _row(token, row.id) and row.id not in self._under_way)

    def begin(self, token: TokenState, identifier: str) -> None:
        self._under_way.add(identifier)
        self._write([*self._read(), _row(token, identifier)][-_MOST:])

    def end(self, identifier: str) -> None:
        """It is not being made any more, whatever came of it."""
        self._under_way.discard(identifier)

    def forget(self, token: TokenState, identifiers: Iterable[str]) -> None:
        gone = {_row(token, one) for one in identifiers}
        kept = [row for row in self._read() if row not in gone]
        if len(kept) != len(self._read()):
            self._write(kept)

    def _read(self) -> list[_Row]:
        if self._rows is None:
            self._rows = []
            with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                if self._path:
                    self._rows = msgspec.json.decode(self._path.read_bytes(), type=list[_Row])
        return self._rows

    def _write(self, rows: list[_Row]) -> None:
        self._rows = rows
        if self._path is None:
            return
        try:
            write_private(self._path, msgspec.json.encode(rows))
        except FileUnwritable:  # it is in memory still
            _log.warning("unfinished_keys_unwritable")


def _row(token: TokenState, identifier: str) -> _Row:
    return _Row(token.module, token.serial, token.label, identifier)
