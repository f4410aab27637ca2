"""What holds for every test."""

from __future__ import annotations

import signal

import pytest

from tests.harness import network

# A shell starts its background jobs with SIGINT ignored, and whatever they start inherits that. Tests send SIGINT to
# programs of ours, which must then mean what it means to a person at a terminal.
signal.signal(signal.SIGINT, signal.default_int_handler)

network.alone()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--module", default=None, help="run tests/contract/test_named_module.py over this PKCS#11 module")
    parser.addoption("--pin-fd", type=int, default=None, help="descriptor whose first line is the PIN of its tokens")
