"""The support bundle: what a stranger may read to help. Names, labels and paths are never in it.

What goes in is on a list (_FACTS); everything else of a finding is left out, so that a new fact is kept back until
somebody decided about it. Wordings are left out too, since they hold the facts.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence

from agent.diagnostics.base import Finding

_FACTS = frozenset({
    "atr", "begin", "code", "days", "driver", "end", "error", "host", "installed", "language", "pid", "port", "reader",
    "readers", "required", "sandbox", "seconds", "sign", "thumbprint", "usb", "vendor", "version",
})  # fmt: skip
NAME = "findings.json"


def content(findings: Sequence[Finding], machine: Mapping[str, str]) -> str:
    """JSON: what is in the bundle, as it is shown before it is saved. `machine`: versions and the system's name."""
    rows = [
        {
            "id": finding.id,
            "case": finding.case,
            "status": finding.status,
            "facts": {name: value for name, value in finding.facts.items() if name in _FACTS},
        }
        for finding in findings
    ]
    return json.dumps({"machine": dict(machine), "findings": rows}, ensure_ascii=False, indent=2) + "\n"


def packed(shown: str) -> bytes:
    """A ZIP file with exactly what was shown."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(NAME, shown)
    return buffer.getvalue()
