"""What holds for tests that have windows in their own process."""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """As in Pero's windows (`windows/rubbish.py`): what is left of widgets goes in this thread, and with their test."""
    if not hasattr(getattr(item, "module", None), "QApplication"):
        return (yield)
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.enable()
