"""Findings for people and for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agent.diagnostics.base import Finding, Level
from agent.errors import Fact
from agent.texts.catalogue import text
from agent.texts.errors import error_advice, error_text, reason_text
from agent.texts.visible import visible

_MARKS: dict[Level, str] = {"ok": "+", "warning": "!", "error": "x", "unknown": "?"}
_COMMON = frozenset({"skipped", "timeout"})  # cases that `base.run` makes for any check


def as_values(findings: Sequence[Finding], language: str) -> dict[str, Any]:
    """For `--json`."""
    rows = [
        {
            "id": finding.id,
            "case": finding.case,
            "level": finding.level,
            "facts": finding.facts,
            "text": wording(finding, language),
            "advice": advice(finding, language),
        }
        for finding in findings
    ]
    return {"findings": rows, **{f"{level}s": _count(findings, level) for level in ("error", "warning")}}


def as_lines(findings: Sequence[Finding], language: str) -> list[str]:
    """For a terminal: a line for each finding, its advice below it, and a line that sums up."""
    lines = []
    for finding in findings:
        lines.append(f"[{_MARKS[finding.level]}] {wording(finding, language)}")
        hint = advice(finding, language)
        if hint:
            lines.append(f"    {hint}")
    return [*lines, "", _summary(findings, language)]


def wording(finding: Finding, language: str) -> str:
    """What was found, in one sentence or two."""
    facts = _shown(finding.facts)
    if finding.case in _COMMON:
        required = text(f"check.{finding.facts.get('required')}.title", language)
        title = text(f"check.{finding.id}.title", language)
        return text(f"check.{finding.case}.text", language, title=title, required_title=required, **facts)
    if finding.case == "failed":
        title = text(f"check.{finding.id}.title", language)
        return text("check.failed.text", language, title=title, text=_error(finding, error_text, language))
    if "error" in facts:  # what is found is an error that another part met: its reason, else all that it says
        facts["reason"] = reason_text(facts["error"], language, facts) or error_text(facts["error"], language, facts)
    return text(f"check.{finding.id}.{finding.case}.text", language, **facts)


def advice(finding: Finding, language: str) -> str:
    """What to do about it; empty where nothing needs to be done."""
    if finding.level == "ok":
        return ""
    if finding.case == "failed":
        return _error(finding, error_advice, language)
    if finding.case in _COMMON:
        return text(f"check.{finding.case}.advice", language)
    return text(f"check.{finding.id}.{finding.case}.advice", language, **_shown(finding.facts))


def _error(finding: Finding, part: Callable[[str, str, dict[str, str]], str], language: str) -> str:
    return part(str(finding.facts["error"]), language, _shown(finding.facts))


def _shown(facts: dict[str, Fact]) -> dict[str, str]:
    return {name: visible(str(value)) for name, value in facts.items()}


def _count(findings: Sequence[Finding], level: Level) -> int:
    return sum(finding.level == level for finding in findings)


def _summary(findings: Sequence[Finding], language: str) -> str:
    errors, warnings = _count(findings, "error"), _count(findings, "warning")
    if errors or warnings:
        return text("report.found", language, errors=errors, warnings=warnings)
    return text("report.nothing_wrong", language)
