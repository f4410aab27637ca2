"""Ten thousand machines in one process: each has an address, and answers with figures of its own.

``python -m tests.benchmarks.fleet_server PORT COUNT`` answers GET /machine/NUMBER until it is ended. A machine in
fifty has something wrong, certificates end at all times of two years, drivers are of some versions.
"""

from __future__ import annotations

import asyncio
import functools
import random
import sys
from datetime import UTC, datetime, timedelta

from agent.diagnostics.base import Finding, Status
from agent.diagnostics.checks import CHECKS
from agent.diagnostics.fleet.figures import Run, figures
from agent.diagnostics.fleet.prometheus import as_text

_DRIVERS = (
    ("Rutoken", ("2.18", "2.19", "2.19.1")),
    ("ccid", ("1.5.2", "1.6.2", "1.7.1")),
    ("OpenSC", ("0.23", "0.27")),
)
_REQUEST = 1 << 16  # octets


@functools.cache
def machine(number: int) -> bytes:
    """The text of one machine, the same whenever it is asked for."""
    chance = random.Random(number)
    now = datetime.now(UTC)
    findings = [_of_check(check.id, chance) for check in CHECKS]
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        end = now + timedelta(days=chance.randint(-5, 700))
        facts = {"thumbprint": f"{chance.getrandbits(256):064x}", "end": f"{end:%Y-%m-%d}"}
        findings.append(Finding("certificates.usable", "valid", "ok", facts))
    for name, versions in _DRIVERS:
        version = "1.0" if chance.random() < 0.02 else chance.choice(versions)
        findings.append(Finding("modules.version", "newest", "ok", {"name": name, "version": version}))
    offset = {"seconds": 400 if chance.random() < 0.005 else chance.randint(0, 2), "sources": 4}
    findings.append(Finding("time.clock", "behind", "ok", offset))
    run = Run(findings, "0.1.0", "Debian GNU/Linux 12", 1000, now, chance.uniform(1, 3))
    return as_text(figures(run)).encode()


def _of_check(identifier: str, chance: random.Random) -> Finding:
    status: Status = chance.choices(("ok", "warning", "error", "unknown"), (9885, 100, 5, 10))[0]
    return Finding(identifier, "well" if status == "ok" else f"case_{chance.randint(1, 3)}", status)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while request := await reader.readuntil(b"\r\n\r\n"):
            number = int(request.split(b" ", 2)[1].rpartition(b"/")[2] or b"0")
            body = machine(number)
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _serve(port: int) -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", port, limit=_REQUEST, backlog=4096)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    count = int(sys.argv[2])
    for made in range(count):
        machine(made)
    asyncio.run(_serve(int(sys.argv[1])))
