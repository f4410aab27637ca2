"""The HTML page and the support bundle: nothing of others runs in the one, nobody's name is in the other."""

from __future__ import annotations

import io
import json
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest

from agent.diagnostics import base, bundle, extracts, history
from agent.diagnostics.base import Finding
from agent.diagnostics.checks import CHECKS, agent_files
from agent.diagnostics.page import as_html
from agent.diagnostics.probes.rights import exposed
from tests.harness.diagnosed import Fake, certificate, token

STATUS = re.compile(r'<li class="(\w+)"')
CANARIES = ("Канарейкин", "LABEL-canary", "7070-secret-PIN", "/home/canary", "canary.example")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize("language", ["ru", "en"])
async def test_the_page_needs_nothing_and_runs_nothing_of_others(language: str) -> None:
    fake = Fake()
    fake.tokens = [token(label='<script>alert(1)</script><img src=x onerror="x">')]
    page = as_html(await base.run(CHECKS, fake), language, {"system": "<b>"})
    read = Tags()
    read.feed(page)
    assert read.tags <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "h2",
        "p",
        "strong",
        "ul",
        "li",
        "span",
        "code",
    }
    assert read.names.isdisjoint({"src", "href", "onerror"})
    assert "<script>alert(1)" in read.words, "it is shown as it is"
    assert "http:" not in page
    assert "https:" not in page


async def test_no_name_label_path_or_pin_is_in_the_bundle() -> None:
    fake = Fake()
    name, label, pin, home, host = CANARIES
    fake.tokens = [token(label=label, serial=pin)]
    fake.certificates = [certificate(owner=name), certificate(-100, -1, owner=name)]
    fake.known_modules = [{"path": f"{home}/m.so", "name": label, "source": "added", "error": "module_unloadable",
                           "facts": {"reason": f"{home} {name}"}, "tokens": 0}]  # fmt: skip
    fake.faults = [{"module": f"{home}/x.so", "error": "worker_hung", "facts": {}, "text": host}]
    fake.open_to_others = [(Path(home), 0o777)]
    findings = [
        *await base.run(CHECKS, fake),
        Finding("agent.files", "new", "ok", {"unforeseen": pin}),
        Finding("portals.reach", "failed_step", "error", {"portal": name, "host": host, "step": "tls"}),
    ]
    assert all(any(canary in str(one.facts) for one in findings) for canary in CANARIES), "they could have come in"
    shown = bundle.content(findings, {"Pero": "0.1.0"})
    with zipfile.ZipFile(io.BytesIO(bundle.packed(shown))) as file:
        (held,) = (file.read(member) for member in file.namelist())
    assert held.decode() == shown, "what is saved is what was shown"
    assert [canary for canary in CANARIES if canary in shown] == []
    rows = json.loads(shown)["findings"]
    assert {row["id"] for row in rows} >= {check.id for check in CHECKS}
    assert {"begin", "days", "end", "thumbprint"} <= set(next(r for r in rows if r["case"] == "valid")["facts"])


LOG = """\
2026-11-22 19:00:01,123 INFO pero.app started version=0.1.0 pid=4711 port=14741
2026-11-22 19:00:02,123 INFO pero.api refused method=sign role=page error=pin_locked
2026-11-22 19:00:03,123 WARNING pero.timestamp timestamp_unavailable authority=canary.example reason=Канарейкин
2026-11-22 19:00:04,123 WARNING pero.tokens the module /home/canary/m.so gives GOST signatures as: x; put right
2026-11-22 19:00:05,123 ERROR pero.api internal method=sign role=7070-secret-PIN
Traceback (most recent call last):
  File "/home/canary/pero/agent/signing/steps.py", line 17, in canary_step
    raise ValueError("7070-secret-PIN")
ValueError: 7070-secret-PIN Канарейкин
started version=LABEL-canary
2026-11-22 19:00:06,123 INFO pero.app started version=1\x1b[31m;LABEL-canary
"""


def test_of_the_log_and_the_journal_only_what_is_on_the_list_leaves(tmp_path: Path) -> None:
    log = tmp_path / "pero.log"
    log.write_text(LOG)
    entries = [
        {"number": 7, "time": "2026-11-22T19:00:00.000Z", "kind": "sign", "previous": "00", "hash": "11",
         "facts": {"origin": "https://canary.example", "document": "Канарейкин.pdf", "reason": "7070-secret-PIN",
                   "token": "LABEL-canary", "format": "pades", "level": "/home/canary"}},
        {"number": 8, "time": "2026-11-22T19:00:01.000Z", "kind": "outcome", "previous": "00", "hash": "11",
         "facts": {"entry": 7, "outcome": "pin_locked", "certificate": "ab" * 32}},
    ]  # fmt: skip
    seen = {"machine system": "Debian", "modules.version OpenSC": "0.23", "modules.loadable LABEL-canary": "1"}
    kept = (history.Entry("2026-11-22T19:00:00Z", "2026-11-22T19:00:00Z", seen, ("pcsc.service stopped",)),)
    driver = Finding("modules.version", "known", "ok", {"driver": "OpenSC", "version": "0.23"})
    more = bundle.Extracts(extracts.of_log(log), extracts.of_journal(entries), kept)
    shown = bundle.content([driver], {"Pero": "0.1.0"}, more)
    assert [canary for canary in CANARIES if canary in shown] == []
    held = json.loads(shown)
    assert held["log"] == [
        "2026-11-22 19:00:01,123 INFO pero.app started version=0.1.0 pid=4711 port=14741",
        "2026-11-22 19:00:02,123 INFO pero.api refused method=sign role=page error=pin_locked",
        "2026-11-22 19:00:03,123 WARNING pero.timestamp timestamp_unavailable",
        "2026-11-22 19:00:05,123 ERROR pero.api internal method=sign",
        "  agent/signing/steps.py:17 canary_step",
        "  ValueError",
        "2026-11-22 19:00:06,123 INFO pero.app started",
    ]
    assert [row["facts"] for row in held["journal"]] == [
        {"format": "pades"},
        {"entry": 7, "outcome": "pin_locked", "certificate": "ab" * 32},
    ]
    (entry,) = held["history"]
    assert entry["versions"] == {"machine system": "Debian", "modules.version OpenSC": "0.23"}


def test_a_huge_log_costs_little_and_its_newest_lines_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "pero.log"
    with log.open("w") as file:
        for number in range(100_000):
            file.write(f"2026-11-22 19:00:01,123 INFO pero.app started version=0.1.0 pid={number} port=14741\n")
    kept = extracts.of_log(log)
    assert len(kept) == extracts.LINES
    assert kept[-1].split()[-2] == "pid=99999"
    assert extracts.of_log(tmp_path / "absent") == []


@pytest.mark.parametrize("language", ["ru", "en"])
async def test_the_page_says_first_what_is_wrong_and_names_each_row(language: str) -> None:
    fake = Fake()
    fake.tokens = [token(pin_locked=True)]
    fake.offset = None
    page = as_html(await base.run(CHECKS, fake), language, {})
    ranks = [("error", "warning", "unknown", "ok", "not_applicable").index(one) for one in STATUS.findall(page)]
    assert ranks == sorted(ranks)
    assert ranks[0] == 0
    assert ">tokens.pin<" in page, "whoever was told an id finds its row"
    assert len(page) < 64 << 10


async def test_files_that_others_can_reach_are_found_and_closed_ones_are_not(tmp_path: Path) -> None:
    kept, programs = tmp_path / "state", tmp_path / "program"
    for folder in (kept, programs):
        folder.mkdir(mode=0o700)
    (kept / "journal").write_text("")
    (kept / "journal").chmod(0o644)
    source = programs / "relay.py"
    source.write_text("")
    source.chmod(0o644)
    assert list(exposed(kept, programs)) == [], "nothing in a closed folder can be reached"
    kept.chmod(0o755)
    assert dict(exposed(kept, programs)) == {kept: 0o755, kept / "journal": 0o644}
    kept.chmod(0o700)
    source.chmod(0o666)
    assert dict(exposed(kept, programs)) == {source: 0o666}
    fake = Fake()
    fake.open_to_others = [(kept, 0o755), (source, 0o666)]
    assert [one.case for one in await agent_files.CHECK.examine(fake)] == ["readable", "writable"]
