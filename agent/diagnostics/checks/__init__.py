"""CHECKS, in the order in which they are reported: one file is one check."""

from agent.diagnostics.base import Check
from agent.diagnostics.checks import (
    agent_port,
    agent_running,
    browsers_manifests,
    certificates_usable,
    modules_loadable,
    time_clock,
    tokens_pin,
    tokens_seen,
)

CHECKS: tuple[Check, ...] = (
    modules_loadable.CHECK,
    tokens_seen.CHECK,
    tokens_pin.CHECK,
    certificates_usable.CHECK,
    time_clock.CHECK,
    browsers_manifests.CHECK,
    agent_running.CHECK,
    agent_port.CHECK,
)
