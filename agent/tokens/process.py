"""One worker as the pool sees it: started on need, given deadlines, ended when idle, started again after its death."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import signal
import socket
import sys
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from agent.errors import Busy, PeroError, Stopping, WorkerDied, WorkerHung, from_name
from agent.ipc.descriptors import send_descriptor
from agent.ipc.pin import PinSource
from agent.tokens import messages
from agent.tokens.running import Heard, Running, fail
from native_host import framing

PERSON_DEADLINE = 180.0  # seconds, where the PIN is typed at the reader inside a call
SLOW_DEADLINE = 600.0  # seconds, where a card may make a key: RSA 4096 takes some of them minutes
FREE_DEATHS = 3  # deaths in a row after which a worker is started again at once
LONGEST_BACK_OFF = 60.0  # seconds
_END_GRACE = 3.0  # seconds that a worker has to end when it is told to
_GONE_DEADLINE = 8.0  # seconds for what reads cards, once one of them was taken out
_REQUEST_LIMIT = 200  # requests at one worker
_LAST_WORDS = 1.0  # seconds in which what a dead worker said is still read, where a child of it holds the socket

_log = logging.getLogger("pero.tokens")


class Asked(NamedTuple):
    """A request that is under way."""

    running: Running
    number: int
    answer: asyncio.Future[messages.Done]


class WorkerProcess:
    """The worker of one module, or of the key files. Errors: ModuleUnloadable, WorkerDied, WorkerHung, Stopping."""

    def __init__(self, module: str, kind: str, *place: str, deadline: float, idle: float) -> None:
        self.module = module
        self._arguments = (kind, *place)
        self._deadline = deadline
        self._idle = idle
        self._running: Running | None = None
        self._starting = asyncio.Lock()
        self._deaths = 0
        self._card_went = -math.inf  # of the loop's clock
        self._not_before = 0.0  # of the loop's clock
        self._last_death: PeroError | None = None
        self._number = 0
        self._alive: set[Running] = set()  # also those that are ending
        self.closed = False

    @property
    def process_id(self) -> int | None:
        return self._running.process.pid if self._running else None

    @property
    def is_loaded(self) -> bool:
        return self._running is not None and self._running.loaded.done()

    async def facts(self) -> messages.Facts:
        """What the module says of itself."""
        return (await (await self._ready()).loaded).facts

    async def call(
        self,
        request: Callable[[int], messages.Request],
        source: PinSource | None = None,
        doubt: Callable[[bool], None] = lambda _: None,
    ) -> messages.Done:
        """One request, made of its number. The source's descriptor is handed over; the source is closed here always.

        Cancelling withdraws the request. `doubt` is called where the request ends while it is being done, so that
        nobody knows what came of it: with whether it was in a step that may be slow.
        """
        try:
            running = await self._ready()
            number, answer = self._send(running, request, source)
        finally:
            if source:
                source.close()
        try:
            return await answer
        except (asyncio.CancelledError, WorkerDied, WorkerHung, Stopping) as error:
            if number in running.acting:
                doubt(running.acting[number])
            if isinstance(error, asyncio.CancelledError):
                self._withdraw(running, number)
            raise
        finally:
            running.acting.pop(number, None)

    async def begin(self, request: Callable[[int], messages.Request], source: PinSource, heard: Heard) -> Asked:
        """A request whose parts of an answer go to `heard`, and which ends as a `call` does. Ended by `withdraw`."""
        try:
            running = await self._ready()
            number, answer = self._send(running, request, source)
        finally:
            source.close()
        running.heard[number] = heard
        return Asked(running, number, answer)

    async def more(self, asked: Asked, message: messages.More) -> None:
        """Go on with what was begun. Where it failed meanwhile its answer says so."""
        running = asked.running
        if asked.number not in running.asked or running.writer.is_closing():
            return
        running.waiting.discard(asked.number)
        running.owed.add(asked.number)
        self._write(running, message)
        self._watch(running)
        with contextlib.suppress(ConnectionError):  # the reading task finds it out too
            await running.writer.drain()

    def withdraw(self, asked: Asked) -> None:
        """Nobody waits for it any more; of what ended there is nothing to withdraw."""
        asked.running.heard.pop(asked.number, None)
        self._withdraw(asked.running, asked.number)

    def _send(
        self, running: Running, request: Callable[[int], messages.Request], source: PinSource | None
    ) -> tuple[int, asyncio.Future[messages.Done]]:
        if len(running.asked) >= _REQUEST_LIMIT:
            raise Busy(limit=_REQUEST_LIMIT)
        self._number += 1
        number = self._number
        if source:
            try:
                send_descriptor(running.control, str(number).encode("ascii"), source.descriptor)
            except OSError as error:  # full, or already gone: then the reading task finds it out too
                raise WorkerDied(module=self.module, signal=None, exit_status=None) from error
        self._write(running, request(number))
        answer: asyncio.Future[messages.Done] = asyncio.get_running_loop().create_future()
        running.asked[number] = answer
        running.owed.add(number)
        self._watch(running)
        return number, answer

    def _write(self, running: Running, request: messages.Request) -> None:
        running.writer.write(framing.pack(messages.encode(request), limit=messages.FRAME_LIMIT))

    def _withdraw(self, running: Running, number: int) -> None:
        if running.asked.pop(number, None) is None:
            return
        running.waiting.discard(number)
        if not running.writer.is_closing():
            self._write(running, messages.Withdraw(number))
        self._watch(running)

    # start

    async def _ready(self) -> Running:
        """The running worker with its backend loaded."""
        while True:
            async with self._starting:
                if self.closed:
                    raise Stopping
                if self._running is None:
                    self._check_back_off()
                    self._running = await self._start()
                running = self._running
            await asyncio.shield(running.loaded)
            if running is self._running:  # it did not die again while we were woken
                return running

    def _check_back_off(self) -> None:
        if self._last_death and asyncio.get_running_loop().time() < self._not_before:
            raise type(self._last_death)(**self._last_death.facts)

    async def _start(self) -> Running:
        data, worker_data = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        control, worker_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.setblocking(False)
        descriptors = (worker_data.fileno(), worker_control.fileno())
        process = None
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "agent.tokens.worker", *map(str, descriptors), *self._arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, pass_fds=descriptors,
                start_new_session=True,  # Ctrl-C at a terminal is for the agent
            )  # fmt: skip
            reader, writer = await asyncio.open_connection(sock=data)
        except BaseException as error:
            if process:
                process.kill()
            data.close()
            control.close()
            if isinstance(error, OSError):
                raise WorkerDied(module=self.module, signal=None, exit_status=None) from error
            raise
        finally:
            worker_data.close()
            worker_control.close()
        running = Running(process, control, writer)
        self._watch(running)
        self._alive.add(running)
        running.reading = asyncio.create_task(self._read(running, reader))
        return running

    # events

    async def _read(self, running: Running, reader: asyncio.StreamReader) -> None:
        """Until the socket ends, or the process does: a child that it left behind may hold the socket for ever."""
        events = asyncio.create_task(self._events(running, reader))
        ended = asyncio.create_task(running.wait_for_end())
        await asyncio.wait({events, ended}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({events}, timeout=_LAST_WORDS)
        events.cancel()
        await self._gone(running, ended)

    async def _events(self, running: Running, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                header = await reader.readexactly(framing.HEADER)
                payload = await reader.readexactly(framing.length(header, limit=messages.FRAME_LIMIT))
                self._handle(running, messages.decode_event(payload))
        except (asyncio.IncompleteReadError, OSError):
            pass
        except (framing.FrameError, msgspec.MsgspecError):  # the module overwrote the worker's memory
            running.kill()

    def _handle(self, running: Running, event: messages.Event) -> None:
        running.limit = None
        running.is_timed = False
        match event:
            case messages.Loaded():
                self._loaded(running, event)
            case messages.Started(id=number, person=person, slow=slow):
                if number in running.waiting:
                    running.acting[number] = slow
                running.waiting.discard(number)
                running.owed.add(number)
                longest = SLOW_DEADLINE if slow else PERSON_DEADLINE
                running.limit = max(self._deadline, longest) if person or slow else None
            case messages.Waiting(id=number):
                running.acting.pop(number, None)
                running.owed.discard(number)
                if number in running.asked:
                    running.waiting.add(number)
            case messages.Ready(id=number) | messages.Signed(id=number):
                if isinstance(event, messages.Ready):
                    running.owed.discard(number)
                    if number in running.asked:
                        running.waiting.add(number)
                if number in running.heard:
                    running.heard[number](event)
            case messages.Spent(memory=memory):
                _log.warning("worker_spent module=%s memory=%d", self.module, memory)
                running.spent = True
                self._forget(running)
            case messages.Done(id=number):
                self._deaths, self._last_death = 0, None
                running.settle(number, event)
            case messages.Failure(id=number):
                self._deaths, self._last_death = 0, None
                running.settle(number, from_name(event.error, event.facts))
        self._watch(running)

    def _loaded(self, running: Running, event: messages.Loaded) -> None:
        if running.loaded.done():
            return
        if event.error is None:
            running.loaded.set_result(event)
        else:
            running.ending = True
            self._forget(running)
            fail(running.loaded, from_name(event.error, event.facts))

    # deadlines and the end

    def _watch(self, running: Running) -> None:
        """The timer of this moment: a deadline while something is owed, from the last word of the process on, however
        often it is asked or nobody waits any more; else the idle time."""
        if running.ending or running.hung is not None:
            return
        limit = self._limit(running)
        if running.owed or not running.loaded.done():
            if not running.is_timed:
                running.set_timer(limit, lambda: self._kill_hung(running, limit))
            running.is_timed = True
        elif running.asked:
            running.set_timer(None, lambda: None)
        elif running.spent:
            self._end(running)
        else:
            running.set_timer(self._idle, lambda: self._end(running))

    def _kill_hung(self, running: Running, seconds: float) -> None:
        """SIGKILL; whoever waits is told when the process is gone, or soon where the kernel cannot end it either."""
        running.hung = seconds
        running.kill()
        running.set_timer(_END_GRACE, lambda: self._bury(running, 0))

    def _forget(self, running: Running) -> None:
        if self._running is running:
            self._running = None

    def _end(self, running: Running) -> None:
        """Let an idle worker end; a new one may be started at once."""
        running.ending = True
        self._forget(running)
        running.writer.close()
        running.set_timer(_END_GRACE, lambda: self._kill_hung(running, _END_GRACE))

    async def _gone(self, running: Running, ended: asyncio.Task[int]) -> None:
        """The worker is dead or dying."""
        self._forget(running)
        running.control.close()
        running.writer.close()
        if running.hung is None:
            running.set_timer(_END_GRACE, running.kill)
        status = await ended
        running.set_timer(None, lambda: None)
        self._alive.discard(running)
        if not running.ending or running.asked:
            self._bury(running, status)
        running.fail_all(Stopping())

    def _bury(self, running: Running, status: int) -> None:
        """Fail what was asked of a process that died."""
        self._forget(running)
        if running.buried:
            return
        error = Stopping() if self.closed else self._death(running, status)
        if not self.closed:
            self._back_off(error)
        running.fail_all(error)

    def _death(self, running: Running, status: int) -> PeroError:
        if running.hung is not None:
            return WorkerHung(module=self.module, seconds=round(running.hung))
        if status < 0:
            return WorkerDied(module=self.module, signal=_signal_name(-status), exit_status=None)
        return WorkerDied(module=self.module, signal=None, exit_status=status)

    def _back_off(self, error: PeroError) -> None:
        """Three deaths in a row without an answer between them: the next start waits, longer each time."""
        self._deaths += 1
        self._last_death = error
        if self._deaths >= FREE_DEATHS:
            pause = min(LONGEST_BACK_OFF, float(2 ** min(self._deaths - FREE_DEATHS, 6)))
            self._not_before = asyncio.get_running_loop().time() + pause

    def card_went(self) -> None:
        """A card left a reader: what reads cards now, or begins to soon, has less time."""
        self._card_went = asyncio.get_running_loop().time()
        running = self._running
        if running and running.is_timed and running.timer and self._limit(running) == _GONE_DEADLINE:
            left = running.timer.when() - self._card_went
            running.is_timed = left <= _GONE_DEADLINE
            self._watch(running)

    def _limit(self, running: Running) -> float:
        """Seconds for what is under way. What only reads cards ends soon or never once one of them was pulled: OpenSC
        0.23 may then wait for itself for ever. What has a secret may be at another card."""
        if running.limit is not None:
            return running.limit
        now = asyncio.get_running_loop().time()
        if running.loaded.done() and not running.acting and now - self._card_went <= _GONE_DEADLINE:
            return min(self._deadline, _GONE_DEADLINE)
        return self._deadline

    async def close(self) -> None:
        """End the worker; what is asked fails with Stopping."""
        self.closed = True
        async with self._starting:
            alive = list(self._alive)
        for running in alive:
            if running.asked:
                running.kill()
            elif not running.ending:
                self._end(running)
        endings = [running.reading for running in alive if running.reading]
        if endings:
            await asyncio.wait(endings, timeout=2 * _END_GRACE)


def _signal_name(number: int) -> str:
    """Real-time signals between the first and the last have no name (signal(7))."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
