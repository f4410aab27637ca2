"""The journal under processes that are killed, that run side by side, and that have no room left."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from agent.journal import Journal

_BEGIN = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from agent.journal import Journal
journal = Journal(Path(sys.argv[1]), lambda: datetime.now(UTC))
"""
WRITER = (
    _BEGIN
    + """
while True:
    entry = journal.begin("sign", {"document": "x" * 2000})
    print(entry, flush=True)
    print(journal.finish(entry, "signed", {}), flush=True)
"""
)
HUNDRED = (
    _BEGIN
    + """
for _ in range(100):
    journal.note("connect", {"origin": sys.argv[2]})
"""
)
NO_ROOM = (
    _BEGIN
    + """
import resource
from agent.errors import JournalUnwritable
written = journal.begin("sign", {})
resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, resource.RLIM_INFINITY))
try:
    for _ in range(1000):
        written = journal.begin("sign", {"document": "x" * 2000})
except JournalUnwritable as error:
    print(written, error.facts["reason"])
"""
)


def opened(path: Path) -> Journal:
    return Journal(path, lambda: datetime.now(UTC))


def start(program: str, *arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], stdout=subprocess.PIPE, text=True, bufsize=1
    )


def test_a_journal_is_whole_after_its_writer_was_killed_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    for _ in range(6):
        writer = start(WRITER, path)
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline())]
        time.sleep(random.uniform(0, 0.2))
        writer.kill()
        acknowledged += [int(line) for line in writer.stdout if line.endswith("\n")]
        writer.wait(30)
        writer.stdout.close()
        journal = opened(path)
        found = journal.verify()
        assert found.broken_at is None
        assert found.count >= acknowledged[-1], "an entry that was reported as written is there"
        journal.note("connect", {})
        journal.close()


def test_two_processes_write_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    writers = [start(HUNDRED, path, name) for name in ("https://a.example", "https://b.example")]
    for writer in writers:
        assert writer.wait(120) == 0
        assert writer.stdout is not None
        writer.stdout.close()
    journal = opened(path)
    assert journal.verify().broken_at is None
    origins = [entry.facts.get("origin") for entry in journal.entries(1000)]
    assert (origins.count("https://a.example"), origins.count("https://b.example"), len(origins)) == (100, 100, 201)
    journal.close()


def test_without_room_nothing_is_written_and_what_was_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    writer = start(NO_ROOM, path)
    output, _ = writer.communicate(timeout=120)
    assert writer.returncode == 0
    written, reason = output.strip().split(" ", 1)
    assert reason
    journal = opened(path)
    found = journal.verify()
    assert (found.count, found.broken_at) == (int(written), None)
    journal.close()
