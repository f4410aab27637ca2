"""The module that misbehaves, and a pool that sees it alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.tokens.pool import TokenPool
from tests.harness.shim import Shim
from tests.harness.softhsm import MODULE, SoftHsm, make_softhsm


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> SoftHsm:
    return make_softhsm(tmp_path_factory.mktemp("token"), "p256")


@pytest.fixture
def shim(token: SoftHsm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shim:
    monkeypatch.setenv("SOFTHSM2_CONF", str(token.conf))
    monkeypatch.setenv("PERO_FAULT_MODULE", MODULE)
    monkeypatch.setenv("PERO_FAULT_FILE", str(tmp_path / "faults"))
    monkeypatch.setenv("PERO_FAULT_LOG", str(tmp_path / "log"))
    return Shim(tmp_path, token)


@pytest.fixture
async def shim_pool(shim: Shim, tmp_path: Path) -> AsyncIterator[TokenPool]:
    pool = TokenPool(lambda: [shim.path], tmp_path / "key-files", deadline=3.0)
    yield pool
    await pool.close()
