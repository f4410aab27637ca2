"""Which origins may ask at all, and what is remembered of them (R46)."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from agent.consent.origins import Origins, parse_origin, shown_origin
from agent.errors import OriginRefused
from tests.harness.core import NOON, SITE


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("https://site.example", "https://site.example"),
        ("https://SITE.example:443", "https://site.example"),
        ("https://site.example:8443", "https://site.example:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://shop.localhost", "http://shop.localhost"),
        ("https://xn--e1afmkfd.xn--p1ai", "https://xn--e1afmkfd.xn--p1ai"),
    ],
)
def test_https_anywhere_and_http_on_this_machine_may_ask(given: str, canonical: str) -> None:
    assert parse_origin(given) == canonical


@pytest.mark.parametrize(
    "given",
    [
        "null",
        "",
        "http://site.example",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://10.0.0.1",
        "chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh",
        "moz-extension://12345678",
        "file:///etc/passwd",
        "ftp://site.example",
        "https://",
        "https://user@site.example",
        "https://site.example/path",
        "https://site.example?x",
        "https://site.example:99999",
        "https://site.example:port",
        "https://пример.рф",
        "https://site.example\n",
        "https://" + "a" * 600,
        "javascript:alert(1)",
    ],
)
def test_everything_else_is_refused(given: str) -> None:
    with pytest.raises(OriginRefused):
        parse_origin(given)


def test_a_name_in_one_script_is_shown_in_it_beside_its_punycode() -> None:
    assert shown_origin("https://xn--e1afmkfd.xn--p1ai") == "https://пример.рф (xn--e1afmkfd.xn--p1ai)"


def test_a_name_of_mixed_scripts_stays_punycode() -> None:
    mixed = "аpple".encode("idna").decode()  # a Cyrillic "а" before Latin letters
    assert shown_origin(f"https://{mixed}.example") == f"https://{mixed}.example"


def test_a_remembered_site_is_allowed_after_a_new_start_and_forgotten_on_demand(tmp_path: Path) -> None:
    path = tmp_path / "sites.json"
    Origins(path).allow(SITE, NOON)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = Origins(path)
    assert again.is_allowed(SITE)
    assert not again.is_allowed("https://other.example")
    assert again.forget(SITE)
    assert not again.forget(SITE)
    assert not Origins(path).is_allowed(SITE)


def test_a_refusal_is_remembered_for_ten_minutes_also_by_the_next_agent(tmp_path: Path) -> None:
    path = tmp_path / "sites.json"
    Origins(path).refuse(SITE, NOON)
    sites = Origins(path)
    assert sites.is_refused(SITE, NOON + timedelta(minutes=9, seconds=59))
    assert not sites.is_refused(SITE, NOON + timedelta(minutes=10))


def test_a_clock_set_back_does_not_refuse_for_years(tmp_path: Path) -> None:
    sites = Origins(tmp_path / "sites.json")
    sites.refuse(SITE, NOON)
    assert not sites.is_refused(SITE, NOON - timedelta(days=400))


@pytest.mark.parametrize("damage", [b"", b"{", b'{"https://evil.example": {"allowed": "yes"}}', b"\xff\xfe"])
def test_a_damaged_file_allows_nobody_and_is_kept_aside(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "sites.json"
    path.write_bytes(damage)
    sites = Origins(path)
    assert sites.all() == {}
    assert path.with_suffix(".damaged").read_bytes() == damage
    sites.allow(SITE, NOON)
    assert Origins(path).is_allowed(SITE)


def test_the_last_use_is_exact_while_the_agent_runs_and_kept_to_the_minute(tmp_path: Path) -> None:
    path = tmp_path / "sites.json"
    sites = Origins(path)
    sites.allow(SITE, NOON)
    hour = NOON + timedelta(hours=1)
    sites.used(SITE, hour)
    assert Origins(path).all()[SITE].last_used == hour
    for seconds in (1, 59):
        before = path.stat().st_ino
        sites.used(SITE, hour + timedelta(seconds=seconds))
        assert sites.all()[SITE].last_used == hour + timedelta(seconds=seconds)
        assert path.stat().st_ino == before  # a file that is written is replaced by another
        assert Origins(path).all()[SITE].last_used == hour
    for moment in (hour + timedelta(seconds=60), hour - timedelta(days=1)):  # also where the clock was set back
        sites.used(SITE, moment)
        assert Origins(path).all()[SITE].last_used == moment
