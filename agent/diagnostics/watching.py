"""Looking again and again: what `pero watch` shows while a token is plugged in or a service is mended.

Devices and the smart-card service are looked at in every round. Modules are asked in every round where an agent runs;
where none runs they are asked when something came or went, and for a few rounds after that: asking them alone takes the
state folder for a moment, in which no agent can start.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from agent.diagnostics import base
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.checks import CHECKS
from agent.diagnostics.probe import Probe

PERIOD = 1.0  # seconds from the begin of a round to the begin of the next
DEADLINE = 10.0  # seconds for each check
SETTLE = 4  # rounds after a change in which modules are asked: some take their time to see a card
OUTSIDE = ("hardware.usb", "pcsc.service", "pcsc.readers", "hardware.reader")
INSIDE = ("modules.loadable", "tokens.seen", "tokens.pin", "certificates.usable")
STEPS = (*OUTSIDE, *INSIDE)  # from the plug to the certificate, as they are shown

Open = Callable[[], AbstractAsyncContextManager[Probe]]


async def rounds(
    machine: Open, checks: Sequence[Check] = CHECKS, period: float = PERIOD
) -> AsyncGenerator[list[Finding], None]:
    """The findings of each round, in the order of STEPS. Never ends by itself."""
    held: list[Finding] = []
    seen: list[Finding] | None = None
    left = 0
    while True:
        begun = time.monotonic()
        async with machine() as probe:
            outside = await base.run(checks, probe, DEADLINE, only=OUTSIDE)
            left = SETTLE if outside != seen else max(0, left - 1)
            seen = outside
            if left or await probe.agent_answers():
                held = await base.run(checks, probe, DEADLINE, only=INSIDE)
        yield in_order([*outside, *held])
        await asyncio.sleep(max(0.0, period - (time.monotonic() - begun)))


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: STEPS.index(finding.id))


def ready(findings: Sequence[Finding]) -> bool:
    """Whether the way to a certificate stands: there is one, and nothing on the way is an error."""
    there = any(finding.id == "certificates.usable" and "thumbprint" in finding.facts for finding in findings)
    return there and not any(finding.status == "error" for finding in findings)
