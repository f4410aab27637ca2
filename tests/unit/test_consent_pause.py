"""A pause that cannot be ended stays, and says why (R45)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.core import Core


@pytest.fixture
def core(tmp_path: Path) -> Core:
    return Core(tmp_path)


async def test_a_pause_whose_file_cannot_be_removed_goes_on(core: Core) -> None:
    core.services.locations.pause.mkdir()
    answer = await core.call(core.command(), "resume", {})
    assert answer["error"]["data"]["name"] == "file_unwritable"
    assert core.services.pause.active
