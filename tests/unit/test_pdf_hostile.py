"""Documents that are damaged, locked up or made to do harm: a typed error, within time and memory, and the next one
is signed as if nothing had been."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.errors import (
    BadParameters,
    DocumentDamaged,
    DocumentEncrypted,
    DocumentTooComplex,
    FieldUnusable,
    FormUnsupported,
    PeroError,
)
from agent.pdf import worker as worker_process
from agent.pdf.preparation import PdfOptions, Visible, look
from agent.pdf.process import MEMORY, Worker, once
from tests.harness import pdf
from tests.harness.pdf import field, objects, stream, written

MARK = PdfOptions(visible=Visible(10, 10, 200, 60))
BOMB = 1 << 29  # octets when unpacked


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as worker:
        yield worker


@pytest.fixture(scope="module")
def packed() -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 24)) for _ in range(BOMB >> 24)) + packer.flush()


def error_of(document: bytes, perform: Worker) -> PeroError:
    with pytest.raises(PeroError) as caught:
        look(document, MARK, perform=perform)
    return caught.value


def peak_memory(worker: Worker) -> int:
    """Bytes that the process had at most."""
    process = worker._process
    assert process is not None
    (line,) = [
        line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("VmHWM:")
    ]
    return int(line.split()[1]) * 1024


def with_xref_stream(entries: bytes, more: bytes = b"", first: bytes = b"") -> bytes:
    """Object 5 is the cross-reference stream; `first` is written before it, from offset 9."""
    file = b"%PDF-1.7\n" + first
    return file + b"5 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (
        stream(entries, b"/Type/XRef/W[1 4 2]/Root 1 0 R" + more), len(file),
    )  # fmt: skip


def row(kind: int, place: int, index: int) -> bytes:
    return bytes([kind]) + place.to_bytes(4, "big") + index.to_bytes(2, "big")


def chain(length: int) -> bytes:
    """Very many sections, each naming the one before."""
    file = io.BytesIO(pdf.plain())
    before = int(file.getvalue().rsplit(b"startxref\n", 1)[1].split()[0])
    file.seek(0, os.SEEK_END)
    for _ in range(length):
        place = file.tell()
        file.write(b"xref\n0 0\ntrailer\n<</Size 6/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (before, place))
        before = place
    return file.getvalue()


def deep_pages(levels: int) -> bytes:
    bodies = objects()
    bodies[2] = b"<</Type/Pages/Kids[10 0 R]/Count 1>>"
    for level in range(levels):
        below = 11 + level if level < levels - 1 else 3
        bodies[10 + level] = b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % below
    return written(bodies)


def doubling_fields(levels: int) -> bytes:
    """A form whose fields are found on 2 to the `levels` ways."""
    fields = {6 + level: b"<</T(a)/Kids[%d 0 R %d 0 R]>>" % (7 + level, 7 + level) for level in range(levels)}
    return written({**objects(b"/AcroForm<</Fields[6 0 R]>>"), **fields, 6 + levels: b"<</FT/Sig/T(x)>>"})


PLAIN = pdf.plain()
TABLE = int(PLAIN.rsplit(b"startxref\n", 1)[1].split()[0])
DAMAGED: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "no PDF": lambda: b"PK\x03\x04" + bytes(2000),
    "header alone": lambda: b"%PDF-1.7\n",
    "cut": lambda: PLAIN[:-200],
    "noise": lambda: b"%PDF-1.7\n" + bytes(range(256)) * 400,
    "table names itself": lambda: written(objects(), b"/Prev %d" % TABLE),
    "table elsewhere": lambda: PLAIN.replace(b"startxref\n%d" % TABLE, b"startxref\n%d" % (1 << 40)),
    "table of two thousand millions": lambda: PLAIN.replace(b"xref\n0 6", b"xref\n0 2000000000"),
    "objects without end": lambda: PLAIN.replace(b"/Size 6", b"/Size 99999999999"),
    "size below nought": lambda: PLAIN.replace(b"/Size 6", b"/Size -6"),
    "no catalogue": lambda: PLAIN.replace(b"/Root 1 0 R", b"/Root 9 0 R"),
    "catalogue is itself": lambda: written({**objects(), 1: b"1 0 R"}),
    "catalogue is a number": lambda: written({**objects(), 1: b"42"}),
    "pages name themselves": lambda: written({**objects(), 2: b"<</Type/Pages/Kids[2 0 R]/Count 1>>"}),
    "pages without end": lambda: written({**objects(), 2: b"<</Type/Pages/Kids[3 0 R]/Count 999999999999>>"}).replace(
        b"/Type/Page/", b"/Type/None/"
    ),
    "pages very deep": lambda: deep_pages(3000),
    "fields name themselves": lambda: written({**objects(b"/AcroForm<</Fields[6 0 R]>>"), 6: b"<</T(a)/Kids[6 0 R]>>"}),
    "arrays very deep": lambda: written({**objects(b"/X " + b"[" * 100_000 + b"]" * 100_000)}),
    "dictionaries very deep": lambda: written({**objects(b"/X " + b"<</A" * 100_000 + b">>" * 100_000)}),
    "number of a million digits": lambda: PLAIN.replace(b"/Count 1", b"/Count " + b"9" * 1_000_000),
    "identifier is no array": lambda: written(objects(), b"/ID 5"),
    "widths without end": lambda: with_xref_stream(bytes(100), b"/Size 6/W[1 999999999999 2]"),
    "stream that is its own length": lambda: with_xref_stream(b"", b"/Size 6/Length 5 0 R"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_document_is_refused_at_once(worker: Worker, kind: str) -> None:
    document, began = DAMAGED[kind](), time.monotonic()
    error = error_of(document, worker)
    assert isinstance(error, DocumentDamaged)
    assert error.facts["format"] == "pdf"
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("kind", ["objects", "table"])
def test_what_unpacks_to_half_a_gigabyte_is_refused_and_memory_stays_bounded(packed: bytes, kind: str) -> None:
    if kind == "objects":
        body = b"4 0 obj\n%s\nendobj\n" % stream(packed, b"/Type/ObjStm/N 2/First 10/Filter/FlateDecode")
        rows = row(0, 0, 65535) + row(2, 4, 0) + row(2, 4, 1) + row(0, 0, 0) + row(1, 9, 0) + row(1, 9 + len(body), 0)
        document = with_xref_stream(rows, b"/Size 6", body)
    else:
        document = with_xref_stream(packed, b"/Size 200000000/Filter/FlateDecode")
    with Worker() as worker:
        assert isinstance(error_of(document, worker), DocumentDamaged)
        assert peak_memory(worker) < MEMORY
        look(PLAIN, MARK, perform=worker)


def test_what_takes_for_ever_is_ended_and_the_next_document_is_signed() -> None:
    began = time.monotonic()
    with Worker(seconds=3) as worker:
        error = error_of(doubling_fields(60), worker)
        assert isinstance(error, DocumentTooComplex)
        assert error.facts["seconds"] == 3
        assert time.monotonic() - began < 60
        look(PLAIN, MARK, perform=worker)


def test_what_takes_too_much_memory_is_ended_and_the_next_document_is_signed() -> None:
    large = written({**objects(), **dict.fromkeys(range(6, 4000), b"[" + b"0 " * 2000 + b"]")})
    with Worker(memory=160 << 20) as worker:
        assert isinstance(error_of(large + b"\n" * (96 << 20), worker), DocumentTooComplex)
        look(PLAIN, MARK, perform=worker)


def test_ways_of_writing_that_only_look_hostile_are_signed(worker: Worker) -> None:
    many = written({**objects(), **{number: b"<</A %d>>" % number for number in range(6, 30_000)}})
    kids = written({**objects(), 2: b"<</Type/Pages/Kids[%s]/Count 20000>>" % (b"3 0 R " * 20_000)})
    for document in (chain(500), many, kids):
        began = time.monotonic()
        look(document, MARK, perform=worker)
        assert time.monotonic() - began < 30


def test_a_page_that_is_its_own_parent_has_the_usual_size(worker: Worker) -> None:
    look(written({**objects(), 3: b"<</Type/Page/Parent 3 0 R/Contents 4 0 R>>"}), MARK, perform=worker)


@pytest.mark.parametrize(
    "protection",
    [
        ["--encrypt", "", "owner", "256", "--"],  # everybody may open it
        ["--encrypt", "user", "owner", "256", "--"],
        ["--allow-weak-crypto", "--encrypt", "", "owner", "128", "--use-aes=n", "--"],
        ["--encrypt", "", "owner", "256", "--", "--object-streams=generate"],
    ],
    ids=["open", "locked", "old", "streams"],
)
def test_an_encrypted_document_is_refused_and_no_password_is_tried(
    worker: Worker, tmp_path: Path, protection: list[str]
) -> None:
    assert isinstance(error_of(pdf.qpdf(PLAIN, tmp_path, *protection), worker), DocumentEncrypted)


def test_one_octet_changed_anywhere_gives_a_signature_or_a_typed_error(worker: Worker) -> None:
    document = pdf.with_form({6: field(b"Approval", b"10 10 90 90")})
    for place in range(0, len(document), 7):
        changed = document[:place] + bytes([document[place] ^ 0x55]) + document[place + 1 :]
        with contextlib.suppress(DocumentDamaged, DocumentEncrypted, BadParameters, FieldUnusable, FormUnsupported):
            look(changed, MARK, perform=worker)


# The process itself


def test_a_worker_that_was_killed_or_went_idle_is_started_again() -> None:
    with Worker() as worker:
        look(PLAIN, PdfOptions(), perform=worker)
        first = worker._process
        assert first is not None
        look(PLAIN, PdfOptions(), perform=worker)
        assert worker._process is first
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        look(PLAIN, PdfOptions(), perform=worker)
        assert worker._process is not first


def test_a_document_signed_alone_leaves_no_process_behind() -> None:
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = set(children.read_text().split())
    look(PLAIN, PdfOptions(), perform=once)
    assert set(children.read_text().split()) <= before


def test_the_process_ends_with_its_input_and_after_idle_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with Worker() as worker:
        look(PLAIN, PdfOptions(), perform=worker)
        process = worker._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=30) == 0
    reading, writing = os.pipe()
    kept = os.dup(0)
    try:
        os.dup2(reading, 0)
        monkeypatch.setattr(worker_process, "IDLE", 0.01)
        assert not worker_process._has_task()
        os.write(writing, b"1")
        assert worker_process._has_task()
    finally:
        os.dup2(kept, 0)
        for one in (reading, writing, kept):
            os.close(one)


def test_the_agent_itself_does_not_load_the_library() -> None:
    """pyHanko and fontTools take 40 MB; they are the worker's alone."""
    import subprocess
    import sys

    program = "import sys, agent.app, agent.pdf.preparation, agent.verification.own_pdf; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert not {"pyhanko.pdf_utils", "pyhanko.pdf_utils.reader", "fontTools"} & set(done.stdout.split())
