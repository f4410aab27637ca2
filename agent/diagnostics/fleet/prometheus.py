"""The text format that Prometheus reads (exposition format 0.0.4), for the node exporter's textfile collector."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from agent.diagnostics.fleet.figures import METRICS, Figure
from agent.errors import FileUnwritable

_READABLE = 0o644  # the exporter is another user


def as_text(figures: Sequence[Figure]) -> str:
    """Grouped by metric, each with its help and type, as the format wants it."""
    lines: list[str] = []
    for metric in METRICS:
        rows = [one for one in figures if one.metric == metric]
        if rows:
            lines += [f"# HELP {metric.name} {_help(metric.help)}", f"# TYPE {metric.name} gauge"]
            lines += [f"{metric.name}{_labels(one)} {one.value:.15g}" for one in rows]
    return "\n".join(lines) + "\n"


def write(path: Path, content: str) -> None:
    """Whole or not at all: the collector never reads half a file. Raises FileUnwritable."""
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            os.fchmod(descriptor, _READABLE)
        os.replace(temporary, path)  # noqa: PTH105
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise FileUnwritable(path=str(path), reason=error.strerror or "unwritable") from error


def _labels(figure: Figure) -> str:
    return "{" + ",".join(f'{name}="{_value(value)}"' for name, value in figure.labels.items()) + "}"


def _value(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
