"""Findings as figures: gauges with labels, few and of bounded number, the same for every way out.

What is well has no series of its own: with one for each check ten thousand machines would cost a collector 700,000.

Names, labels of tokens, serial numbers and paths are in none of them, unless the administrator's policy names the fact
(`exported`). A certificate is told by the beginning of its thumbprint.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from agent.diagnostics.base import STATUSES, Finding
from agent.errors import Fact

ALLOWED = frozenset({
    "begin", "browser", "code", "days", "driver", "end", "error", "hours", "installed", "key_days", "key_end", "name",
    "newest", "newer_end", "pid", "port", "product", "provider", "readers", "required", "sandbox", "seconds", "sign",
    "sources", "thumbprint", "usb", "vendor", "version",
})  # fmt: skip
_NAMED_BY = ("driver", "browser", "provider", "product", "name")  # the fact that says whose version it is
_THUMBPRINT = 16  # hex digits
_MOST = 32  # certificates or versions: a machine with more tells of the first
_LONGEST = 100  # characters of a label's value


class Metric(NamedTuple):
    """`help` never changes for a name: collectors refuse two of them."""

    name: str
    help: str


class Figure(NamedTuple):
    metric: Metric
    value: float
    labels: Mapping[str, str] = {}


class Run(NamedTuple):
    """One run of the doctor."""

    findings: Sequence[Finding]
    version: str  # of Pero
    system: str
    user: int  # numeric: on a machine of many users each has figures of their own
    began: datetime  # UTC
    seconds: float
    exported: Collection[str] = ()  # facts that the policy lets out besides ALLOWED

    def facts(self, finding: Finding) -> dict[str, Fact]:
        """Those that may leave this machine."""
        return {name: value for name, value in finding.facts.items() if name in ALLOWED or name in self.exported}


INFO = Metric("pero_info", "Pero on this machine; the value is always 1.")
RAN = Metric("pero_run_timestamp_seconds", "When the doctor last ran, in Unix time.")
TOOK = Metric("pero_run_duration_seconds", "How long that run took.")
FINDINGS = Metric("pero_findings", "How many findings of each status the run made.")
FINDING = Metric("pero_finding", "A finding that is not well; the value is how many of this kind there are.")
EXPIRES = Metric("pero_certificate_expiry_timestamp_seconds", "When a certificate or its key ends, in Unix time.")
VERSION = Metric("pero_driver_version", "The version of a driver, module or provider as a number to compare.")
OFFSET = Metric("pero_clock_offset_seconds", "How far the clock of this machine is ahead of the true time.")
METRICS = (INFO, RAN, TOOK, FINDINGS, FINDING, EXPIRES, VERSION, OFFSET)


def figures(run: Run) -> list[Figure]:
    """In the order of METRICS. Every one carries the label `user`."""
    found = [
        Figure(INFO, 1, {"version": run.version, "system": run.system}),
        Figure(RAN, run.began.timestamp()),
        Figure(TOOK, round(run.seconds, 3)),
        *(
            Figure(FINDINGS, sum(one.status == status for one in run.findings), {"status": status})
            for status in STATUSES
        ),
        *_wrong(run),
        *_certificates(run),
        *_versions(run),
        *_clock(run),
    ]
    user = str(run.user)
    bounded = [one._replace(labels={**_bounded(one.labels), "user": user}) for one in found]
    # Names that differ only behind the bound would be one series twice, for which the exporter refuses the whole file.
    return list({(one.metric.name, tuple(sorted(one.labels.items()))): one for one in bounded}.values())


def _wrong(run: Run) -> Iterator[Figure]:
    counted: dict[tuple[str, str, str], int] = {}
    for finding in run.findings:
        if not finding.well and finding.case != "skipped":  # what it waits for is told
            key = finding.id, finding.case, finding.status
            counted[key] = counted.get(key, 0) + 1
    for (identifier, case, status), number in counted.items():
        area = identifier.partition(".")[0]
        yield Figure(FINDING, number, {"area": area, "check": identifier, "case": case, "status": status})


def _certificates(run: Run) -> Iterator[Figure]:
    told: dict[tuple[str, str], Figure] = {}
    for finding in run.findings:
        thumbprint = finding.facts.get("thumbprint")
        if finding.id != "certificates.usable" or not thumbprint or finding.case in ("demo", "expired_replaced"):
            continue
        more = {name: str(value) for name, value in finding.facts.items() if name in run.exported}
        for fact, kind in (("end", "certificate"), ("key_end", "key")):
            moment = _date(finding.facts.get(fact))
            if moment is not None:
                short = str(thumbprint)[:_THUMBPRINT]
                told[short, kind] = Figure(EXPIRES, moment, {"certificate": short, "kind": kind, **more})
    yield from list(told.values())[: 2 * _MOST]


def _versions(run: Run) -> Iterator[Figure]:
    told: dict[tuple[str, str], Figure] = {}
    for finding in run.findings:
        version = str(finding.facts.get("version") or "")
        named = next((str(finding.facts[fact]) for fact in _NAMED_BY if finding.facts.get(fact)), "")
        number = version_number(version)
        if named and number is not None:
            told[named, version] = Figure(VERSION, number, {"name": named, "version": version})
    yield from list(told.values())[:_MOST]


def version_number(version: str) -> int | None:
    """1.2.3.4 as 1 002 003, so that versions can be compared as numbers; a part above 999 counts as 999."""
    match = re.match(r"\d+(\.\d+)*", version)
    if match is None:
        return None
    parts = [min(int(part[:4]), 999) for part in match[0].split(".")[:3]]
    major, minor, patch = (*parts, 0, 0)[:3]
    return major * 1_000_000 + minor * 1_000 + patch


def _clock(run: Run) -> Iterator[Figure]:
    signs = {"behind": -1, "ahead": 1, "right": 0}
    for finding in run.findings:
        seconds = finding.facts.get("seconds")
        if finding.id == "time.clock" and finding.case in signs and isinstance(seconds, int):
            yield Figure(OFFSET, signs[finding.case] * seconds)


def _date(fact: Fact) -> float | None:
    try:
        return datetime.fromisoformat(str(fact)).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _bounded(labels: Mapping[str, str]) -> dict[str, str]:
    """In valid UTF-8, since octets that are none look the same afterwards."""
    return {name: value.encode("utf-8", "replace").decode()[:_LONGEST] for name, value in labels.items()}
