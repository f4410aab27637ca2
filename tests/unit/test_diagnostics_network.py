"""Trial connections: each step is broken in turn by servers and proxies on loopback, and named."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agent.config import Portal, Settings, TimestampAuthority
from agent.diagnostics import base, report
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.checks import (
    CHECKS,
    network_connection,
    network_filters,
    network_inspection,
    network_loopback,
    network_port80,
    network_proxy,
    network_timestamps,
    portals_reach,
)
from agent.diagnostics.probes.network import RealNetwork, Trial
from agent.diagnostics.probes.pac import RealScripts
from agent.diagnostics.probes.profiles import LinuxProfiles
from agent.diagnostics.probes.system import LinuxSystem
from agent.texts.catalogue import LANGUAGES
from tests.harness.authority import Authority
from tests.harness.diagnosed import Fake
from tests.harness.diagnosed_network import sources
from tests.harness.gost import Gost
from tests.harness.sites import answering, hanging_up, listening, proxy, saying, secured, silent

NOWHERE = "http://no-such-host.invalid/"
CLOSED = "http://127.0.0.1:1/"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ec", "http://127.0.0.1:1")


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The system trusts that authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.root.certificate))
    return authority


def context_of(authority: Authority, name: str = "https", place: str = "IP:127.0.0.1") -> ssl.SSLContext:
    extensions = f"subjectAltName={place}\nextendedKeyUsage=serverAuth\n"
    holder = authority.make(name, authority.root, extensions)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(holder.certificate, holder.key)
    return context


def machine(*portals: str, pages: tuple[str, ...] = (), environment: dict[str, str] | None = None, **more: Any) -> Fake:
    """All is well on it, and its network is the real one with these settings."""
    fake = Fake()
    named = tuple(Portal(url, f"portal {number}") for number, url in enumerate(portals))
    fake.set = Settings(portals=named, clock_pages=pages, **more)
    fake.network = RealNetwork(lambda: fake.set, environment or {})  # type: ignore[assignment]
    return fake


async def found(check: Check, fake: Any) -> list[tuple[str, str]]:
    """Cases and statuses of one check; worded in both languages."""
    findings = await check.examine(fake)
    for finding in findings:
        _check_words(finding)
    return [(finding.case, finding.status) for finding in findings]


def _check_words(finding: Finding) -> None:
    for language in LANGUAGES:
        told = report.wording(finding, language), report.why(finding, language), report.advice(finding, language)
        assert "check." not in "".join(told), told
        assert "?" not in "".join(told), told


async def trial(url: str, environment: dict[str, str] | None = None) -> Trial:
    return await RealNetwork(Settings, environment or {}).trial(url)


@pytest.mark.parametrize(
    ("url", "step", "reason"),
    [
        (NOWHERE, "name", "name_not_found"),
        (CLOSED, "connect", "refused"),
        ("https://127.0.0.1:1/", "connect", "refused"),
        ("https:///", "address", "malformed"),
        ("http://127.0.0.1:99999/", "address", "malformed"),
        ("http://a..b/", "name", "name_not_found"),
    ],
)
async def test_what_fails_before_anything_is_said(url: str, step: str, reason: str) -> None:
    made = await trial(url)
    assert (made.step, made.reason) == (step, reason)


@pytest.mark.parametrize(
    ("handle", "step", "reason", "status"),
    [
        (answering(200), "done", "", 200),
        (answering(404), "done", "", 404),
        (answering(503), "http", "server", 503),
        (answering(511), "http", "captive", 511),
        (saying(b"SSH-2.0-OpenSSH\r\n\r\n"), "http", "not_http", 0),
        (saying(b"HTTP/1.1 abc\r\n\r\n"), "http", "not_http", 0),
        (saying(b"\xff" * 100_000), "http", "not_http", 0),
        (hanging_up, "http", "reset", 0),
    ],
)
async def test_answers_of_a_plain_site(stack: ExitStack, handle: Any, step: str, reason: str, status: int) -> None:
    port = stack.enter_context(listening(handle))
    made = await trial(f"http://127.0.0.1:{port}/")
    assert (made.step, made.status) == (step, status)
    assert made.reason == reason or (reason == "reset" and made.reason == "no_answer")


async def test_a_site_that_is_silent_costs_its_deadline_and_no_more(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.diagnostics.probes.network.SECONDS", 0.5)
    port = stack.enter_context(listening(silent))
    made = await trial(f"http://127.0.0.1:{port}/")
    assert (made.step, made.reason) == ("http", "timed_out")
    made = await trial(f"https://127.0.0.1:{port}/")
    assert (made.step, made.reason) == ("tls", "timed_out")


async def test_the_date_of_a_page_is_compared_with_our_clock(stack: ExitStack) -> None:
    port = stack.enter_context(listening(answering(302, ahead=5000.0)))
    assert (await trial(f"http://127.0.0.1:{port}/")).offset == pytest.approx(5000, abs=3)


async def test_a_secure_site_whose_certificate_is_good(stack: ExitStack, trusted: Authority) -> None:
    port = stack.enter_context(listening(secured(answering(), context_of(trusted))))
    fake = machine(f"https://127.0.0.1:{port}/")
    assert await found(portals_reach.CHECK, fake) == [("answers", "ok")]
    assert await found(network_connection.CHECK, fake) == [("leads_out", "ok")]
    assert await found(network_inspection.CHECK, fake) == [("none", "ok")]
    assert "CN=root" in (await fake.network.trial(f"https://127.0.0.1:{port}/")).issuer


async def test_certificates_that_are_not_accepted(stack: ExitStack, authority: Authority) -> None:
    port = stack.enter_context(listening(secured(answering(), context_of(authority))))
    assert await found(portals_reach.CHECK, machine(f"https://127.0.0.1:{port}/")) == [("untrusted", "error")]


async def test_a_certificate_for_another_name(stack: ExitStack, trusted: Authority) -> None:
    context = context_of(trusted, "other-name", "DNS:portal.example")
    port = stack.enter_context(listening(secured(answering(), context)))
    assert await found(portals_reach.CHECK, machine(f"https://127.0.0.1:{port}/")) == [("other_name", "error")]


@pytest.mark.parametrize(
    ("subject", "case"),
    [("Russian Trusted Sub CA", "ministry"), ("Kaspersky Anti-Virus Personal Root Certificate", "inspected")],
)
async def test_who_issued_a_certificate_that_is_not_trusted(
    stack: ExitStack, tmp_path: Path, subject: str, case: str
) -> None:
    own = Authority(tmp_path, "ec", "http://127.0.0.1:1")
    issuer = own.make(subject, None, "basicConstraints=critical,CA:TRUE\n")
    holder = own.make("site", issuer, "subjectAltName=IP:127.0.0.1\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(holder.certificate, holder.key)
    port = stack.enter_context(listening(secured(answering(), context)))
    fake = machine(f"https://127.0.0.1:{port}/")
    assert await found(portals_reach.CHECK, fake) == [(case, "error")]
    inspection = [("inspected", "warning")] if case == "inspected" else [("none", "ok")]
    assert await found(network_inspection.CHECK, fake) == inspection


async def test_one_stranger_who_vouches_for_several_sites_opens_connections(
    stack: ExitStack, authority: Authority
) -> None:
    ports = [stack.enter_context(listening(secured(answering(), context_of(authority)))) for _ in range(2)]
    fake = machine(*(f"https://127.0.0.1:{port}/" for port in ports))
    assert await found(network_inspection.CHECK, fake) == [("one_stranger", "error")]


async def test_a_portals_expired_certificate_is_told_from_a_wrong_clock_here(
    stack: ExitStack, trusted: Authority
) -> None:
    """By data: a certificate that expired a day before the machine's clock, and what time servers say of that clock."""
    fake = Fake()
    url, day = "https://portal.test/", 86400.0
    now = fake.now().timestamp()
    fake.set = Settings(portals=(Portal(url),), clock_pages=())
    fake.network.trials[url] = Trial(
        "portal.test", "certificate", "expired", issuer="CN=CA", begins=now - 90 * day, ends=now - day
    )
    assert await found(portals_reach.CHECK, fake) == [("certificate_expired", "warning")]
    fake.clock.told = sources(-2 * day)
    assert await found(portals_reach.CHECK, fake) == [("clock", "error")]


async def test_a_site_that_speaks_old_tls_or_none(stack: ExitStack, trusted: Authority) -> None:
    plain = stack.enter_context(listening(saying(b"HTTP/1.1 400 Bad\r\n\r\n")))
    cut = stack.enter_context(listening(hanging_up))
    fake = machine(f"https://127.0.0.1:{plain}/", f"https://127.0.0.1:{cut}/")
    assert await found(portals_reach.CHECK, fake) == [("not_tls", "error"), ("cut_off", "error")]


@contextlib.contextmanager
def gost_site(gost: Gost) -> Iterator[int]:
    """A real server of GOST TLS: openssl with its engine, and a GOST key alone."""
    holder = gost.root("gost256-A")
    process = subprocess.Popen(
        ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", holder.certificate, "-key", holder.key, "-www"],
        env={**os.environ, "OPENSSL_CONF": str(gost.folder / "openssl.cnf")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if said := re.match(r"ACCEPT .*:(\d+)", line):
                yield int(said[1])
                return
        raise AssertionError("openssl s_server did not begin to listen")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def test_a_site_of_gost_tls_is_told_from_a_broken_one(tmp_path: Path) -> None:
    with gost_site(Gost(tmp_path)) as port:
        assert await found(portals_reach.CHECK, machine(f"https://127.0.0.1:{port}/")) == [("no_common", "warning")]


async def test_an_outage_is_told_from_a_fault_here(stack: ExitStack) -> None:
    works = f"http://127.0.0.1:{stack.enter_context(listening(answering()))}/"
    broken = f"http://127.0.0.1:{stack.enter_context(listening(answering(503)))}/"
    assert await found(portals_reach.CHECK, machine(works, broken, CLOSED)) == [
        ("answers", "ok"),
        ("outage", "warning"),
        ("refused", "warning"),
    ]
    fake = machine(CLOSED, NOWHERE)
    findings = await base.run(CHECKS, fake, areas=["network", "portals"])
    assert [(one.id, one.case) for one in findings if one.status == "error"] == [("network.connection", "nowhere")]
    assert [one.case for one in findings if one.id == "portals.reach"] == ["skipped"], "one red line, not three"
    findings = await base.run(CHECKS, machine(NOWHERE), areas=["network", "portals"])
    assert [(one.id, one.case) for one in findings if one.status == "error"] == [("network.connection", "no_names")]
    assert await found(network_connection.CHECK, machine()) == [("nobody_named", "not_applicable")]


async def test_plain_http_that_is_blocked_or_caught(stack: ExitStack, trusted: Authority) -> None:
    secure = stack.enter_context(listening(secured(answering(), context_of(trusted))))
    page = stack.enter_context(listening(answering()))
    portal = f"https://127.0.0.1:{secure}/"
    assert await found(network_port80.CHECK, machine(portal, pages=(CLOSED,))) == [("blocked", "warning")]
    open_page = f"http://127.0.0.1:{page}/"
    assert await found(network_port80.CHECK, machine(portal, pages=(CLOSED, open_page))) == [("open", "ok")]
    caught = stack.enter_context(listening(answering(511)))
    fake = machine(f"http://127.0.0.1:{caught}/", pages=(f"http://127.0.0.1:{caught}/x",))
    assert await found(network_port80.CHECK, fake) == [("captive", "error")]
    assert await found(portals_reach.CHECK, fake) == [("captive", "error")]


@pytest.mark.parametrize(
    ("status", "case", "level"),
    [(200, "answers", "ok"), (407, "login", "error"), (403, "refuses", "warning")],
)
async def test_a_proxy_in_the_way(stack: ExitStack, trusted: Authority, status: int, case: str, level: str) -> None:
    site = stack.enter_context(listening(secured(answering(), context_of(trusted))))
    port = stack.enter_context(listening(proxy(status, to=site)))
    fake = machine("https://127.0.0.1/", environment={"https_proxy": f"http://name:secret@127.0.0.1:{port}"})
    assert await found(network_proxy.CHECK, fake) == [(case, level)]
    reached = [("answers", "ok")] if status == 200 else [("proxy", "error")]
    assert await found(portals_reach.CHECK, fake) == reached
    shown = [finding.facts for finding in await base.run(CHECKS, fake, areas=["network", "portals"])]
    assert "secret" not in str(shown)


async def test_a_proxy_that_is_not_there_is_one_red_line(stack: ExitStack) -> None:
    fake = machine("https://portal.test/", pages=("http://page.test/",), proxy="http://127.0.0.1:1")
    assert await found(network_proxy.CHECK, fake) == [("silent", "error")]
    assert await found(network_connection.CHECK, fake) == [("proxy", "error")]
    fake = machine("https://portal.test/", proxy="http://")
    assert await found(network_proxy.CHECK, fake) == [("malformed", "error")]
    assert await found(network_proxy.CHECK, machine(CLOSED)) == [("none", "not_applicable")]


async def test_time_stamp_authorities_are_tried(stack: ExitStack, authority: Authority) -> None:
    answers = f"http://127.0.0.1:{stack.enter_context(listening(answering(405)))}/tsa"
    strange = stack.enter_context(listening(secured(answering(), context_of(authority))))
    named = [TimestampAuthority(url=url) for url in (answers, CLOSED, f"https://127.0.0.1:{strange}/")]
    fake = machine(timestamp_authorities=tuple(named))
    assert await found(network_timestamps.CHECK, fake) == [
        ("answers", "ok"),
        ("silent", "warning"),
        ("certificate", "warning"),
    ]
    fake = machine(timestamp_authorities=(named[1],))
    assert await found(network_timestamps.CHECK, fake) == [("silent", "error")]
    fake = machine(timestamp_authorities=(named[1],), proxy="http://127.0.0.1:1")
    assert await found(network_timestamps.CHECK, fake) == [("proxy", "error")]
    assert await found(network_timestamps.CHECK, machine()) == [("none", "not_applicable")]


async def test_a_resolver_that_hangs_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    released = threading.Event()

    def hanging(*_: object, **__: object) -> list[Any]:
        released.wait(60)
        return []

    monkeypatch.setattr("agent.diagnostics.probes.network.socket.getaddrinfo", hanging)
    monkeypatch.setattr("agent.diagnostics.probes.network.SECONDS", 0.2)
    async with asyncio.timeout(30):
        made = await trial("http://portal.test/")
    released.set()
    assert (made.step, made.reason) == ("name", "timed_out")


_PAC = "function FindProxyForURL(url, host) { %s }"
_CAREFUL = """
if (isPlainHostName(host) || isInNet(host, "127.0.0.0", "255.0.0.0") || shExpMatch(host, "*.local")) return "DIRECT";
return "PROXY proxy.test:3128; DIRECT";
"""


@pytest.mark.parametrize(
    ("script", "outcome", "proxy_named"),
    [
        (_PAC % 'return "PROXY proxy.test:3128; DIRECT";', "said", "proxy.test:3128"),
        (_PAC % _CAREFUL, "said", ""),
        (_PAC % 'return "DIRECT";', "said", ""),
        (_PAC % 'return shExpMatch(host, "0.0.1") ? "DIRECT" : "PROXY whole.test:1";', "said", "whole.test:1"),
        (_PAC % 'return isInNet(host, "10.0.0.0", "255.0.0.0") ? "DIRECT" : "SOCKS s.test:1";', "said", "s.test:1"),
        (_PAC % "return 7;", "nonsense", ""),
        (_PAC % "throw 1;", "nonsense", ""),
        ("this is no script", "nonsense", ""),
        (_PAC % "for (;;) {}", "nonsense", ""),
        (_PAC % "var a = 'x'; for (;;) a += a;", "nonsense", ""),
    ],
)
async def test_what_a_proxy_script_says_of_this_machine(
    tmp_path: Path, script: str, outcome: str, proxy_named: str
) -> None:
    place = tmp_path / "proxy script.pac"
    place.write_text(script)
    verdict = await RealScripts(os.environ).verdict(place.as_uri(), network_loopback.ADDRESS)
    assert verdict == (outcome, proxy_named)


async def test_proxy_scripts_are_found_where_browsers_are_told_of_them(stack: ExitStack, tmp_path: Path) -> None:
    script = (_PAC % 'return "PROXY proxy.test:3128";').encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(script)}\r\n\r\n".encode()
    port = stack.enter_context(listening(saying(head + script)))
    fake = machine()
    fake.scripts = RealScripts({name: value for name, value in os.environ.items() if name != "DISPLAY"})
    fake.profiles = LinuxProfiles(tmp_path / "home", tmp_path / "root", lambda _: None)
    assert await found(network_loopback.CHECK, fake) == [("no_script", "not_applicable")]
    policies = tmp_path / "root/etc/chromium/policies/managed"
    policies.mkdir(parents=True)
    (policies / "proxy.json").write_text(json.dumps({"ProxyPacUrl": f"http://127.0.0.1:{port}/proxy.pac"}))
    assert await found(network_loopback.CHECK, fake) == [("proxied", "warning")]
    (policies / "proxy.json").write_text(json.dumps({"ProxySettings": {"ProxyPacUrl": CLOSED}}))
    assert await found(network_loopback.CHECK, fake) == [("unreachable", "warning")]
    (policies / "proxy.json").unlink()
    profile = tmp_path / "home/.mozilla/firefox/x"
    profile.mkdir(parents=True)
    (profile / "extensions.json").write_text("{}")
    (tmp_path / "own.pac").write_text(_PAC % 'return "DIRECT";')
    lines = ('"network.proxy.type", 2', f'"network.proxy.autoconfig_url", "{(tmp_path / "own.pac").as_uri()}"')
    (profile / "prefs.js").write_text("".join(f"user_pref({line});\n" for line in lines))
    assert await found(network_loopback.CHECK, fake) == [("direct", "ok")]


async def test_filters_that_run_here_are_named(tmp_path: Path) -> None:
    """By data: processes of these names in a folder of the form of proc(5)."""
    fake = machine()
    fake.system = LinuxSystem({}, tmp_path)
    assert await found(network_filters.CHECK, fake) == [("none", "ok")]
    for number, name in enumerate(("kesl", "bash")):
        (tmp_path / f"proc/{number}").mkdir(parents=True)
        (tmp_path / f"proc/{number}/comm").write_text(f"{name}\n")
    (finding,) = await network_filters.CHECK.examine(fake)  # type: ignore[arg-type]
    assert (finding.case, finding.facts["names"]) == ("present", "Kaspersky Endpoint Security")
    assert all(len(name) <= 15 for name, _product in network_filters.FILTERS), "proc(5) cuts them there"
