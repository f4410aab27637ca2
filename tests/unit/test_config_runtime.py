"""Where the local socket lies: everything that this user starts has to come to the same place."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from agent import config


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runtime folder that a login manager made for this user."""
    monkeypatch.setattr(config, "_SESSIONS", tmp_path)
    folder = tmp_path / str(os.getuid())
    folder.mkdir(mode=0o700)
    return folder


def runtime(**environment: str) -> Path:
    return config.locations({"PERO_HOME": "/state", **environment}).runtime


def test_what_su_or_cron_starts_meets_the_agent_of_the_session(session: Path) -> None:
    assert runtime(XDG_RUNTIME_DIR=str(session)) == runtime() == session / "pero"


def test_a_folder_of_somebody_else_is_not_taken_for_the_sessions(session: Path) -> None:
    ours = Path(tempfile.gettempdir()) / f"pero-{os.getuid()}"
    elsewhere = session.with_name("elsewhere")
    session.rename(elsewhere)
    assert runtime() == ours
    session.symlink_to(elsewhere)
    assert runtime() == ours
