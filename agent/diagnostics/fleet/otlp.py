"""OpenTelemetry over HTTP with JSON (OTLP 1.x): gauges to /v1/metrics, findings that are not well to /v1/logs.

The JSON is that of the Protobuf mapping: lowerCamelCase names, 64-bit numbers as strings, enums as numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from agent.diagnostics.fleet.figures import METRICS, Figure, Run
from agent.diagnostics.fleet.telling import said
from agent.errors import ExportFailed, Fact
from agent.timestamp.web import Unreached, Web

METRICS_PATH, LOGS_PATH = "/v1/metrics", "/v1/logs"
SECONDS = 20.0  # for each of the two
_MAX_ANSWER = 1 << 16  # octets; a collector answers with next to nothing
_SCOPE = "pero.diagnostics"
_SEVERITY = {"error": (17, "ERROR"), "warning": (13, "WARN"), "unknown": (9, "INFO")}  # SeverityNumber of logs.proto
_JSON = "application/json"


def metrics(run: Run, figures: Sequence[Figure], host: str) -> dict[str, Any]:
    """ExportMetricsServiceRequest."""
    time = _nanoseconds(run.began)
    told = []
    for metric in METRICS:
        points = [
            {"attributes": _attributes(one.labels), "timeUnixNano": time, "asDouble": float(one.value)}
            for one in figures
            if one.metric == metric
        ]
        if points:
            told.append({"name": metric.name, "description": metric.help, "gauge": {"dataPoints": points}})
    scope = {"scope": {"name": _SCOPE, "version": run.version}, "metrics": told}
    return {"resourceMetrics": [{"resource": _resource(run, host), "scopeMetrics": [scope]}]}


def logs(run: Run, host: str, language: str) -> dict[str, Any]:
    """ExportLogsServiceRequest."""
    time = _nanoseconds(run.began)
    records = []
    for finding in run.findings:
        if finding.status in _SEVERITY:
            number, name = _SEVERITY[finding.status]
            facts = {f"pero.fact.{fact}": value for fact, value in run.facts(finding).items()}
            records.append({
                "timeUnixNano": time,
                "observedTimeUnixNano": time,
                "severityNumber": number,
                "severityText": name,
                "body": {"stringValue": said(finding, run, language)},
                "attributes": _attributes({"pero.check": finding.id, "pero.case": finding.case, **facts}),
            })  # fmt: skip
    scope = {"scope": {"name": _SCOPE, "version": run.version}, "logRecords": records}
    return {"resourceLogs": [{"resource": _resource(run, host), "scopeLogs": [scope]}]}


class Collector(NamedTuple):
    """`endpoint`: its address without path, as OTEL_EXPORTER_OTLP_ENDPOINT has it."""

    web: Web
    endpoint: str
    headers: Mapping[str, str] = {}

    async def send(self, run: Run, figures: Sequence[Figure], host: str, language: str) -> None:
        """Raises ExportFailed."""
        await self._post(METRICS_PATH, metrics(run, figures, host))
        await self._post(LOGS_PATH, logs(run, host, language))

    async def _post(self, path: str, value: object) -> None:
        url = self.endpoint.rstrip("/") + path
        body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        try:
            await self.web.post(url, body, _JSON, _JSON, limit=_MAX_ANSWER, seconds=SECONDS, headers=self.headers)
        except Unreached as error:
            raise ExportFailed(to=url, reason=error.reason) from error


def _resource(run: Run, host: str) -> dict[str, Any]:
    named = {"service.name": "pero", "service.version": run.version, "host.name": host, "os.description": run.system}
    return {"attributes": _attributes(named)}


def _attributes(values: Mapping[str, Fact]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in values.items() if value is not None]


def _value(value: Fact) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": str(value)}


def _nanoseconds(moment: datetime) -> str:
    return str(round(moment.timestamp() * 1e6) * 1000)
