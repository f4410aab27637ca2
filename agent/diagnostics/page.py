"""The report as one HTML page that needs nothing else: no script, no address, and what others wrote is escaped.

What is wrong stands first; each row names its id, by which a failed request of a page refers to it.
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Mapping, Sequence

from agent.diagnostics.base import Finding
from agent.diagnostics.report import MARKS, advice, summary, why, wording, worst_first
from agent.texts.catalogue import text

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
body{font:16px/1.45 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
li{list-style:none;margin:.5rem 0;padding:.5rem .75rem;border-left:.35rem solid #888}ul{padding:0}p{margin:.25rem 0}
.ok{border-color:#1a7f37}.warning{border-color:#b58100}.error{border-color:#c62828}.why{color:#555}.mark{font-family:monospace}
@media (prefers-color-scheme:dark){body{color:#eee;background:#161616}.why{color:#aaa}}
"""


def as_html(findings: Sequence[Finding], language: str, heading: Mapping[str, str]) -> str:
    """`heading`: names and values that stand above the findings (version, system, time)."""
    parts = [
        f"<h2>{_safe(text(f'report.part.{part}', language))}</h2>"
        f"<ul>{''.join(_row(one, language) for one in members)}</ul>"
        for part, members in itertools.groupby(worst_first(findings), key=lambda finding: finding.status)
    ]
    title = _safe(text("report.title", language))
    rows = "".join(f"<p>{_safe(name)}: {_safe(value)}</p>" for name, value in heading.items())
    return (
        f'<!DOCTYPE html>\n<html lang="{_safe(language)}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1>{rows}<p><strong>{_safe(summary(findings, language))}</strong></p>"
        f"{''.join(parts)}</body></html>\n"
    )


def _row(finding: Finding, language: str) -> str:
    mark = f'<span class="mark">[{MARKS[finding.status]}]</span>'
    area = _safe(text(f"area.{finding.area}.title", language))
    parts = [
        f'<p>{mark} {_safe(wording(finding, language))}</p><p class="why">{area} <code>{_safe(finding.id)}</code></p>'
    ]
    for kind, said in (("why", why(finding, language)), ("advice", advice(finding, language))):
        if said:
            parts.append(f'<p class="{kind}">{_safe(said)}</p>')
    return f'<li class="{finding.status}" data-id="{_safe(finding.id)}">{"".join(parts)}</li>'


def _safe(value: str) -> str:
    return html.escape(value, quote=True)
