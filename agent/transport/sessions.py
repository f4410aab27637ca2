"""What is said on the local socket: hello first, then a native host's envelopes or a command's messages.

Each request runs as a task of its own; when the connection ends, what it asked for is withdrawn.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Literal

import msgspec

from agent.api.caller import Caller, Role
from agent.api.dispatcher import Dispatcher
from agent.api.messages import error_object, failure, identifier_of
from agent.api.protocol import PROTOCOL, Lent
from agent.consent.origins import parse_origin
from agent.consent.prompter import Prompter
from agent.errors import BadRequest, FrameRefused, NotAllowed, PeroError, UnattendedForbidden
from agent.transport.channel import FrameChannel
from agent.transport.envelopes import Envelope, Unwrapper
from agent.transport.outbox import Outbox
from native_host.framing import FrameError
from native_host.manifests import EXTENSION_IDS

MAX_PAGES = 256  # pages of one browser that may be known at a time

_log = logging.getLogger("pero.transport")
_encoder = msgspec.json.Encoder()


class _Hello(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: Literal["native_host", "command"]
    protocol: int
    arguments: tuple[str, ...] = ()
    pin: Literal["window", "terminal", "descriptor"] = "window"
    last_try: bool = False  # a descriptor's PIN may be spent on the last try
    desk: bool = False  # Pero's window, whose agent ended
    room: bool = False  # the last descriptors are a document and a file for it, where it is large and attached


class _First(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    hello: _Hello


class Sessions:
    """Serves the local socket. `command_prompter(kind, descriptor, last_try)` makes the prompter of a command."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        window: Prompter,
        command_prompter: Callable[[Literal["terminal", "descriptor"], int, bool], Prompter],
        allow_unattended: bool,
        version: str,
        language: str,
    ) -> None:
        self._dispatcher = dispatcher
        self._window = window
        self._command_prompter = command_prompter
        self._allow_unattended = allow_unattended
        self._version = version
        self._language = language
        self.adopt: Callable[[FrameChannel], bool] = lambda _channel: False  # takes a window that lost its agent

    async def serve(self, channel: FrameChannel, first: bytes, descriptors: tuple[int, ...]) -> None:
        try:
            try:
                hello = _hello(first)
                pins, lent = _sorted(hello, descriptors)
                prompter = self._prompter(hello, pins)
                if hello.desk and (hello.role != "command" or not self.adopt(channel)):
                    raise NotAllowed()
            except PeroError as error:
                await channel.write(_encoder.encode({"error": error_object(error, self._language)}))
                return
            await channel.write(_encoder.encode({"hello": {"protocol": PROTOCOL, "version": self._version}}))
            if hello.role == "command":
                await _Command(self._dispatcher, channel, prompter, lent).run()
            else:
                await _Browser(self._dispatcher, channel, self._window, self._language).run()
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _prompter(self, hello: _Hello, descriptors: tuple[int, ...]) -> Prompter:
        if hello.role == "native_host":
            if _extension_ids(hello.arguments).isdisjoint(EXTENSION_IDS):
                raise NotAllowed()
            return self._window
        if hello.pin == "window":
            return self._window
        if not descriptors:
            raise BadRequest(detail="no descriptor")
        if hello.pin == "descriptor" and not self._allow_unattended:
            raise UnattendedForbidden()
        return self._command_prompter(hello.pin, descriptors[0], hello.last_try)


def _hello(first: bytes) -> _Hello:
    try:
        hello = msgspec.json.decode(first, type=_First).hello
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(detail="hello expected") from error
    if hello.protocol != PROTOCOL:
        raise BadRequest(detail="protocol version")
    return hello


def _sorted(hello: _Hello, descriptors: tuple[int, ...]) -> tuple[tuple[int, ...], Lent | None]:
    """The descriptor of a PIN, if any, and those of a document and its room. Raises BadRequest."""
    lent = None
    if hello.room:
        if hello.role != "command" or len(descriptors) < len(Lent._fields):
            raise BadRequest(detail="no room")
        *_, document, room = descriptors
        descriptors, lent = descriptors[: -len(Lent._fields)], Lent(document, room)
    if len(descriptors) > 1:
        raise BadRequest(detail="more than one descriptor")
    return descriptors, lent


def _extension_ids(arguments: tuple[str, ...]) -> set[str]:
    """The extension in a native host's arguments: Chromium gives its origin first, Firefox the manifest and its id."""
    return {argument.removeprefix("chrome-extension://").rstrip("/") for argument in arguments}


class _Command:
    """One command: its requests are bare messages, the answers come in envelopes, since they may be long."""

    def __init__(self, dispatcher: Dispatcher, channel: FrameChannel, prompter: Prompter, lent: Lent | None) -> None:
        self._dispatcher = dispatcher
        self._channel = channel
        self._caller = Caller(Role.COMMAND, "", "local_socket", prompter, lent)
        self._outbox = Outbox(channel)
        self._notifying: asyncio.Task[None] | None = None

    async def run(self) -> None:
        self._dispatcher.opened(self._caller)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._caller.notify = lambda notification: self._notify(notification, tasks)
                try:
                    while (frame := await self._channel.read()) is not None:
                        tasks.create_task(self._answer(frame))
                        await self._outbox.room()
                finally:
                    self._dispatcher.closed(self._caller)
        except* (ConnectionError, FrameError):
            _log.info("command_gone")

    def _notify(self, notification: bytes, tasks: asyncio.TaskGroup) -> None:
        """One at a time: a command that does not read misses some."""
        if self._notifying is None or self._notifying.done():
            self._notifying = tasks.create_task(self._outbox.send(notification, None))

    async def _answer(self, frame: bytes) -> None:
        await self._outbox.send(await self._dispatcher.handle(self._caller, frame), None)


class _Browser:
    """One native host, and through it the extension and its pages."""

    def __init__(self, dispatcher: Dispatcher, channel: FrameChannel, prompter: Prompter, language: str) -> None:
        self._dispatcher = dispatcher
        self._channel = channel
        self._prompter = prompter
        self._language = language
        self._unwrapper = Unwrapper()
        self._pages: dict[str, Caller] = {}
        self._extension = Caller(Role.EXTENSION, "", "native_messaging", prompter)
        self._outbox = Outbox(channel)

    async def run(self) -> None:
        self._dispatcher.opened(self._extension)
        try:
            async with asyncio.TaskGroup() as tasks:
                try:
                    while (frame := await self._channel.read()) is not None:
                        await self._take(frame, tasks)
                        await self._outbox.room()
                finally:
                    for caller in (self._extension, *self._pages.values()):
                        self._dispatcher.closed(caller)
        except* (ConnectionError, FrameError):
            _log.info("native_host_gone")

    async def _take(self, frame: bytes, tasks: asyncio.TaskGroup) -> None:
        """Whose the envelope is, is settled in the order of arrival: a page's end may follow its request at once."""
        try:
            envelope = self._unwrapper.envelope(frame)
        except PeroError as error:
            await self._outbox.send(failure(None, error, self._language), None)
            return
        if envelope is None:
            return
        if envelope.closed:
            gone = self._pages.pop(envelope.page or "", None)
            if gone is not None:
                self._dispatcher.closed(gone)
            return
        try:
            caller = self._caller(envelope)
        except PeroError as error:
            refusal = failure(identifier_of(envelope.message), error, self._language)
            await self._outbox.send(refusal, envelope.page)
            return
        tasks.create_task(self._answer(caller, envelope))

    async def _answer(self, caller: Caller, envelope: Envelope) -> None:
        await self._outbox.send(await self._dispatcher.handle(caller, envelope.message), envelope.page)

    def _caller(self, envelope: Envelope) -> Caller:
        """The caller of this envelope. A page's name belongs to the origin that used it first.

        Raises FrameRefused, OriginRefused, BadRequest.
        """
        if envelope.page is None:
            return self._extension
        if not envelope.top_frame:
            raise FrameRefused()
        origin = parse_origin(envelope.origin or "")
        known = self._pages.get(envelope.page)
        if known is not None:
            if known.origin != origin:
                raise BadRequest(detail="page has another origin")
            return known
        if len(self._pages) >= MAX_PAGES:
            raise BadRequest(detail="too many pages")
        caller = self._pages[envelope.page] = Caller(Role.PAGE, origin, "native_messaging", self._prompter)
        self._dispatcher.opened(caller)
        return caller
