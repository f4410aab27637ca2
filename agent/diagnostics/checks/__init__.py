"""CHECKS, in the order in which they are reported: one file is one check."""

from agent.diagnostics.base import Check
from agent.diagnostics.checks import (
    agent_port,
    agent_running,
    browsers_manifests,
    certificates_usable,
    hardware_reader,
    hardware_usb,
    modules_copies,
    modules_device,
    modules_loadable,
    modules_speed,
    pcsc_readers,
    pcsc_service,
    providers_present,
    remote_session,
    time_clock,
    tokens_container,
    tokens_pin,
    tokens_seen,
)

CHECKS: tuple[Check, ...] = (
    pcsc_service.CHECK,
    pcsc_readers.CHECK,
    hardware_usb.CHECK,
    hardware_reader.CHECK,
    modules_loadable.CHECK,
    modules_device.CHECK,
    modules_copies.CHECK,
    tokens_seen.CHECK,
    tokens_pin.CHECK,
    tokens_container.CHECK,
    modules_speed.CHECK,
    certificates_usable.CHECK,
    time_clock.CHECK,
    browsers_manifests.CHECK,
    remote_session.CHECK,
    providers_present.CHECK,
    agent_running.CHECK,
    agent_port.CHECK,
)
