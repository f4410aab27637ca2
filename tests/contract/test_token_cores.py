"""A crash with a PIN in memory leaves no core file with it, whatever the person's limits say (R11, R14)."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from agent.algorithms import algorithm_for, digest_named
from agent.errors import WorkerDied
from agent.model import KEY_FILES
from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.cores import cores, may_leave_one
from tests.harness.keyfiles import make_key_file
from tests.harness.shim import DIGEST, Shim, entry_in, sign
from tests.harness.softhsm import PIN


async def test_a_module_that_crashes_with_the_pin_in_memory_leaves_no_core(
    shim: Shim, shim_pool: TokenPool, tmp_path: Path
) -> None:
    with cores(tmp_path / "cores") as folder:
        entry = await entry_in(shim_pool, shim.token)
        assert not may_leave_one(shim_pool.worker_processes()[shim.path])
        shim.does("C_Sign crash")
        async with asking(PIN) as asker:
            with pytest.raises(WorkerDied) as raised:
                await sign(shim_pool, entry, asker)
        assert raised.value.facts["signal"] == "SIGSEGV"
        assert list(folder.iterdir()) == []


async def test_the_worker_of_key_files_leaves_no_core(tmp_path: Path) -> None:
    file, pool = make_key_file(tmp_path, "p256"), TokenPool(list, tmp_path / "kept")
    try:
        with cores(tmp_path / "cores") as folder:
            async with asking(file.passphrase) as asker:
                await pool.add_key_file(file.path.read_bytes(), "signer.p12", asker.source)
            (entry,) = (await pool.listing()).certificates
            worker = pool.worker_processes()[KEY_FILES]
            assert not may_leave_one(worker)
            algorithm = algorithm_for("ec", digest_named("sha256"))
            async with asking() as asker:
                signing = asyncio.create_task(pool.sign(entry, algorithm, DIGEST, asker.source))
                await asker.asked.wait()
                os.kill(worker, signal.SIGSEGV)
                with pytest.raises(WorkerDied):
                    await signing
            assert list(folder.iterdir()) == []
    finally:
        await pool.close()
