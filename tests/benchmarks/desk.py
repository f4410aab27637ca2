"""Pero's window: 500 certificates made into cards, and shown in the list of its page."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.figures import Figure

GOAL = 300.0  # ms, of both together
COUNT = 500
ROUNDS = 5
_PROGRAM = """
import datetime, json, sys, time
from pathlib import Path
from agent.certificates import description
from agent.model import CertificateEntry, Listing, TokenState
from agent.api.methods.certificate_cards import rows
from agent.api.methods.certificate_state import told
from agent.signing.filters import Filter
from agent.signing.fitting import candidates
from agent.desktop.windows.toolkit import start_toolkit
from agent.desktop.windows.desk.certificate_list import CertificateList
from agent.desktop.windows.wording import Wording
import hashlib, asn1crypto.x509
folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
token = TokenState("Token", "1", "", "", "/m.so")
ders = [path.read_bytes() for path in sorted(folder.glob("*.der"))]
entries = tuple(CertificateEntry(hashlib.sha256(der).hexdigest(), der, token, True) for der in ders)
now = datetime.datetime.now(datetime.UTC)
application = start_toolkit()
for _ in range(rounds):
    description._describe.cache_clear()
    begin = time.perf_counter()
    cards = rows(candidates(Listing(entries, (token,), ()), Filter(), now), {}, lambda _: told(None))
    made = time.perf_counter()
    again = rows(candidates(Listing(entries, (token,), ()), Filter(), now), {}, lambda _: told(None))
    second = time.perf_counter()
    listed = json.loads(json.dumps(cards))
    window = CertificateList(Wording("ru"))
    window.show()
    application.processEvents()
    shown_from = time.perf_counter()
    window.show_rows(listed, [])
    application.processEvents()
    window.grab()
    print(*(1000 * one for one in (made - begin, second - made, time.perf_counter() - shown_from)))
"""


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="pero-bench-desk-") as folder:
        _certificates(Path(folder))
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        command = [sys.executable, "-c", _PROGRAM, folder, str(ROUNDS)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
    first, again, shown = zip(*(map(float, line.split()) for line in done.stdout.splitlines()), strict=True)
    whole = [one + other for one, other in zip(again, shown, strict=True)]
    return [
        Figure(f"{COUNT} certificates read for the first time", list(first)),
        Figure(f"{COUNT} certificates, read before", list(again)),
        Figure(f"{COUNT} certificates put on the screen", list(shown)),
        Figure(f"{COUNT} certificates listed, read before", whole, goal=GOAL),
    ]


def _certificates(folder: Path) -> None:
    from tests.harness.keyfiles import make_identity

    for number in range(COUNT):
        made = make_identity("p256", f"Owner {number % 100}", days=-3 if number % 7 == 0 else 30)
        (folder / f"{number:04}.der").write_bytes(made.der)
