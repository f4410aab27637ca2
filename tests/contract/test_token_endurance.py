"""Ten thousand signatures in a row: the memory of agent and worker stays where it was."""

from __future__ import annotations

import gc
from pathlib import Path

import psutil
import pytest

from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.places import opened
from tests.harness.shim import found, sign
from tests.harness.softhsm import MODULE, PIN, make_softhsm

SIGNATURES = 10_000
SETTLED = 1_000  # signatures after which caches are full
GROWTH = 1 << 20  # bytes; a hundred for each signature would show


@pytest.mark.slow
async def test_ten_thousand_signatures_leave_the_memory_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = make_softhsm(tmp_path, "p256")
    monkeypatch.setenv("SOFTHSM2_CONF", str(token.conf))
    async with opened(TokenPool(lambda: [MODULE], tmp_path / "key-files")) as pool:
        entry = found(await pool.listing(), token)
        worker = pool.worker_processes()[MODULE]
        settled: dict[str, int] = {}
        for number in range(1, SIGNATURES + 1):
            async with asking(PIN) as asker:
                await sign(pool, entry, asker)
            if number == SETTLED:
                settled = memory(worker)
        grown = {name: size - settled[name] for name, size in memory(worker).items()}
        assert pool.worker_processes() == {MODULE: worker}
    assert {name: size for name, size in grown.items() if size > GROWTH} == {}


def memory(worker: int) -> dict[str, int]:
    """Bytes that are a process's own (USS), of the one that asks and of the one that signs."""
    gc.collect()
    return {"agent": psutil.Process().memory_full_info().uss, "worker": psutil.Process(worker).memory_full_info().uss}
