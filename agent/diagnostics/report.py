"""Findings for people at a terminal and for programs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from agent.diagnostics.base import AREAS, STATUSES, Finding, Status
from agent.diagnostics.mending.remedies import MENDABLE
from agent.texts.catalogue import text
from agent.texts.errors import error_advice, error_text, reason_text
from agent.texts.visible import visible

MARKS: dict[Status, str] = {"ok": "+", "warning": "!", "error": "x", "unknown": "?", "not_applicable": "-"}
_WORST: tuple[Status, ...] = ("error", "warning", "unknown", "ok", "not_applicable")
_COMMON = frozenset({"skipped", "timeout", "broken"})  # cases that `base.run` makes for any check

Line = tuple[str, str]  # what it is ("area", a status, "why", "advice", "summary", ""), and its text


def as_values(findings: Sequence[Finding], language: str) -> dict[str, Any]:
    """For `--json`."""
    rows = [
        {
            "id": finding.id,
            "area": finding.area,
            "case": finding.case,
            "status": finding.status,
            "facts": dict(finding.facts),
            "text": wording(finding, language),
            "why": why(finding, language),
            "advice": advice(finding, language),
            "mendable": (finding.id, finding.case) in MENDABLE,
        }
        for finding in findings
    ]
    return {"findings": rows, "counts": counts(findings)}


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Errors, warnings, what could not be told, what is in order, what does not apply; each in the table's order."""
    return sorted(findings, key=lambda finding: _WORST.index(finding.status))


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """How many of each status."""
    return {status: _count(findings, status) for status in STATUSES}


def as_lines(findings: Sequence[Finding], language: str) -> Iterator[Line]:
    """For a terminal: by area, a line for each finding that applies, why it matters and what to do below it, a sum."""
    applicable = [finding for finding in findings if finding.status != "not_applicable"]
    shown = sorted(applicable, key=lambda finding: AREAS.index(finding.area))
    for area, members in itertools.groupby(shown, key=lambda finding: finding.area):
        yield "area", text(f"area.{area}.title", language)
        for finding in members:
            yield finding.status, f"[{MARKS[finding.status]}] {wording(finding, language)}"
            for kind, said in (("why", why(finding, language)), ("advice", advice(finding, language))):
                if said:
                    yield kind, f"    {said}"
        yield "", ""
    yield "summary", summary(findings, language)


def wording(finding: Finding, language: str) -> str:
    """What was found, in one sentence or two."""
    facts = shown_facts(finding)
    if finding.case in _COMMON:
        required = title(str(finding.facts.get("required")), language)
        return text(
            f"check.{finding.case}.text", language, title=title(finding.id, language), required_title=required, **facts
        )
    if finding.case == "failed":
        named = title(finding.id, language)
        return text("check.failed.text", language, title=named, text=_error(finding, error_text, language))
    if "error" in facts:  # what is found is an error that another part met: its reason, else all that it says
        facts["reason"] = reason_text(facts["error"], language, facts) or error_text(facts["error"], language, facts)
    return text(f"check.{finding.id}.{finding.case}.text", language, **facts)


def title(identifier: str, language: str) -> str:
    """The name of a check."""
    return text(f"check.{identifier}.title", language)


def why(finding: Finding, language: str) -> str:
    """Why it matters; empty where all is well or the check was not made."""
    if finding.well or finding.case in (*_COMMON, "failed"):
        return ""
    facts = shown_facts(finding)
    return _first((f"check.{finding.id}.{finding.case}.why", f"check.{finding.id}.why"), language, facts)


def advice(finding: Finding, language: str) -> str:
    """What to do about it; empty where nothing needs to be done."""
    if finding.well:
        return ""
    if finding.case == "failed":
        return _error(finding, error_advice, language)
    if finding.case in _COMMON:
        required = title(str(finding.facts.get("required")), language)
        return text(f"check.{finding.case}.advice", language, required_title=required)
    # Where the ways of another system than Linux differ, a check tells which it is.
    facts = shown_facts(finding)
    keys = (f"check.{finding.id}.{finding.case}.advice_{facts.get('system')}",)
    return _first((*keys, f"check.{finding.id}.{finding.case}.advice"), language, facts)


def summary(findings: Sequence[Finding], language: str) -> str:
    """How many errors and warnings there are."""
    errors, warnings = _count(findings, "error"), _count(findings, "warning")
    if errors or warnings:
        return text("report.found", language, errors=errors, warnings=warnings)
    return text("report.nothing_wrong", language)


def shown_facts(finding: Finding) -> dict[str, str]:
    """The facts as texts that steer neither terminal nor eye."""
    return {name: visible(str(value)) for name, value in finding.facts.items()}


def _first(keys: Sequence[str], language: str, facts: dict[str, str]) -> str:
    """The wording of the first key that the catalogue knows, else nothing."""
    worded = ((key, text(key, language, **facts)) for key in keys)
    return next((said for key, said in worded if said != key), "")


def _error(finding: Finding, part: Callable[[str, str, dict[str, str]], str], language: str) -> str:
    return part(str(finding.facts["error"]), language, shown_facts(finding))


def _count(findings: Sequence[Finding], status: Status) -> int:
    return sum(finding.status == status for finding in findings)
