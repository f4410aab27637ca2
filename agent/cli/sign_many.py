"""Several files of `pero sign`: one confirmation and one login. Each signature is written as it comes.

A file that cannot be signed, or whose signature cannot be written, does not stop the others. Ctrl-C lets no more be
signed and keeps what is done; a second one ends the command at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from agent.api.files import open_file
from agent.api.signature_file import target_for, write_signature
from agent.api.writing import check_room, same
from agent.cli.asking import Kind, asking, kind_of
from agent.cli.certificate_choice import chosen
from agent.cli.context import Context, advice, error_value, print_json
from agent.cli.exits import Exit
from agent.cli.output import complain, plain, say
from agent.cli.resuming import is_signed
from agent.cli.writing import check_free
from agent.errors import BadParameters, Cancelled, PeroError, from_name
from agent.signing.batch_request import MAX_DOCUMENTS
from agent.texts.errors import error_text

if TYPE_CHECKING:
    from agent.app import Call
    from agent.transport.client import PinChoice

GRACE = 0.5  # seconds for results that are on their way when Ctrl-C is pressed


class Wanted(NamedTuple):
    """What the command line says."""

    files: tuple[str, ...]
    parameters: dict[str, Any]  # of `sign_files`, without paths
    output: Path | None
    force: bool
    resume: bool
    as_json: bool


class Job(NamedTuple):
    file: str  # as the command line names it
    document: Path  # absolute
    target: Path


def sign_many(context: Context, asked: Wanted, ask: str | None, pin_fd: int | None) -> Exit:
    """0: all are signed (with `--resume`, some before); 1: some are not; 3: none is. Raises click.UsageError."""
    jobs = _planned(context, asked)
    kind = kind_of(context, ask, pin_fd)
    many = _Many(context, asked, jobs)
    if many.to_sign:
        with asking(context, kind, pin_fd, "asking.pin") as choice:
            context.run(many.sign(choice, kind))
    return many.ended()


def _planned(context: Context, asked: Wanted) -> list[Job]:
    """Raises click.UsageError where the options make no sense, or a file would be written twice or over a document."""
    if "existing_path" in asked.parameters or "signer" in asked.parameters["options"]:
        raise click.UsageError(context.text("sign.many_one_signature"))
    if asked.force and asked.resume:
        raise click.UsageError(context.text("sign.force_or_resume"))
    if len(asked.files) > MAX_DOCUMENTS:
        raise click.UsageError(context.text("sign.many_at_most", number=MAX_DOCUMENTS))
    is_folder = asked.output is not None and asked.output.is_dir()
    if asked.output is not None and len(asked.files) > 1 and not is_folder:
        raise click.UsageError(context.text("sign.many_folder", path=plain(asked.output)))
    jobs = []
    for file in asked.files:
        target = target_for(file, asked.parameters)
        if asked.output is not None:
            target = asked.output / target.name if is_folder else asked.output
        jobs.append(Job(file, Path(os.path.abspath(file)), target))  # noqa: PTH100 - links stay
    _check_targets(context, jobs)
    return jobs


def _check_targets(context: Context, jobs: list[Job]) -> None:
    documents = {os.path.realpath(job.document) for job in jobs}
    targets: set[str] = set()
    for job in jobs:
        place = os.path.realpath(job.target)
        if place in documents or same(job.target, job.file):
            raise click.UsageError(context.text("sign.onto_itself", path=plain(job.target)))
        if place in targets:
            raise click.UsageError(context.text("sign.many_same_target", path=plain(job.target)))
        targets.add(place)


class _Many:
    def __init__(self, context: Context, asked: Wanted, jobs: list[Job]) -> None:
        self._context = context
        self._asked = asked
        self._jobs = jobs
        self._outcomes: dict[int, dict[str, Any] | PeroError | None] = {}  # None: it was signed before
        self._interrupted = False
        self._anew: set[int] = set()  # what stands there is no signature of the file as it is now
        self.to_sign = [index for index, job in enumerate(jobs) if self._can_begin(index, job)]

    def _can_begin(self, index: int, job: Job) -> bool:
        """Whether the agent has to be asked at all: nobody types a PIN for a signature that nobody would get."""
        if self._asked.resume and job.target.is_file() and not job.target.is_symlink():
            if is_signed(job.document, job.target, datetime.now(UTC)):
                self._outcomes[index] = None
                if not self._asked.as_json:
                    say(self._context.text("sign.many_there", path=plain(job.target)))
                return False
            self._anew.add(index)
        try:
            with open_file(job.document) as opened:
                size = os.fstat(opened.fileno()).st_size
            check_free(self._context, job.target, self._asked.force or index in self._anew)
            if self._asked.parameters["attached"]:
                check_room(job.target, size)
        except PeroError as error:
            self._failed(index, error)
            return False
        if index in self._anew and not self._asked.as_json:
            complain(self._context.text("sign.many_anew", path=plain(job.target), file=plain(job.file)))
        return True

    async def sign(self, choice: PinChoice, kind: Kind) -> None:
        """Whoever presses Ctrl-C while the session ends is told what was done all the same."""
        try:
            with contextlib.ExitStack() as stack:
                async with self._context.session(choice) as call:
                    parameters = self._asked.parameters
                    if kind == "terminal":
                        parameters = await chosen(self._context, call, parameters, self._about)
                    elif kind == "window":
                        complain(self._context.text("sign.answer_in_window"))
                    stop = stack.enter_context(_interrupts())
                    stack.callback(lambda: setattr(self, "_interrupted", stop.is_set()))
                    await self._follow(call, parameters, stop)
        except PeroError as error:
            self._settle_rest(error)

    def _about(self, certificate: str) -> None:
        for index in self.to_sign:
            complain(plain(self._jobs[index].document))
        complain(self._context.text("sign.about_to_many", number=len(self.to_sign), certificate=certificate))

    async def _follow(self, call: Call, parameters: dict[str, Any], stop: asyncio.Event) -> None:
        """Raises what ended the batch before anything was signed."""
        paths = [str(self._jobs[index].document) for index in self.to_sign]
        batch = (await call("sign_files", {**parameters, "paths": paths}))["batch"]
        after, stopped, done = 0, False, False
        while not done:
            where = {"batch": batch, "after": after}
            try:
                if stop.is_set() and not stopped:
                    stopped = True
                    await call("batch_stop", {"batch": batch})
                answer = await call("batch_next", where) if stopped else await _unless(stop, call, where)
            except BadParameters:
                if stopped:  # the call that was withdrawn was told the end, and nothing was signed
                    raise Cancelled() from None
                raise
            if answer is None:
                continue
            for row in answer["results"]:
                await self._settle(self.to_sign[row["index"]], row)
            after, done = answer["next"], answer["done"]

    async def _settle(self, index: int, row: dict[str, Any]) -> None:
        job = self._jobs[index]
        if "error" in row:
            data = row["error"]["data"]
            self._failed(index, from_name(data["name"], data["facts"]))
            return
        result: dict[str, Any] = row["result"]
        try:
            force = self._asked.force or index in self._anew
            await write_signature(job.target, result, job.document, force, lambda _done, _size: None)
        except PeroError as error:
            self._failed(index, error)
            return
        self._outcomes[index] = result
        if self._asked.as_json:
            return
        say(self._context.text("sign.written", path=plain(job.target)))
        sys.stdout.flush()
        if result["level"] != self._asked.parameters["options"]["level"]:
            complain(self._context.text("sign.level_lowered", level=result["level"].upper()))

    def _failed(self, index: int, error: PeroError) -> None:
        self._outcomes[index] = error
        if not self._asked.as_json:
            facts = {name: plain(value) for name, value in error.facts.items()}
            reason = error_text(error.name, self._context.language, facts)
            complain(self._context.text("sign.many_not", file=plain(self._jobs[index].file), reason=reason))

    def _settle_rest(self, error: PeroError) -> None:
        for index in self.to_sign:
            if index not in self._outcomes:
                self._failed(index, error)

    def ended(self) -> Exit:
        """Say what came of it."""
        errors = [outcome for outcome in self._outcomes.values() if isinstance(outcome, PeroError)]
        signed = len(self._jobs) - len(errors)
        if self._asked.as_json:
            print_json([self._value(index, job) for index, job in enumerate(self._jobs)])
        elif errors:
            for line in dict.fromkeys(advice(error, self._context.language) for error in errors):
                if line:
                    complain(plain(line))
            if signed:
                complain(self._context.text("sign.many_left", signed=signed, count=len(self._jobs)))
        if not errors:
            return Exit.OK
        if self._interrupted:
            return Exit.INTERRUPTED
        return Exit.NEGATIVE if signed else Exit.FAILED

    def _value(self, index: int, job: Job) -> dict[str, Any]:
        outcome = self._outcomes[index]
        if outcome is None:
            return {"document": job.file, "file": str(job.target), "signed_before": True}
        if isinstance(outcome, PeroError):
            return {"document": job.file, "error": error_value(outcome, self._context.language)}
        return {"document": job.file, "file": str(job.target), **outcome}


async def _unless(stop: asyncio.Event, call: Call, where: dict[str, Any]) -> dict[str, Any] | None:
    """The next results; None where `stop` came before them. The agent keeps what a withdrawn call was to get."""
    asking_next = asyncio.ensure_future(call("batch_next", where))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((asking_next, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not asking_next.done():
            await asyncio.wait((asking_next,), timeout=GRACE)
        return asking_next.result() if asking_next.done() else None
    finally:
        asking_next.cancel()
        stopping.cancel()
        await asyncio.wait((asking_next, stopping))


@contextlib.contextmanager
def _interrupts() -> Iterator[asyncio.Event]:
    """Set by the first Ctrl-C. The second does what Ctrl-C did before."""
    loop, pressed = asyncio.get_running_loop(), asyncio.Event()
    before = signal.getsignal(signal.SIGINT)

    def give_back() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)

    def press() -> None:
        give_back()
        pressed.set()

    try:
        loop.add_signal_handler(signal.SIGINT, press)
    except NotImplementedError:  # Windows
        yield pressed
        return
    try:
        yield pressed
    finally:
        if not pressed.is_set():
            give_back()
