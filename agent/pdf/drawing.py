"""Pages of a PDF and pictures as a window may show them: drawn in a limited process, taken over as plain colours."""

from __future__ import annotations

import asyncio
import contextlib
import sys

import msgspec

from agent.pdf.drawn import MAX_PAGES, Drawing

MAX_OCTETS = 4 << 20  # compressed, of all drawings of a document: they travel in one message
MAX_DOCUMENT = 64 << 20  # bytes; a larger document is not drawn
SECONDS = 10  # of processor time
DEADLINE = 3.0  # seconds; a window does not wait longer for its pictures
MEMORY = 1 << 30  # bytes of address space
_BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")


def can_be_drawn(document: bytes) -> bool:
    """By how it begins; whatever type somebody claims."""
    start = document[:1024]
    is_webp = start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    return len(document) <= MAX_DOCUMENT and (b"%PDF-" in start or is_webp or start.startswith(_BEGINNINGS))


async def draw(document: bytes) -> tuple[Drawing, ...]:
    """The first pages; empty where nothing can be drawn. Never raises for what a document is."""
    if not can_be_drawn(document):
        return ()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "agent.pdf.draw_worker", str(SECONDS), str(MEMORY),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            limit=2 * MAX_OCTETS,
        )  # fmt: skip
    except OSError:
        return ()
    drawings: list[Drawing] = []
    try:
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(_hand_over(process, document), _take(process, drawings))
    except TimeoutError:
        pass  # what is drawn by then is shown
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return tuple(drawings)


async def _hand_over(process: asyncio.subprocess.Process, document: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - a pipe was asked for
    with contextlib.suppress(ConnectionError):
        process.stdin.write(document)
        await process.stdin.drain()
    process.stdin.close()


async def _take(process: asyncio.subprocess.Process, drawings: list[Drawing]) -> None:
    """The process is not trusted: what it says is bounded here."""
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    room = MAX_OCTETS
    with contextlib.suppress(ValueError, msgspec.MsgspecError):  # a line beyond the limit, or none of ours
        while (line := await process.stdout.readline()) and len(drawings) < MAX_PAGES:
            drawing = msgspec.json.decode(line, type=Drawing)
            room -= len(drawing.colours)
            if room < 0:
                return
            drawings.append(drawing)
