"""Who tells the time, whom of them to believe, and what is the matter with a clock that is wrong."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agent.config import Settings
from agent.diagnostics import report
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.checks import time_battery, time_clock, time_effect, time_service, time_zone
from agent.diagnostics.checks.time_clock import BUILT
from agent.diagnostics.probes.clock import LinuxClock, Source, Zone, ntp_offset
from agent.diagnostics.probes.network import RealNetwork
from agent.diagnostics.true_time import agreed, votes
from agent.texts.catalogue import LANGUAGES
from tests.harness.authority_server import AuthorityServer
from tests.harness.command_line import PERO, CommandLine
from tests.harness.diagnosed import Fake, certificate
from tests.harness.diagnosed_network import sources
from tests.harness.keyfiles import PASSPHRASE, make_key_file
from tests.harness.time_server import time_server

NOWHERE = "no-such-host.invalid"
HOUR = 3600.0


async def only(check: Check, fake: Any) -> Finding:
    """The one finding of a check; worded in both languages."""
    (finding,) = await check.examine(fake)
    for language in LANGUAGES:
        told = report.wording(finding, language) + report.advice(finding, language)
        assert "check." not in told, told
        assert "?" not in report.wording(finding, language), "every fact that the wording wants is there"
    return finding


@pytest.mark.parametrize("ahead", [0.0, 100.0, -4000.0])
def test_the_clock_is_compared_with_a_time_server(ahead: float) -> None:
    with time_server(ahead) as server:
        offset = ntp_offset(server)
    assert offset == pytest.approx(ahead, abs=1)


@pytest.mark.parametrize("fault", [{"stratum": 0}, {"leap": 3}])
def test_a_server_that_does_not_know_the_time_is_no_answer(fault: dict[str, int]) -> None:
    with time_server(100.0, **fault) as server:
        assert ntp_offset(server) is None


def test_a_server_that_is_not_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.diagnostics.probes.clock.NTP_TIMEOUT", 0.2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        assert ntp_offset(f"127.0.0.1:{silent.getsockname()[1]}") is None
    assert ntp_offset(NOWHERE) is None


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        ([0.1], None),
        ([0.1, 0.2], 0.15),
        ([0.1, 0.3, 5000.0], 0.2),
        ([-5000.0, 0.1, 0.3], 0.2),
        ([0.1, 5000.0], None),
        ([0.0, 100.0, 200.0], None),
        ([400.0, 401.0, 0.0], 400.5),
    ],
)
def test_a_lying_time_source_is_outvoted_and_one_alone_is_not_believed(
    offsets: list[float], expected: float | None
) -> None:
    assert agreed(offsets) == (None if expected is None else pytest.approx(expected))


def test_servers_of_one_operator_have_one_vote() -> None:
    liars = [Source(f"{number}.pool.liar.test", "ntp", 9000.0) for number in range(4)]
    honest = [Source("ntp.one.test", "ntp", 0.0), Source("192.0.2.7:123", "ntp", 0.2)]
    assert sorted(votes([*liars, *honest])) == [0.0, 0.2, 9000.0]
    assert agreed(votes([*liars, *honest])) == pytest.approx(0.1)


def clock_of(**settings: Any) -> LinuxClock:
    chosen = Settings(**{"clock_hosts": (), "clock_pages": (), "proxy": "direct"} | settings)
    return LinuxClock(lambda: chosen, {}, RealNetwork(lambda: chosen, {}))


async def test_all_time_servers_are_asked_and_a_lying_one_is_outvoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.diagnostics.probes.clock.NTP_TIMEOUT", 5.0)
    fake = Fake()
    with time_server(500.0) as one, time_server(500.0) as other, time_server(-9000.0) as liar:
        fake.clock = clock_of(clock_hosts=(liar, NOWHERE, one, other))  # type: ignore[assignment]
        found = await fake.clock.sources()
        assert sorted(source.offset for source in found) == pytest.approx([-9000, 500, 500], abs=1)
        finding = await only(time_clock.CHECK, fake)
        assert (finding.case, finding.status, finding.facts["sources"]) == ("behind", "error", 3)
        fake.clock = clock_of(clock_hosts=(liar, one))  # type: ignore[assignment]
        assert (await only(time_clock.CHECK, fake)).case == "sources_differ"
        fake.clock = clock_of(clock_hosts=(one,))  # type: ignore[assignment]
        assert (await only(time_clock.CHECK, fake)).case == "one_source"
    fake.clock = clock_of(clock_hosts=(NOWHERE,))  # type: ignore[assignment]
    assert (await only(time_clock.CHECK, fake)).case == "no_source"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthorityServer]:
    with AuthorityServer(tmp_path_factory.mktemp("authority"), "rsa") as running:
        yield running


async def test_where_ntp_is_blocked_pages_and_time_stamp_authorities_are_asked(server: AuthorityServer) -> None:
    clock = clock_of(
        clock_hosts=(NOWHERE,),
        clock_pages=(f"{server.url}/list/issuing", f"http://{NOWHERE}/"),
        timestamp_authorities=(server.stamping(), server.stamping("wrong_nonce")),
    )
    found = await clock.sources()
    assert [source.kind for source in found][:2] == ["page", "authority"]
    assert all(abs(source.offset) < 2 for source in found)


async def test_nobody_else_is_asked_where_enough_servers_answer(server: AuthorityServer) -> None:
    server.asked.clear()
    with time_server(0.0) as one, time_server(0.0) as two, time_server(0.0) as three:
        clock = clock_of(clock_hosts=(one, two, three), clock_pages=(f"{server.url}/list/issuing",))
        assert [source.kind for source in await clock.sources()] == ["ntp"] * 3
    assert server.asked == []


@pytest.mark.parametrize(
    ("offset", "case", "status"),
    [
        (3 * HOUR, "zone_hours", "error"),
        (-5.5 * HOUR + 40, "zone_hours", "error"),
        (3 * HOUR + 120, "behind", "error"),
        (-30 * HOUR, "ahead", "error"),
        (200.0, "behind", "warning"),
        (-1790.0, "zone_hours", "error"),
    ],
)
async def test_a_wrong_zone_is_told_from_drift(offset: float, case: str, status: str) -> None:
    fake = Fake()
    fake.clock.told = sources(offset)
    finding = await only(time_clock.CHECK, fake)
    assert (finding.case, finding.status) == (case, status)


async def test_a_clock_before_this_program_was_written_has_lost_its_time() -> None:
    class Reset(Fake):
        def now(self) -> Any:
            return BUILT.replace(year=2000)

    finding = await only(time_clock.CHECK, Reset())
    assert (finding.case, finding.facts["date"]) == ("lost", "2000-01-01")


@pytest.mark.parametrize(
    ("offset", "case"),
    [
        (None, "none"),
        (1.0, "keeps"),
        (-600.0, "differs"),
        (3 * HOUR + 1, "local_time"),
        (-3 * HOUR - 1, "local_time"),
        (-26 * 365.25 * 24 * HOUR, "dead"),
    ],
)
async def test_the_clock_on_the_battery(offset: float | None, case: str) -> None:
    fake = Fake()
    fake.clock.battery_offset = offset
    assert (await only(time_battery.CHECK, fake)).case == case


@pytest.mark.parametrize(
    ("program", "kept", "case"),
    [
        ("chronyd", True, "keeps"),
        ("chronyd", None, "keeps"),
        ("chronyd", False, "not_synchronised"),
        ("", True, "kept"),
        ("", False, "none"),
        ("", None, "none"),
    ],
)
async def test_what_keeps_the_clock(program: str, kept: bool | None, case: str) -> None:
    fake = Fake()
    fake.clock.program, fake.clock.synchronised = program, kept
    assert (await only(time_service.CHECK, fake)).case == case


async def test_zone_and_battery_are_read_where_the_system_keeps_them(tmp_path: Path) -> None:
    def clock(**environment: str) -> LinuxClock:
        return LinuxClock(Settings, environment, RealNetwork(Settings, {}), tmp_path)

    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/localtime").symlink_to("/usr/share/zoneinfo/Europe/Moscow")
    assert clock().zone() == Zone("Europe/Moscow")
    fake = Fake()
    fake.clock = clock()  # type: ignore[assignment]
    assert (await only(time_zone.CHECK, fake)).case == "known"
    (tmp_path / "etc/timezone").write_text("Asia/Omsk\n")
    assert clock().zone() == Zone("Europe/Moscow", "Asia/Omsk", "/etc/timezone")
    fake.clock = clock()  # type: ignore[assignment]
    assert (await only(time_zone.CHECK, fake)).case == "differs"
    (tmp_path / "etc/timezone").write_text("Europe/Simferopol\n")
    assert clock(TZ="Asia/Omsk").zone().place == "TZ"
    folder = tmp_path / "sys/class/rtc/rtc0"
    folder.mkdir(parents=True)
    moment = time.gmtime(time.time() - 500)
    (folder / "date").write_text(time.strftime("%Y-%m-%d\n", moment))
    (folder / "time").write_text(time.strftime("%H:%M:%S\n", moment))
    assert clock().battery() == pytest.approx(-500, abs=3)
    (folder / "date").write_text("1970-01-01\n")
    assert (clock().battery() or 0) < -50 * 365 * 24 * HOUR


@pytest.mark.parametrize(
    ("offset", "begins", "ends", "case"),
    [
        (HOUR * 48, 1, 200, "seems_not_yet_valid"),
        (-HOUR * 48, -100, -1, "seems_expired"),
        (HOUR * 48, -100, 1, "seems_valid"),
        (HOUR * 48, -100, 200, "none"),
        (1.0, 1, 200, "clock_right"),
    ],
)
async def test_what_the_clock_does_to_a_certificate(offset: float, begins: int, ends: int, case: str) -> None:
    fake = Fake()
    fake.clock.told = sources(offset)
    fake.certificates = [certificate(begins, ends)]
    assert (await only(time_effect.CHECK, fake)).case == case


def test_a_clock_that_somebody_moved_is_found_and_found_well_again(tmp_path: Path) -> None:
    """The whole command with its clock moved (libfaketime); of four servers on loopback one lies."""
    with ExitStack() as stack:
        pero = stack.enter_context(CommandLine(tmp_path))
        servers = [stack.enter_context(time_server(ahead)) for ahead in (0.0, 0.0, -7777.0, 0.0)]
        pero.settings(clock_hosts=tuple(servers))
        made = make_key_file(pero.folder, "p256", days=100)
        assert pero.run("keyfile", "add", made.path, pin=PASSPHRASE).status == 0

        def cases(moved: str) -> dict[str, tuple[str, int]]:
            program = ["faketime", "-f", moved, str(PERO), "diagnose", "--json", "--area", "time"]
            environment = {**pero.environment, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
            done = subprocess.run(program, env=environment, capture_output=True, timeout=120, check=False)
            assert done.returncode in (0, 1, 2), done.stderr
            found = json.loads(done.stdout)["findings"]
            return {row["id"]: (row["case"], row["facts"].get("seconds", 0)) for row in found}

        behind = cases("-80d")
        assert behind["time.clock"] == ("behind", pytest.approx(80 * 24 * HOUR, abs=120))
        assert behind["time.effect"][0] == "seems_not_yet_valid"
        assert cases("+3h")["time.clock"][0] == "zone_hours"
        assert cases("+200d")["time.effect"][0] == "seems_expired"
        right = cases("+0s")
        assert (right["time.clock"][0], right["time.effect"][0]) == ("right", "clock_right")
