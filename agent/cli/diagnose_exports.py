"""What `pero diagnose` hands to administrators' tools: a file for Prometheus, OTLP to a collector, the system's log."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from agent import config
from agent.cli.context import Context
from agent.cli.diagnose_options import Further

if TYPE_CHECKING:
    from agent.diagnostics.base import Finding
    from agent.diagnostics.fleet.figures import Run

_HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"  # of OpenTelemetry: name=value, ... ; for a collector that wants a key


async def export(context: Context, findings: Sequence[Finding], further: Further, seconds: float) -> None:
    """`seconds`: how long the run took. Raises FileUnwritable, ExportFailed, SettingsDamaged."""
    from agent.diagnostics.fleet import prometheus, system_log
    from agent.diagnostics.fleet.figures import figures

    run = _run(context, findings, seconds)
    if further.prometheus is not None:
        prometheus.write(Path(further.prometheus), prometheus.as_text(figures(run)))
    if further.log:
        system_log.write(system_log.entries(run, context.language))
    if further.otlp is not None:
        await _send(context, run, further.otlp)


def _run(context: Context, findings: Sequence[Finding], seconds: float) -> Run:
    from agent.diagnostics.fleet.figures import Run
    from agent.diagnostics.probes.system import LinuxSystem
    from agent.policy import load_policy

    return Run(
        findings=findings,
        version=config.VERSION,
        system=LinuxSystem(context.environment).name(),
        user=os.getuid() if hasattr(os, "getuid") else 0,
        began=datetime.now(UTC) - timedelta(seconds=seconds),
        seconds=seconds,
        exported=load_policy().exported,
    )


async def _send(context: Context, run: Run, endpoint: str) -> None:
    from agent.diagnostics.fleet import otlp
    from agent.diagnostics.fleet.figures import figures
    from agent.policy import load_policy
    from agent.timestamp.web import Web

    proxy = load_policy().over(config.load_settings(context.locations.settings)).proxy
    async with Web(proxy, context.environment) as web:
        collector = otlp.Collector(web, endpoint, headers_in(context.environment))
        await collector.send(run, figures(run), platform.node(), context.language)


def headers_in(environment: Mapping[str, str]) -> dict[str, str]:
    """Values are percent-encoded, as W3C baggage has them; what is no pair is passed over."""
    from urllib.parse import unquote

    pairs = (pair.partition("=") for pair in environment.get(_HEADERS, "").split(","))
    return {name.strip(): unquote(value.strip()) for name, equals, value in pairs if equals and name.strip()}
