"""What holds for every test."""

from __future__ import annotations

import signal

from tests.harness import network

# A shell starts its background jobs with SIGINT ignored, and whatever they start inherits that. Tests send SIGINT to
# programs of ours, which must then mean what it means to a person at a terminal.
signal.signal(signal.SIGINT, signal.default_int_handler)

network.alone()
