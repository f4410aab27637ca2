"""Judges one signature in a process of its own: ``python -m agent.desktop.verify_process FILE CONTENT [TRUST ...]``.

A window starts it and reads one line of JSON (`Judged`) from its standard output. A document of a stranger that makes
it crash or hang costs this process alone, and whoever waits no longer kills it. CONTENT may be empty: the document of a
detached signature is looked for beside it. TRUST are files of certificates; the authorities that the person trusts on
this computer count besides.
"""

from __future__ import annotations

import datetime
import os
import sys
from pathlib import Path

import msgspec

from agent.api.files import open_file
from agent.config import locations
from agent.errors import DocumentTooLarge, Fact, Internal, PeroError
from agent.ipc.hardening import die_with_parent, harden, limit_memory
from agent.trust.anchors import read_anchors
from agent.trust.authorities import Authorities
from agent.verification.beside import document_of, signature_of
from agent.verification.documents import is_pdf, verify_any
from agent.verification.report import Report

MAX_FILE = 256 << 20  # bytes of a signature, which is read whole
_MEMORY = 3 << 30  # bytes of this process


class Judged(msgspec.Struct, frozen=True):
    """What was looked at, and the report; or the error that came instead."""

    signature: str
    content: str = ""  # the document that was compared with a detached signature
    report: Report | None = None
    error: str = ""
    facts: dict[str, Fact] = {}


def judge(
    given: Path, content: Path | None, trust: list[Path], now: datetime.datetime, trusted: tuple[bytes, ...] = ()
) -> Judged:
    """A document whose signature lies beside it is judged by that signature. `trusted`: DER of more authorities."""
    try:
        anchors = [*trusted, *(anchor for path in trust for anchor in read_anchors(_read(path)))]
        return _judge(given, content, anchors or None, now)
    except PeroError as error:
        return Judged(str(given), error=error.name, facts=dict(error.facts))
    except MemoryError:
        return Judged(str(given), error=DocumentTooLarge.name, facts={"limit": MAX_FILE})


def _judge(given: Path, content: Path | None, anchors: list[bytes] | None, now: datetime.datetime) -> Judged:
    octets = _read(given)
    report = verify_any(octets, None if is_pdf(octets) else content, anchors, now)
    if content is None and "content_missing" in report.reasons and (found := document_of(given)) is not None:
        return Judged(str(given), str(found), verify_any(octets, found, anchors, now))
    if not report.signers and content is None and (beside := signature_of(given)) is not None:
        about = verify_any(_read(beside), given, anchors, now)
        if about.signers:
            return Judged(str(beside), str(given), about)
    return Judged(str(given), str(content or ""), report)


def _read(path: Path) -> bytes:
    """Raises FileUnreadable, DocumentTooLarge."""
    with open_file(path) as file:
        octets = file.read(MAX_FILE + 1)
    if len(octets) > MAX_FILE:
        raise DocumentTooLarge(limit=MAX_FILE)
    return octets


def decode(line: bytes) -> Judged:
    """What the process said; a process that said nothing was ended by the system, or broke."""
    try:
        return msgspec.json.decode(line, type=Judged)
    except msgspec.MsgspecError:
        return Judged("", error=Internal.name)


def main(arguments: list[str]) -> int:
    harden(secret=False)
    die_with_parent()
    limit_memory(_MEMORY)
    signature, content, *trust = arguments
    trusted = tuple(one.der for one in Authorities(locations(os.environ).authorities).all())
    judged = judge(
        Path(signature),
        Path(content) if content else None,
        list(map(Path, trust)),
        datetime.datetime.now(datetime.UTC),
        trusted,
    )
    sys.stdout.buffer.write(msgspec.json.encode(judged) + b"\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
