"""What holds for every test."""

from __future__ import annotations

import os
import signal

import pytest

from tests.harness import network, virtual_reader

# A shell starts its background jobs with SIGINT ignored, and whatever they start inherits that. Tests send SIGINT to
# programs of ours, which must then mean what it means to a person at a terminal.
signal.signal(signal.SIGINT, signal.default_int_handler)

network.alone()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--module", default=None, help="run tests/contract/test_named_module.py over this PKCS#11 module")
    parser.addoption("--pin-fd", type=int, default=None, help="descriptor whose first line is the PIN of its tokens")


def pytest_configure(config: pytest.Config) -> None:
    """No test asks the smart-card service of this machine, but those over its own hardware. libpcsclite reads the name
    once in a process, so the first test that looks for readers decides for all that follow."""
    if config.getoption("module") is None:
        os.environ["PCSCLITE_CSOCK_NAME"] = str(virtual_reader.own_folder() / "run" / "pcscd.comm")
