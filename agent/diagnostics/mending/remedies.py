"""REMEDIES, in the order in which they are offered: what stands below comes before what stands on it."""

from __future__ import annotations

from agent.diagnostics.mending import issuer, own, service
from agent.diagnostics.mending.base import Remedy


def _cases(identifier: str, *cases: str) -> frozenset[tuple[str, str]]:
    return frozenset((identifier, case) for case in cases)


REMEDIES: tuple[Remedy, ...] = (
    Remedy("service_enabled", _cases("pcsc.service", "not_running"), service.enable),
    Remedy("service_restarted", _cases("pcsc.service", "stopped", "died", "faulty"), service.restart),
    Remedy(
        "session_admitted",
        _cases("pcsc.service", "refused", "refused_remote") | _cases("policy.pcsc", "card_refused"),
        service.session_rule,
    ),
    Remedy("device_admitted", _cases("hardware.reader", "forbidden"), service.device_rule),
    Remedy("clock_kept", _cases("time.service", "none"), service.keep_time),
    Remedy("files_closed", _cases("agent.files", "writable", "readable"), own.permissions),
    Remedy(
        "manifests_written",
        _cases("browsers.manifests", "absent", "damaged", "launcher_absent", "other_extension", "launcher_outdated"),
        own.manifest,
    ),
    Remedy("issuer_fetched", _cases("certificates.chain", "issuer_fetchable"), issuer.fetch),
    Remedy("agent_started", _cases("agent.running", "not_running"), own.start),
    Remedy("agent_restarted", _cases("agent.running", "other_version") | _cases("agent.port", "closed"), own.restart),
    Remedy("port_taken", _cases("agent.port", "none"), own.port),
)

MENDABLE: frozenset[tuple[str, str]] = frozenset().union(*(remedy.cures for remedy in REMEDIES))
