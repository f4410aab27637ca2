"""Each check finds what it is for, and a broken service gives one red line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.config import Settings
from agent.diagnostics import base, report
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.checks import (
    CHECKS,
    agent_icon,
    agent_port,
    agent_running,
    browsers_manifests,
    certificates_usable,
    modules_loadable,
    time_clock,
    tokens_pin,
    tokens_seen,
)
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.ports import Listener
from agent.errors import StateUnsafe, WorkerHung
from native_host.manifests import content
from tests.harness.diagnosed import CHROMIUM, LAUNCHER, PID, PLACES, Fake, certificate, module, token


def lines_of(findings: list[Finding], language: str) -> list[str]:
    return [line for _kind, line in report.as_lines(findings, language)]


async def found(check: Check, probe: Probe) -> list[tuple[str, str]]:
    """Case and status of each finding of one check."""
    return [(finding.case, finding.status) for finding in await check.examine(probe)]


async def test_a_machine_on_which_all_is_well_has_only_good_findings() -> None:
    findings = await base.run(CHECKS, Fake())
    assert {finding.status for finding in findings} == {"ok", "not_applicable"}
    assert {finding.id for finding in findings} == {check.id for check in CHECKS}
    assert "Nothing wrong" in lines_of(findings, "en")[-1]


async def test_an_agent_that_is_not_running_is_an_error_and_is_not_asked() -> None:
    fake = Fake()
    fake.running = False
    assert await found(agent_running.CHECK, fake) == [("not_running", "error")]
    assert fake.called == []


async def test_what_stands_on_the_agent_is_not_examined_without_it() -> None:
    fake = Fake()
    fake.running, fake.listening = False, []
    findings = {finding.id: finding for finding in await base.run(CHECKS, fake)}
    assert (findings["agent.port"].case, findings["agent.port"].status) == ("skipped", "unknown")
    assert findings["certificates.usable"].status == "ok"
    assert sum(finding.status == "error" for finding in findings.values()) == 1


async def test_an_agent_of_another_version_is_told() -> None:
    fake = Fake()
    fake.version = "0.2.0"
    assert await found(agent_running.CHECK, fake) == [("other_version", "warning")]


@pytest.mark.parametrize(
    ("change", "case", "status"),
    [
        ({}, "open", "ok"),
        ({"listening": None}, "open", "ok"),
        ({"listening": []}, "closed", "error"),
        ({"listening": [Listener("::1", 1000, 56)]}, "closed", "error"),
        ({"listening": [Listener("127.0.0.1", 1001, 99)]}, "foreign", "error"),
        ({"listening": [Listener("0.0.0.0", 1001, 99)]}, "foreign", "error"),
        ({"reachable": False}, "unreachable", "error"),
        ({"state": {"version": "0.1.0", "pid": PID, "port": None}}, "taken", "warning"),
        ({"state": {"version": "0.1.0", "pid": PID, "port": None}, "listening": []}, "none", "warning"),
        ({"state": {"version": "0.1.0", "pid": PID, "port": None}, "listening": None}, "none", "warning"),
        ({"state": {"version": "0.1.0", "pid": PID, "port": None}, "pages_allowed": False}, "by_policy", "ok"),
    ],
)
async def test_the_port_for_pages(change: dict[str, Any], case: str, status: str) -> None:
    fake = Fake()
    for name, value in change.items():
        setattr(fake, name, value)
    assert await found(agent_port.CHECK, fake) == [(case, status)]


@pytest.mark.parametrize(
    ("where", "case", "status"),
    [
        ("bus", "seen", "ok"),
        ("display", "seen", "ok"),
        ("nowhere", "nowhere", "warning"),
        ("no_display", "no_desktop", "ok"),
        ("", "no_desktop", "ok"),
    ],
)
async def test_whether_the_icon_is_seen(where: str, case: str, status: str) -> None:
    fake = Fake()
    fake.state["icon"] = where
    assert await found(agent_icon.CHECK, fake) == [(case, status)]


async def test_manifests_that_fit_are_fine() -> None:
    assert await found(browsers_manifests.CHECK, Fake()) == [("present", "ok"), ("present", "ok")]


@pytest.mark.parametrize(
    ("held", "case", "status"),
    [
        (None, "absent", "warning"),
        (PermissionError(13, "Permission denied"), "unreadable", "error"),
        (b"{", "damaged", "error"),
        (b"[]", "damaged", "error"),
        (json.dumps(content("chromium", LAUNCHER) | {"name": "other.agent"}).encode(), "damaged", "error"),
        (json.dumps(content("chromium", Path("/gone"))).encode(), "launcher_absent", "error"),
        (json.dumps(content("chromium", Path("/other/native-host"))).encode(), "other_launcher", "warning"),
        (json.dumps(content("firefox", LAUNCHER)).encode(), "other_extension", "error"),
        (json.dumps(content("chromium", LAUNCHER) | {"allowed_origins": []}).encode(), "other_extension", "error"),
    ],
)
async def test_each_fault_of_a_manifest_has_its_own_name(held: Any, case: str, status: str) -> None:
    fake = Fake()
    fake.found, fake.files = [CHROMIUM], {PLACES["chromium"]: held}
    fake.programs.add(Path("/other/native-host"))
    assert await found(browsers_manifests.CHECK, fake) == [(case, status)]


async def test_a_launcher_that_leads_to_another_socket_is_an_error() -> None:
    fake = Fake()
    fake.files[LAUNCHER] = b"#!/bin/sh of another session"
    assert await found(browsers_manifests.CHECK, fake) == [("launcher_outdated", "error")] * 2


async def test_a_manifest_that_lets_in_more_than_our_extension_is_still_ours() -> None:
    fake = Fake()
    more = content("chromium", LAUNCHER)
    more["allowed_origins"] = [*more["allowed_origins"], "chrome-extension://abc/"]  # type: ignore[misc]
    fake.found = [CHROMIUM]
    fake.files[PLACES["chromium"]] = json.dumps(more).encode()
    assert await found(browsers_manifests.CHECK, fake) == [("present", "ok")]


async def test_a_machine_without_browsers_is_told() -> None:
    fake = Fake()
    fake.found = []
    assert await found(browsers_manifests.CHECK, fake) == [("no_browsers", "warning")]


async def test_modules_that_were_added_by_hand_must_load_and_found_ones_should() -> None:
    fake = Fake()
    broken = {"error": "module_unloadable", "facts": {"reason": "wrong ELF class"}}
    fake.known_modules = [module(), module(**broken), module(source="added", **broken)]
    assert await found(modules_loadable.CHECK, fake) == [
        ("loadable", "ok"),
        ("unloadable", "warning"),
        ("unloadable", "error"),
    ]
    fake.known_modules = []
    assert await found(modules_loadable.CHECK, fake) == [("none", "warning")]


@pytest.mark.parametrize(
    ("change", "case", "status"),
    [
        ({}, "in_order", "ok"),
        ({"pin_locked": True, "pin_count_low": True}, "pin_locked", "error"),
        ({"pin_final_try": True, "pin_count_low": True}, "pin_final_try", "warning"),
        ({"pin_count_low": True}, "pin_count_low", "warning"),
        ({"pin_to_be_changed": True}, "pin_to_be_changed", "warning"),
        ({"pin_initialized": False}, "pin_not_set", "warning"),
    ],
)
async def test_what_a_token_says_of_itself(change: dict[str, Any], case: str, status: str) -> None:
    fake = Fake()
    fake.tokens = [token(**change)]
    assert await found(tokens_pin.CHECK, fake) == [(case, status)]


async def test_tokens_and_key_files_are_told_apart() -> None:
    fake = Fake()
    fake.tokens = [token(), token(module="keyfiles")]
    assert await found(tokens_seen.CHECK, fake) == [("seen", "ok"), ("key_file", "ok")]


async def test_a_module_that_hangs_is_told_and_one_that_does_not_load_is_not_told_twice() -> None:
    fake = Fake()
    fake.tokens = []
    fake.faults = [
        {"module": "/lib/a.so", "error": "worker_hung", "facts": {}, "text": "hung"},
        {"module": "/lib/b.so", "error": "module_unloadable", "facts": {}, "text": "unloadable"},
    ]
    assert await found(tokens_seen.CHECK, fake) == [("module_hung", "error")]
    fake.faults = []
    assert await found(tokens_seen.CHECK, fake) == [("none", "warning")]


@pytest.mark.parametrize(
    ("begins", "ends", "problems", "cases"),
    [
        (-100, 200, [], ["valid"]),
        (-100, 31, [], ["valid"]),
        (-100, 30, [], ["ends_soon"]),
        (-100, 0, [], ["ends_soon"]),
        (-100, -1, ["expired"], ["expired", "none_usable"]),
        (1, 200, ["not_yet_valid"], ["not_yet_valid", "none_usable"]),
        (-1, 200, ["no_key"], ["no_key", "none_usable"]),
        (-1, 200, ["key_usage"], ["key_usage", "none_usable"]),
        (-1, 200, ["key_unsupported"], ["key_unsupported", "none_usable"]),
        (-100, -1, ["expired", "no_key"], ["expired", "none_usable"]),
    ],
)
async def test_certificates_and_their_dates(begins: int, ends: int, problems: list[str], cases: list[str]) -> None:
    fake = Fake()
    fake.certificates = [certificate(begins, ends, problems=problems)]
    assert [case for case, _ in await found(certificates_usable.CHECK, fake)] == cases


async def test_an_expired_certificate_beside_a_good_one_is_no_error() -> None:
    fake = Fake()
    fake.certificates = [certificate(), certificate(-100, -1, problems=["expired"])]
    assert await found(certificates_usable.CHECK, fake) == [("valid", "ok"), ("expired", "warning")]
    fake.certificates = []
    assert await found(certificates_usable.CHECK, fake) == [("none", "warning")]


@pytest.mark.parametrize(
    ("offset", "case", "status"),
    [
        (None, "no_source", "unknown"),
        (0.0, "right", "ok"),
        (60.0, "right", "ok"),
        (-60.0, "right", "ok"),
        (61.0, "behind", "warning"),
        (-61.0, "ahead", "warning"),
        (300.0, "behind", "warning"),
        (301.0, "behind", "error"),
        (-301.0, "ahead", "error"),
    ],
)
async def test_the_clock(offset: float | None, case: str, status: str) -> None:
    fake = Fake()
    fake.offset = offset
    assert await found(time_clock.CHECK, fake) == [(case, status)]


async def test_nobody_is_blamed_for_silence_where_nobody_is_asked() -> None:
    fake = Fake()
    fake.offset = None
    fake.set = Settings(clock_hosts=(), clock_pages=(), timestamp_authorities=())
    assert await found(time_clock.CHECK, fake) == [("nobody_asked", "unknown")]


async def test_what_is_skipped_names_what_is_to_be_mended_first() -> None:
    async def unsafe(probe: Probe) -> list[Finding]:
        raise StateUnsafe(path="/state", reason="open to other users")

    async def never(probe: Probe) -> list[Finding]:
        raise AssertionError

    table = [
        Check("modules.loadable", unsafe),
        Check("tokens.seen", unsafe),
        Check("tokens.pin", never, requires=("tokens.seen",)),
        Check("certificates.usable", never, requires=("tokens.pin",)),
    ]
    findings = await base.run(table, Fake())
    assert [finding.facts.get("required") for finding in findings[1:]] == ["modules.loadable"] * 3
    lines = "\n".join(lines_of(findings, "ru"))
    assert lines.count("Сначала исправьте это: Модули токенов.") == 3, "not what was itself skipped"
    assert "открыта другим пользователям" in lines


async def test_an_error_of_ours_inside_a_check_is_one_finding_with_its_own_advice() -> None:
    async def unsafe(probe: Probe) -> list[Finding]:
        raise StateUnsafe(path="/state", reason="owned by another user")

    stands_on_it = Check("certificates.usable", certificates_usable.examine, requires=("tokens.seen",))
    findings = await base.run([Check("tokens.seen", unsafe), stands_on_it], Fake())
    assert [(finding.case, finding.status) for finding in findings] == [("failed", "error"), ("skipped", "unknown")]
    lines = lines_of(findings, "en")
    assert "/state (owned by another user)" in lines[1]
    assert "mode 0700" in lines[2]
    assert lines[-1] == "Errors: 1, warnings: 0."


async def test_a_check_that_does_not_end_is_cut_off() -> None:
    import asyncio

    async def endless(probe: Probe) -> list[Finding]:
        await asyncio.Event().wait()
        return []

    findings = await base.run([Check("modules.loadable", endless)], Fake(), deadline=0.05)
    assert [(finding.case, finding.status) for finding in findings] == [("timeout", "unknown")]
    assert lines_of(findings, "ru")[1].startswith("[?] Модули токенов")


async def test_what_failed_inside_the_listing_does_not_end_the_report() -> None:
    class Hanging(Fake):
        async def listing(self) -> dict[str, Any]:
            raise WorkerHung(module="/lib/m.so", seconds=30)

    findings = await base.run(CHECKS, Hanging())
    assert [finding.case for finding in findings if finding.id in ("tokens.seen", "certificates.usable")] == [
        "failed",
        "skipped",
    ]
    assert any(finding.id == "time.clock" for finding in findings)


async def test_the_report_for_programs_holds_facts_texts_and_advice() -> None:
    fake = Fake()
    fake.offset = 1000.0
    value = report.as_values(await base.run(CHECKS, fake), "en")
    assert (value["counts"]["error"], value["counts"]["warning"]) == (1, 0)
    (row,) = (row for row in value["findings"] if row["id"] == "time.clock")
    assert {name: row[name] for name in ("id", "area", "case", "status", "facts")} == {
        "id": "time.clock",
        "area": "time",
        "case": "behind", "status": "error",
        "facts": {"seconds": 1000, "sources": 3, "names": ", ".join(source.name for source in fake.clock.told)},
    }  # fmt: skip
    assert "1000 s behind" in row["text"]
    assert row["advice"]
    assert row["why"]
    assert row["mendable"] is False
    assert value["findings"][0]["advice"] == ""
    assert json.loads(json.dumps(value)) == value


async def test_what_others_wrote_cannot_steer_the_terminal() -> None:
    fake = Fake()
    fake.tokens = [token(label="\x1b[2J\u202egnp.exe")]
    lines = lines_of(await base.run([tokens_seen.CHECK], fake), "ru")
    assert "gnp.exe" in lines[1]
    assert "\x1b" not in lines[1]
    assert "\u202e" not in lines[1]


async def test_a_check_that_hangs_delays_no_other() -> None:
    import asyncio

    ended = asyncio.Event()

    async def waiting(probe: Probe) -> list[Finding]:
        await ended.wait()
        return [Finding("a.waiting", "done", "ok")]

    async def ending(probe: Probe) -> list[Finding]:
        ended.set()
        return [Finding("b.ending", "done", "ok")]

    findings = await base.run([Check("a.waiting", waiting), Check("b.ending", ending)], Fake(), deadline=5)
    assert [finding.case for finding in findings] == ["done", "done"], "one after the other the first would time out"


async def test_a_fault_in_one_check_leaves_the_report_of_the_others() -> None:
    async def broken(probe: Probe) -> list[Finding]:
        raise ZeroDivisionError

    findings = await base.run([Check("tokens.pin", broken), time_clock.CHECK], Fake())
    assert [(finding.case, finding.status) for finding in findings] == [("broken", "unknown"), ("right", "ok")]
    assert "ZeroDivisionError" in lines_of(findings, "en")[1]


async def test_one_area_is_told_alone_and_what_it_stands_on_is_examined() -> None:
    fake = Fake()
    fake.tokens = []
    findings = await base.run(CHECKS, fake, areas=["certificates"])
    assert {finding.area for finding in findings} == {"certificates"}
    (usable,) = (finding for finding in findings if finding.id == "certificates.usable")
    assert (usable.case, usable.facts) == ("skipped", {"required": "tokens.seen"})


async def test_a_blocking_call_in_a_thread_is_not_waited_for_at_the_end() -> None:
    """In an interpreter of its own, for what is looked at is how it ends."""
    import asyncio
    import sys

    program = """
import asyncio, time
from agent.diagnostics.probes.apart import apart
async def main():
    try:
        async with asyncio.timeout(0.05):
            await apart(time.sleep, 600)
    except TimeoutError:
        print("given up")
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(120):
        told, complaint = await process.communicate()
    assert (told, complaint, process.returncode) == (b"given up\n", b"", 0)


def test_areas_and_files_of_checks_are_known() -> None:
    assert {check.area for check in CHECKS} <= set(base.AREAS)


def test_requirements_stand_before_what_requires_them() -> None:
    seen: set[str] = set()
    for check in CHECKS:
        assert set(check.requires) <= seen
        seen.add(check.id)
    assert len(seen) == len(CHECKS)


async def test_one_error_that_stops_several_checks_is_one_red_line() -> None:
    async def stopped(_probe: Probe) -> list[Finding]:
        raise StateUnsafe(path="/state", reason="open to other users")

    async def hung(_probe: Probe) -> list[Finding]:
        raise WorkerHung(module="/lib/m.so", seconds=30)

    checks = [Check("modules.loadable", stopped), Check("tokens.seen", stopped), Check("tokens.pin", hung)]
    findings = await base.run(checks, Fake())
    assert [(one.case, one.status) for one in findings] == [
        ("failed", "error"), ("skipped", "unknown"), ("failed", "error"),
    ]  # fmt: skip
    assert findings[1].facts == {"required": "modules.loadable"}
