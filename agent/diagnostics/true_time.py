"""What time it is, by those who were asked: a majority, and never one source alone."""

from __future__ import annotations

import ipaddress
import statistics
from collections.abc import Sequence

from agent.diagnostics.probes.clock import Source

AGREE = 5.0  # seconds within which sources tell the same time


def agreed(offsets: Sequence[float]) -> float | None:
    """What more than half of the sources say, to within AGREE; None where no such majority is, or one source alone.
    One lie is outvoted by two that agree; of two that differ neither is believed."""
    if len(offsets) < 2:
        return None
    middle = statistics.median_low(offsets)
    near = [offset for offset in offsets if abs(offset - middle) <= AGREE]
    return statistics.median(near) if len(near) * 2 > len(offsets) else None


def votes(sources: Sequence[Source]) -> list[float]:
    """One offset for each operator: servers of one operator that lie together have one vote."""
    found: dict[str, list[float]] = {}
    for source in sources:
        found.setdefault(operator(source.name), []).append(source.offset)
    return [statistics.median_low(offsets) for offsets in found.values()]


def operator(name: str) -> str:
    """Who runs a server, as far as its name tells: "time1.google.com" and "time2.google.com" are one."""
    host = name if name.count(":") != 1 else name.partition(":")[0]
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return ".".join(host.rstrip(".").lower().split(".")[-2:])
    return name
