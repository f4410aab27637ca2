"""A figure with its reference and its goal, and the table of them. A goal that is missed is said and fails nothing."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HEAD = ("", "median", "best", "p99", "reference in this run", "median", "ratio", "difference", "goal", "")


@dataclass(frozen=True)
class Figure:
    """Samples of one thing. The goal is for the median."""

    name: str
    samples: Sequence[float]
    unit: str = "ms"
    reference: Figure | None = None
    goal: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def p99(self) -> float:
        """The smallest sample that 99 % of all do not exceed; of few samples the largest."""
        ordered = sorted(self.samples)
        return ordered[max(0, -(-99 * len(ordered) // 100) - 1)]

    def row(self) -> tuple[str, ...]:
        spread = (_number(min(self.samples)), _number(self.p99)) if len(self.samples) > 1 else ("", "")
        beside = ("", "", "", "")
        if self.reference is not None:
            other = self.reference.median
            ratio = f"{self.median / other:.1f}x" if other else ""
            beside = (self.reference.name, _number(other), ratio, f"{self.median - other:+.2f}")
        goal = ("", "") if self.goal is None else (f"<= {self.goal:g}", "ok" if self.median <= self.goal else "over")
        return (f"{self.name}, {self.unit}".rstrip(", "), _number(self.median), *spread, *beside, *goal)


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"


def table(title: str, figures: Iterable[Figure]) -> str:
    """Plain text: names to the left, numbers to the right."""
    rows = [HEAD, *(figure.row() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column in (0, 4, 9) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(("", title, *lines))
