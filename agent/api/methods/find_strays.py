"""`find_strays`: copies of keys in the home folder and on drives that were put in (R44). Nothing is opened or changed.

What is found is told while the search goes on, by the notification `strays`, so that whoever takes the request back
has what was found until then.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.messages import notification
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.api.synchronised import synchronised
from agent.care import places
from agent.care.search import Search, Searched, Stray
from agent.errors import BadParameters

INTERVAL = 0.2  # seconds between two notifications
MAX_FOLDERS = 20
_BACKUPS = "SELECT time, facts FROM entries WHERE kind = 'backup_key_file' ORDER BY number DESC LIMIT 500"

Folder = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    folders: Annotated[tuple[Folder, ...], msgspec.Meta(max_length=MAX_FOLDERS)] = ()  # absolute; none: the usual ones


async def find_strays(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises BadParameters, JournalUnwritable."""
    if not all(Path(folder).is_absolute() for folder in parameters.folders):
        raise BadParameters(detail="path is not absolute")
    mounted = await asyncio.to_thread(places.mounts)
    search = Search(
        parameters.folders or places.usual(Path.home(), mounted),
        mounted=mounted,
        without=[str(services.locations.state)],
    )
    search.told = _Teller(caller, search).told
    searching = asyncio.get_running_loop().run_in_executor(None, search.run)
    try:
        found = await asyncio.shield(searching)
    except asyncio.CancelledError:
        search.stop()
        raise
    services.journal.note("find_strays", {"found": len(found.strays), "folders": found.folders})
    return await asyncio.to_thread(_answer, found, _backups(services))


class _Teller:
    """Tells what was found since it told last, a few times a second. `told` is called in the thread of the search."""

    def __init__(self, caller: Caller, search: Search) -> None:
        self._caller = caller
        self._search = search
        self._loop = asyncio.get_running_loop()
        self._last = time.monotonic()
        self._known = 0

    def told(self, folders: int) -> None:
        if time.monotonic() - self._last < INTERVAL:
            return
        self._last = time.monotonic()
        found = self._search.found
        new, self._known = found[self._known :], len(found)
        parameters = {"folders": folders, "strays": [row(one, {}) for one in new]}
        with contextlib.suppress(RuntimeError):  # the agent ends, and its loop is closed
            self._loop.call_soon_threadsafe(self._caller.tell, notification("strays", parameters))


def _answer(found: Searched, backups: dict[str, str]) -> dict[str, Any]:
    return {**msgspec.to_builtins(found), "strays": [row(one, backups) for one in found.strays]}


def row(stray: Stray, backups: dict[str, str]) -> dict[str, Any]:
    """`cloud`: whose program sends it away; `backup`: when Pero wrote it there as a backup, UTC, ISO 8601."""
    return {
        **msgspec.to_builtins(stray),
        "cloud": synchronised(Path(stray.path).parent),
        "backup": backups.get(stray.path, ""),
    }


def _backups(services: Services) -> dict[str, str]:
    """Where backups were written, and when, as the journal has it."""
    found: dict[str, str] = {}
    with services.journal.reader() as reader:
        for moment, facts in reader.execute(_BACKUPS):
            try:
                path = json.loads(facts).get("file")
            except (ValueError, AttributeError):
                continue
            if isinstance(path, str):
                found.setdefault(path, str(moment))
    return found


METHOD = Method("find_strays", COMMAND, Parameters, find_strays)
