"""Files are signed by the agent and their signatures written by this process: one call for a file, a batch for many.

The agent asks the person in a window of its own. Reading and writing of files is done in a thread.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, NamedTuple

from PySide6.QtCore import QObject, Signal

from agent.api.signature_file import write_now
from agent.desktop.windows.desk.client import AgentClient
from agent.errors import Cancelled, Internal, PeroError, from_name

_PROGRESS = "desk"


class Job(NamedTuple):
    document: Path  # absolute
    target: Path
    replace: bool  # the person agreed that what stands there goes


class SigningRun(QObject):
    """`settled`: number of the job, the level reached or an error; `told`: done, of how many; `ended`: once."""

    settled = Signal(int, object)
    told = Signal(int, int)
    ended = Signal()
    _written = Signal(int, object)
    _piece = Signal(int, int)

    def __init__(self, client: AgentClient, jobs: list[Job], parameters: dict[str, Any], parent: QObject) -> None:
        super().__init__(parent)
        self._client = client
        self._jobs = jobs
        self._parameters = parameters
        self._open = set(range(len(jobs)))
        self._being_written = 0
        self._call: int | None = None
        self._batch = ""
        self._after = 0
        self._is_told = False  # all that the agent has to say was said
        self._given_up = threading.Event()
        self._written.connect(self._is_written)
        self._piece.connect(self.told)
        client.notified.connect(self._notified)

    def start(self) -> None:
        if len(self._jobs) == 1:
            parameters = {**self._parameters, "path": str(self._jobs[0].document), "progress": _PROGRESS}
            self._call = self._client.call("sign_file", parameters, self._one_signed, self._failed, self)
            return
        paths = [str(job.document) for job in self._jobs]
        self._client.call("sign_files", {**self._parameters, "paths": paths}, self._begun, self._failed, self)

    def cancel(self) -> None:
        """No more is signed; what is signed is written."""
        self._given_up.set()
        if self._batch:
            self._client.call("batch_stop", {"batch": self._batch}, lambda _: None, lambda _: None, self)
        elif self._call is not None:
            self._client.cancel(self._call)

    def _one_signed(self, result: dict[str, Any]) -> None:
        self._is_told = True
        self._write(0, result)

    def _begun(self, answer: dict[str, Any]) -> None:
        self._batch = answer["batch"]
        if self._given_up.is_set():
            self.cancel()
        self._fetch()

    def _fetch(self) -> None:
        where = {"batch": self._batch, "after": self._after}
        self._client.call("batch_next", where, self._fetched, self._failed, self)

    def _fetched(self, answer: dict[str, Any]) -> None:
        for row in answer["results"]:
            if "error" in row:
                data = row["error"]["data"]
                self._settle(row["index"], from_name(data["name"], data["facts"]))
            else:
                self._write(row["index"], row["result"])
        self._after = answer["next"]
        if answer["done"]:
            self._is_told = True
            self._end_if_done()
        else:
            self._fetch()

    def _failed(self, error: PeroError) -> None:
        """All of it ended."""
        self._is_told = True
        waiting = sorted(self._open) if not self._being_written else []
        for number in waiting:
            self._settle(number, Cancelled() if self._given_up.is_set() else error)
        self._end_if_done()

    def _write(self, number: int, result: dict[str, Any]) -> None:
        self._being_written += 1
        threading.Thread(target=self._write_now, args=(number, result), daemon=True).start()

    def _write_now(self, number: int, result: dict[str, Any]) -> None:
        job = self._jobs[number]
        never = threading.Event() if self._batch else self._given_up
        try:
            write_now(job.target, result, job.document, job.replace, self._piece.emit, never)
        except PeroError as error:
            self._written.emit(number, error)
        except (KeyError, ValueError):
            self._written.emit(number, Internal())
        else:
            self._written.emit(number, str(result.get("level", "")))

    def _is_written(self, number: int, outcome: str | PeroError) -> None:
        self._being_written -= 1
        self._settle(number, outcome)
        self._end_if_done()

    def _settle(self, number: int, outcome: str | PeroError) -> None:
        if number not in self._open:
            return
        self._open.discard(number)
        self.settled.emit(number, outcome)
        if len(self._jobs) > 1:
            self.told.emit(len(self._jobs) - len(self._open), len(self._jobs))

    def _end_if_done(self) -> None:
        if not self._is_told or self._being_written:
            return
        for number in sorted(self._open):
            self._settle(number, Cancelled())
        self._is_told = False
        self.ended.emit()

    def _notified(self, method: str, parameters: dict[str, Any]) -> None:
        if method == "progress" and parameters.get("progress") == _PROGRESS and len(self._jobs) == 1:
            self.told.emit(int(parameters["done"] * 1000 / max(parameters["size"], 1)), 1000)
