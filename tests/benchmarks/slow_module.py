"""What the others show while one of three modules hangs in every list."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from agent.model import Listing
from agent.tokens.pool import TokenPool
from tests.benchmarks.figures import Figure
from tests.harness.gost_token import make_gost_token
from tests.harness.places import built_fault_module
from tests.harness.softhsm import MODULE, make_softhsm

COUNT = 30
GOAL = 200.0  # milliseconds


def figures(folder: Path) -> list[Figure]:
    for name in ("gost", "softhsm"):
        (folder / name).mkdir()
    gost, softhsm = make_gost_token(folder / "gost", "p256"), make_softhsm(folder / "softhsm", "p256")
    faults = folder / "faults"
    shim = {"PERO_FAULT_MODULE": MODULE, "PERO_FAULT_FILE": str(faults)}
    os.environ.update(gost.environment | softhsm.environment | shim)
    well, hung = asyncio.run(_measure([built_fault_module(), MODULE, gost.module], folder, faults))
    alone = Figure("list of three modules that are well", well)
    return [alone, Figure("the others while one of the three hangs", hung, reference=alone, goal=GOAL)]


async def _measure(modules: list[str], folder: Path, faults: Path) -> tuple[list[float], list[float]]:
    pool = TokenPool(lambda: modules, folder / "key-files", deadline=600)
    try:
        await pool.listing()
        well = [await _once(pool.listing) for _ in range(COUNT)]
        faults.write_text("C_GetTokenInfo hang\n")
        return well, [await _once(pool.listing_soon) for _ in range(COUNT)]
    finally:
        await pool.close()


async def _once(ask: Callable[[], Awaitable[Listing]]) -> float:
    begin = time.perf_counter()
    listing = await ask()
    spent = (time.perf_counter() - begin) * 1e3
    assert listing.certificates
    return spent
