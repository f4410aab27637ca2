"""CHECKS, in the order in which they are run and reported: one file is one check."""

from agent.diagnostics.base import Check
from agent.diagnostics.checks import (
    agent,
    certificates,
    clock,
    loopback_port,
    manifests,
    modules,
    tokens,
)

CHECKS: tuple[Check, ...] = (
    agent.CHECK,
    loopback_port.CHECK,
    manifests.CHECK,
    modules.CHECK,
    tokens.CHECK,
    certificates.CHECK,
    clock.CHECK,
)
