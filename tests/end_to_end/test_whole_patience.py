"""A person who takes their time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.harness.browsers import FAMILIES
from tests.harness.whole import Desk


@pytest.mark.slow
def test_a_window_left_open_for_90_seconds_still_signs_in_both_browsers(tmp_path: Path) -> None:
    """Browsers end idle backgrounds of extensions after 30 seconds; the open native port must keep ours."""
    desks = [Desk(tmp_path / family, family) for family in FAMILIES]
    try:
        pages = []
        for desk in desks:
            desk.__enter__()
            desk.add_key_file("p256")
            desk.start_agent()
            desk.open_browser()
            page = desk.page()
            desk.allow(page)
            desk.ask_signature(page, "patience")
            desk.display.wait_for_accessible(None, role="password text", state="focused")
            pages.append(page)
        time.sleep(90)
        for desk, page in zip(desks, pages, strict=True):
            desk.display.sign(desk.pin)
            desk.openssl_accepts(desk.answer(page), "patience")
    finally:
        for desk in desks:
            desk.__exit__()
