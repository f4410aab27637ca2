"""A journal of a million entries, searched: by rare and common words, filters and periods; and what its index costs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from agent.errors import Fact
from agent.journal import Journal
from agent.records.index import Index
from agent.records.query import Query
from tests.benchmarks.figures import Figure

ENTRIES = 1_000_000
GOAL = 100.0  # milliseconds
COUNT = 15
_AT_ONCE = 20_000
_BEGIN = datetime(2020, 1, 1, tzinfo=UTC)

_SOUGHT = {
    "one document": Query(words="поставки 0499998"),
    "a common word": Query(words="договор"),
    "beginnings of two common words": Query(words="дого акт"),
    "words that never meet": Query(words="site7 site8"),
    "a long word of nine entries in ten": Query(words="подписано"),
    "a long word that nobody wrote": Query(words="поставкиxyz"),
    "one site and a word": Query(words="акт", site="https://site7.example"),
    "one kind, long ago": Query(
        kind="batch_result", since="2020-03-01T00:00:00.000Z", until="2020-03-02T00:00:00.000Z"
    ),
    "a thumbprint": Query(words="000000000007a120" * 4),
    "the beginning of a thumbprint": Query(words="000000000007a"),
}


def figures(folder: Path) -> list[Figure]:
    folder.mkdir(exist_ok=True)
    seconds = iter(range(1 << 60))
    journal = Journal(folder / "journal.sqlite", lambda: _BEGIN + timedelta(minutes=20 * next(seconds)))
    rows = _rows()
    begin = time.perf_counter()
    while batch := list(islice(rows, _AT_ONCE)):
        journal.note_all("batch_result", batch)
    written = time.perf_counter() - begin
    index = Index(folder / "index.sqlite", journal)
    begin = time.perf_counter()
    index.update(3600)
    indexed = time.perf_counter() - begin
    found = [Figure(f"search: {name}", _times(index, query), goal=GOAL) for name, query in _SOUGHT.items()]
    begin = time.perf_counter()
    whole = journal.verify()
    checked = time.perf_counter() - begin
    assert whole.count > ENTRIES
    assert whole.broken_at is None
    index.close()
    journal.close()
    size = (folder / "index.sqlite").stat().st_size / 1e6
    beside = Figure("journal", [(folder / "journal.sqlite").stat().st_size / 1e6], unit="MB")
    return [
        *found,
        Figure("index made anew", [indexed], unit="s", reference=Figure("entries written", [written], unit="s")),
        Figure("index", [size], unit="MB", reference=beside),
        Figure("chain checked", [checked], unit="s"),
    ]


def _times(index: Index, query: Query) -> list[float]:
    samples = []
    for _ in range(COUNT):
        begin = time.perf_counter()
        index.search(query)
        samples.append((time.perf_counter() - begin) * 1e3)
    return samples


def _rows() -> Iterator[dict[str, Fact]]:
    for number in range(ENTRIES):
        name = "Договор поставки" if number % 2 else "Акт сверки"
        yield {
            "origin": f"https://site{number % 40}.example",
            "document": f"{name} № {number // 2:07}.pdf",
            "certificate": f"{number:016x}" * 4,
            "outcome": "signed" if number % 10 else "refused",
        }
