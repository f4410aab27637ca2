"""The worker process: one backend, one thread, one loop. ``python -m agent.tokens.worker DATA CONTROL KIND PLACE ...``.

DATA and CONTROL are numbers of inherited sockets, KIND is a row of BACKENDS, PLACE its module or folder; behind a
module may stand the SHA-256 that policy wants of it. Nothing in the loop waits for a person: open PIN conversations
are descriptors among the others, so that any number of them may be open while other requests are served. The process
ends when its data socket does.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from agent.errors import (
    Busy,
    LastTryUnconfirmed,
    PassphraseIncorrect,
    PassphraseWeak,
    PeroError,
    PinCancelled,
    PinIncorrect,
    PinInvalid,
    PinLength,
    SoPinIncorrect,
)
from agent.ipc import processes
from agent.ipc.descriptors import receive_descriptor
from agent.ipc.hardening import die_with_parent, harden, limit_memory
from agent.ipc.pin import Accepted, Ask, Failed, Pin
from agent.tokens import messages, tasks
from agent.tokens.backend import Backend, ManyOperation, PinOperation
from agent.tokens.blocks import Block
from agent.tokens.conversation import Asker, asker
from native_host import framing

_READ = 1 << 16  # bytes
_GROWTH = 256 << 20  # bytes of memory that a module may lose before its worker asks for another in its place
_MOST = 4 << 30  # bytes; a call that wants more is out of its mind
UNTRIED = (PinLength, PinInvalid, LastTryUnconfirmed, PassphraseWeak)  # the secret was not tried
AGAIN = (PinIncorrect, SoPinIncorrect, PassphraseIncorrect, *UNTRIED)  # another secret may do, or another word


def _module(place: str, sha256: str = "") -> Backend:
    from agent.tokens.module_backend import ModuleBackend

    return ModuleBackend(place, sha256)


def _key_files(place: str) -> Backend:
    from agent.tokens.container import ContainerBackend

    return ContainerBackend(Path(place))


BACKENDS: dict[str, Callable[..., Backend]] = {"module": _module, "keyfiles": _key_files}


class _Open:
    """A request that waits for a PIN."""

    def __init__(self, operation: PinOperation, source: Asker, person: bool, slow: bool) -> None:
        self.operation = operation
        self.many = operation if isinstance(operation, ManyOperation) else None
        self.source = source
        self.person = person  # the PIN is typed at the reader, inside the attempt
        self.slow = slow
        self.watched = True
        self.is_logged_in = False  # of a SignMany, until its end
        self.is_passphrase = False  # what is asked for is that of a file


class Worker:
    def __init__(self, data: socket.socket, control: socket.socket, backend: Backend) -> None:
        self._data = data
        self._control = control
        self._backend = backend
        self._selector = selectors.DefaultSelector()
        self._frames = framing.FrameBuffer(limit=messages.FRAME_LIMIT)
        self._open: dict[int, _Open] = {}
        self._ended = False
        self._memory_limit: int | None = None  # bytes; None: told already

    def run(self) -> None:
        """Load the backend and serve until the data socket ends."""
        try:
            self._send(messages.Loaded(facts=self._backend.load()))
        except PeroError as error:
            self._send(messages.Loaded(error=error.name, facts=error.facts))
            return
        self._memory_limit = processes.memory() + _GROWTH
        self._selector.register(self._data, selectors.EVENT_READ, None)
        while not self._ended:
            for key, _ in self._selector.select():
                if key.data is None:
                    self._receive()
                elif key.data in self._open:  # not closed by the one before
                    self._answered(key.data)
            self._look_at_memory()
        for number in list(self._open):
            self._close(number)
        self._backend.close()

    def _look_at_memory(self) -> None:
        """A peak is known at once; what is held now only at some length."""
        limit = self._memory_limit
        if limit is not None and processes.peak_memory() > limit and (memory := processes.memory()) > limit:
            self._memory_limit = None
            self._send(messages.Spent(memory))

    # requests

    def _receive(self) -> None:
        try:
            data = self._data.recv(_READ)
        except ConnectionError:
            data = b""
        if not data:
            self._ended = True
            return
        for frame in self._frames.feed(data):
            self._serve(messages.decode_request(frame))

    def _serve(self, request: messages.Request) -> None:
        match request:
            case messages.List(id=number):
                self._now(number, lambda: messages.Done(number, tokens=self._backend.listing()))
            case messages.Look(id=number):
                self._now(number, lambda: messages.Done(number, slots=self._backend.slots()))
            case messages.ForgetKeyFile(id=number, thumbprint=thumbprint):
                self._now(number, lambda: self._forget(number, thumbprint))
            case messages.Sign():
                self._with_pin(request, lambda: self._backend.sign(request))
            case messages.SignMany():
                self._with_pin(request, lambda: self._backend.sign_many(request))
            case messages.More():
                self._sign_more(request)
            case messages.Manage(id=number, source=None):
                self._now(number, lambda: self._backend.manage_now(request), slow=isinstance(request.task, tasks.SLOW))
            case messages.Manage():
                self._with_pin(request, lambda: self._backend.manage(request))
            case messages.AddKeyFile():
                self._with_pin(request, lambda: self._backend.add_key_file(request))
            case messages.Withdraw(id=number):
                self._close(number)

    def _now(self, number: int, answer: Callable[[], messages.Done], *, slow: bool = False) -> None:
        if slow:  # else the deadline of the asking holds
            self._send(messages.Started(number, slow=True))
        try:
            self._send(answer())
        except PeroError as error:
            self._fail(number, error)

    def _forget(self, number: int, thumbprint: str) -> messages.Done:
        self._backend.forget_key_file(thumbprint)
        return messages.Done(number)

    # requests with a PIN

    def _with_pin(
        self,
        request: messages.Sign | messages.SignMany | messages.AddKeyFile | messages.Manage,
        begin: Callable[[], PinOperation],
    ) -> None:
        source = asker(request.source or "descriptor", self._descriptor(request.id))
        try:
            if any(other.is_logged_in for other in self._open.values()):  # another login would end that one
                raise Busy(limit=1)
            operation = begin()
            ask = operation.ask()
        except PeroError as error:
            source.say(Failed(error.name, error.facts))
            source.close()
            self._fail(request.id, error)
            return
        slow = isinstance(request, messages.Manage) and isinstance(request.task, tasks.SLOW)
        self._open[request.id] = _Open(operation, source, ask.protected_path, slow)
        self._ask(request.id, ask)
        self._watch(request.id)

    def _descriptor(self, number: int) -> int:
        """The descriptor sent ahead of the request with this number; those of no request are closed."""
        while True:
            received = receive_descriptor(self._control)
            if received is None:
                raise OSError("the control socket ended before its descriptor came")
            tag, descriptor = received
            if tag == str(number).encode("ascii"):
                return descriptor
            os.close(descriptor)

    def _watch(self, number: int) -> None:
        source = self._open[number].source
        try:
            self._selector.register(source, selectors.EVENT_READ, number)
        except PermissionError:  # epoll knows no plain files; reading one does not wait
            self._open[number].watched = False
            while number in self._open and not self._open[number].is_logged_in:
                self._answered(number)

    def _ask(self, number: int, ask: Ask) -> None:
        self._open[number].source.say(ask)
        self._open[number].is_passphrase = ask.purpose == "passphrase"
        self._send(messages.Waiting(number))

    def _answered(self, number: int) -> None:
        request = self._open[number]
        pin = request.source.receive()
        if pin is ...:
            return
        if pin is None:
            self._fail(number, PinCancelled())
            return
        pin.for_last_try = request.source.last_try
        slow = request.slow and not request.is_passphrase  # no card is slow at a file
        self._send(messages.Started(number, person=request.person, slow=slow))
        try:
            self._attempt(number, request, pin)
        finally:
            pin.wipe()
        if (
            number in self._open and request.source.ready and not request.is_logged_in
        ):  # the next secret came with this one
            self._answered(number)

    def _attempt(self, number: int, request: _Open, pin: Pin) -> None:
        def accepted(*, default_pin: bool = False) -> None:
            request.source.say(Accepted(default_pin))

        try:
            done = request.operation.attempt(pin, accepted)
        except AGAIN as error:
            if request.source.rounds and error.facts.get("reason") != "expired":  # a PIN that has to be changed first
                self._ask_again(number, request, error)
            else:
                self._fail(number, error)
        except PeroError as error:
            self._fail(number, error)
        else:
            if request.many is not None:
                self._unwatch(request)
                request.is_logged_in = True
                self._send(messages.Ready(number))
                return
            if done is None:
                self._ask_next(number, request)
                return
            self._close(number)
            self._send(done)

    def _unwatch(self, request: _Open) -> None:
        if request.watched:
            self._selector.unregister(request.source)
        request.watched = False

    # many signatures

    def _sign_more(self, request: messages.More) -> None:
        """Those that are there leave before an error of the next one."""
        number, one = request.id, self._open.get(request.id)
        if one is None or one.many is None or not one.is_logged_in:
            return  # it failed already, and said so
        if not request.digests:
            self._close(number)
            self._send(messages.Done(number))
            return
        self._send(messages.Started(number, person=one.person))
        block = Block(number, self._send)
        try:
            for signature, order in one.many.sign(request.digests, request.octets):
                block.add(signature, order)
        except PeroError as error:
            block.send()
            self._fail(number, error)
            return
        block.send()
        self._send(messages.Waiting(number))

    def _ask_next(self, number: int, request: _Open) -> None:
        try:
            self._ask(number, request.operation.ask())
        except PeroError as error:
            self._fail(number, error)

    def _ask_again(self, number: int, request: _Open, error: PeroError) -> None:
        try:
            ask = request.operation.ask()
        except PeroError as worse:
            self._fail(number, worse)
            return
        tries = error.facts.get("tries_left")
        if isinstance(error, UNTRIED):
            self._ask(number, msgspec.structs.replace(ask, error=error.name, facts=error.facts))
        else:
            left = tries if isinstance(tries, int) else None
            self._ask(number, msgspec.structs.replace(ask, retry=True, tries_left=left))

    # answers

    def _fail(self, number: int, error: PeroError) -> None:
        if number in self._open:
            self._open[number].source.say(Failed(error.name, error.facts))
            self._close(number)
        self._send(messages.Failure(number, error.name, error.facts))

    def _close(self, number: int) -> None:
        request = self._open.pop(number, None)
        if request is None:
            return
        self._unwatch(request)
        request.operation.close()
        request.source.close()

    def _send(self, event: messages.Event) -> None:
        try:
            self._data.sendall(framing.pack(messages.encode(event), limit=messages.FRAME_LIMIT))
        except ConnectionError:
            self._ended = True


def _keep_modules_quiet() -> None:
    """What a module prints goes nowhere: it may be a PIN. Our own tracebacks keep the way they had."""
    ours = os.dup(2)
    sys.stderr = os.fdopen(ours, "w", buffering=1, errors="backslashreplace")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def main(arguments: list[str]) -> None:
    harden(secret=True)
    die_with_parent()
    limit_memory(_MOST)
    data, control, kind, *place = arguments
    _keep_modules_quiet()
    channel, descriptors = socket.socket(fileno=int(data)), socket.socket(fileno=int(control))
    for inherited in (channel, descriptors):
        os.set_inheritable(inherited.fileno(), False)
    Worker(channel, descriptors, BACKENDS[kind](*place)).run()


if __name__ == "__main__":
    main(sys.argv[1:])
