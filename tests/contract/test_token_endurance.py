"""Ten thousand signatures in a row: the memory of agent and worker stays where it was."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.places import ROOT, opened
from tests.harness.shim import sign
from tests.harness.softhsm import MODULE, PIN, make_softhsm

SIGNATURES = 10_000
SETTLED = 1_000  # signatures after which caches are full
GROWTH = 1 << 20  # bytes; a hundred for each signature would show


@pytest.mark.slow
def test_ten_thousand_signatures_leave_the_memory_flat(tmp_path: Path) -> None:
    """In a process of its own, which holds nothing of other tests."""
    token = make_softhsm(tmp_path, "p256")
    command = [sys.executable, "-m", "tests.contract.test_token_endurance", str(tmp_path / "key-files")]
    said = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **token.environment}, capture_output=True, check=True, timeout=600
    )
    grown = json.loads(said.stdout)
    assert set(grown) == {"agent", "worker"}
    assert {name: size for name, size in grown.items() if size > GROWTH} == {}


async def grown(key_files: Path) -> dict[str, int]:
    """Bytes that a process has more of its own (USS) after the last signature than after those that settle it."""
    async with opened(TokenPool(lambda: [MODULE], key_files)) as pool:
        entry = next(one for one in (await pool.listing()).certificates if one.has_key)
        worker = pool.worker_processes()[MODULE]
        settled: dict[str, int] = {}
        for number in range(1, SIGNATURES + 1):
            async with asking(PIN) as asker:
                await sign(pool, entry, asker)
            if number == SETTLED:
                settled = memory(worker)
        assert pool.worker_processes() == {MODULE: worker}
        return {name: size - settled[name] for name, size in memory(worker).items()}


def memory(worker: int) -> dict[str, int]:
    gc.collect()
    return {"agent": psutil.Process().memory_full_info().uss, "worker": psutil.Process(worker).memory_full_info().uss}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(grown(Path(sys.argv[1])))))
