"""Large documents over HTTP on the loopback port: one request in place of many chunks (PROTOCOL.md, "Large documents").

Host, peer user and Origin were checked before (loopback). Here the ticket is: it was told to one page over its own
connection, is good once, for one direction, for its origin, and soon. Whoever has none cannot tell that there is
anything: the answer is that of an address that does not exist.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import ClientConnectionResetError, web

from agent.api.uploads import Upload, Uploads
from agent.errors import PeroError

UPLOAD, DOWNLOAD = "/v1/upload", "/v1/download"
PIECE = 1 << 20  # bytes
IDLE_SECONDS = 60.0  # without a byte, after which an upload is broken off

_METHODS = {UPLOAD: "POST", DOWNLOAD: "GET"}
_log = logging.getLogger("pero.transport")


class HttpUploads:
    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    async def answer(self, request: web.BaseRequest, origin: str) -> web.StreamResponse | None:
        """None: nothing that a stranger may learn of. `origin` is canonical."""
        method = _METHODS.get(request.path)
        token = request.query.get("ticket", "")
        is_download = request.path == DOWNLOAD
        if method is None or not self._uploads.is_expected(token, origin, is_download=is_download):
            return None
        if request.method == "OPTIONS":
            return web.Response(status=204, headers={**_cors(request), "Access-Control-Allow-Methods": method})
        if request.method != method:
            return None
        upload = self._uploads.redeem(token, origin, is_download=is_download)
        if upload is None:
            return None
        return await (self._send(request, upload) if is_download else self._receive(request, upload))

    async def _receive(self, request: web.BaseRequest, upload: Upload) -> web.StreamResponse:
        """What breaks off, or is not as large as was said, is of no use to anybody: it is dropped."""
        try:
            if request.content_length != upload.spool.size or upload.spool.received:
                self._uploads.drop(upload)
                return _failed(request, 413, "document_too_large")
            await _spooled(request, upload)
        except (PeroError, ConnectionError, TimeoutError, asyncio.CancelledError) as error:
            self._uploads.drop(upload)
            if isinstance(error, PeroError):
                return _failed(request, 507, error.name)
            raise
        return web.json_response({"received": upload.spool.received}, headers=_cors(request))

    async def _send(self, request: web.BaseRequest, upload: Upload) -> web.StreamResponse:
        """A broken connection is how a receiver is told of content that is no longer what was signed."""
        response = web.StreamResponse(headers={**_cors(request), "Content-Type": "application/octet-stream"})
        response.content_length = whole = upload.whole
        await response.prepare(request)
        offset = 0
        try:
            while offset < whole:
                piece = await upload.take(offset, PIECE)
                await response.write(piece)  # waits until the page takes it
                offset += len(piece)
            await response.write_eof()
        except PeroError as error:
            _log.error("download_broken_off error=%s", error.name)
            raise ClientConnectionResetError(error.name) from error
        return response


async def _spooled(request: web.BaseRequest, upload: Upload) -> None:
    """The body into the spool. What is not read yet waits in the browser: no more than a piece is held here."""
    held = bytearray()
    offset = 0
    while not request.content.at_eof():
        async with asyncio.timeout(IDLE_SECONDS):
            held += await request.content.readany()
        if len(held) >= PIECE:
            offset = await upload.add(offset, held)
            held = bytearray()
    if held:
        offset = await upload.add(offset, held)
    if upload.spool.missing:
        raise ConnectionError("broken off")


def _cors(request: web.BaseRequest) -> dict[str, str]:
    """For the very origin that asks, which is the one of the ticket (fetch.spec.whatwg.org, section 3.2)."""
    return {
        "Access-Control-Allow-Origin": request.headers["Origin"],
        "Access-Control-Allow-Headers": "Content-Type",
        "Access-Control-Max-Age": "0",
        "Vary": "Origin",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }


def _failed(request: web.BaseRequest, status: int, name: str) -> web.Response:
    """The connection is closed: what of the body was not read is not worth reading."""
    response = web.json_response({"error": name}, status=status, headers={**_cors(request), "Connection": "close"})
    response.force_close()
    return response
