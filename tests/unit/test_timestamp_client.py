"""Time-stamps over the network, on good days and bad ones. The authority is openssl ts behind HTTP on loopback."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.algorithms import new_digest
from agent.config import Settings, TimestampAuthority
from agent.errors import TimestampUnavailable, TimestampUnconfigured, TimestampWrong
from agent.texts.errors import error_text
from agent.timestamp import client as module
from agent.timestamp.client import TimestampClient
from agent.timestamp.reach import check_reachable
from agent.trust.anchors import read_anchors
from agent.trust.path import path_problem
from tests.harness.authority import OTHER_POLICY
from tests.harness.authority_server import LOGIN, AuthorityServer, paths
from tests.harness.site import Site

OCTETS = b"a signature's value that nobody else may see"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthorityServer]:
    with AuthorityServer(tmp_path_factory.mktemp("authority"), "ec") as server:
        yield server


@pytest.fixture
def server(made: AuthorityServer) -> AuthorityServer:
    made.asked.clear()
    made.ways.clear()
    return made


@pytest.fixture
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EACH_SECONDS", 0.3)


def client_of(
    *authorities: TimestampAuthority, now: datetime | None = None, proxy: str = "", **environment: str
) -> TimestampClient:
    settings = Settings(timestamp_authorities=authorities, proxy=proxy)
    return TimestampClient(lambda: settings, environment, lambda: now or datetime.now(UTC), path_problem, read_anchors)


async def tried(
    *authorities: TimestampAuthority, wrong: bool = False, octets: bytes = OCTETS, **more: Any
) -> list[str]:
    """What the error says of each authority."""
    with pytest.raises(TimestampWrong if wrong else TimestampUnavailable) as caught:
        await client_of(*authorities, **more).stamp(octets, "sha256")
    assert caught.value.facts["possible_level"] == "b"
    facts = str(caught.value.facts["tried"])
    for language in ("ru", "en"):
        assert "error." not in error_text(caught.value.name, language, caught.value.facts)
    return [one.rpartition("=")[2] for one in facts.split("; ")]


async def test_a_stamp_is_what_openssl_calls_one(server: AuthorityServer) -> None:
    for digest in ("sha256", "sha512", "streebog256"):
        token = await client_of(server.stamping()).stamp(OCTETS, digest)
        judged = server.authority.verify_stamp(token, OCTETS)
        assert judged.returncode == 0, judged.stderr


@pytest.mark.parametrize("kind", ["rsa", "gost256-A", "gost512-A"])
async def test_rsa_and_gost_authorities_stamp_too(kind: str, tmp_path: Path) -> None:
    with AuthorityServer(tmp_path, kind) as other:
        digest = {"rsa": "sha256", "gost256-A": "streebog256", "gost512-A": "streebog512"}[kind]
        token = await client_of(other.stamping()).stamp(OCTETS, digest)
        assert other.authority.verify_stamp(token, OCTETS).returncode == 0


async def test_nothing_but_the_digest_leaves_the_machine(server: AuthorityServer) -> None:
    await client_of(server.stamping()).stamp(OCTETS, "sha256")
    (asked,) = server.asked
    assert new_digest("sha256", OCTETS).digest() in asked.body
    assert len(asked.body) < 100
    assert not any(OCTETS[at : at + 8] in asked.body for at in range(len(OCTETS) - 8))
    assert asked.headers.keys() <= {
        "host", "accept", "accept-encoding", "user-agent", "content-type", "content-length", "connection",
    }  # fmt: skip
    assert asked.headers["user-agent"] == "Pero"


async def test_two_requests_for_the_same_have_nothing_but_the_digest_in_common(server: AuthorityServer) -> None:
    for _ in range(2):
        await client_of(server.stamping()).stamp(OCTETS, "sha256")
    one, other = server.asked
    assert one.body != other.body


async def test_without_an_authority_it_is_said_that_none_is_set() -> None:
    with pytest.raises(TimestampUnconfigured) as caught:
        await client_of().stamp(OCTETS, "sha256")
    assert caught.value.facts == {"possible_level": "b"}


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("wrong_imprint", "imprint"),
        ("wrong_nonce", "nonce"),
        ("no_nonce", "nonce"),
        ("bad_signature", "signature"),
        ("no_purpose", "purpose"),
        ("other_certificate", "certificate"),
        ("expired", "expired"),
        ("html_as_reply", "damaged"),
        ("damaged", "damaged"),
    ],
)
async def test_a_wrong_answer_is_an_error_of_its_own(
    server: AuthorityServer, caplog: pytest.LogCaptureFixture, way: str, reason: str
) -> None:
    with caplog.at_level(logging.ERROR, "pero.timestamp"):
        assert await tried(server.stamping(way), wrong=True) == [reason]
    assert f"authority={way} reason={reason}" in caplog.text


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("html", "media_type"),
        ("huge", "too_large"),
        ("endless", "too_large"),
        ("hang_up", "broken"),
        ("status_500", "http 500"),
        ("status_404", "http 404"),
        ("unauthorized", "unauthorized"),
        ("status_407", "proxy_unauthorized"),
        ("moved", "redirected"),
        ("to_itself", "redirected"),
        ("to_other_host", "redirected"),
        ("to_file", "redirected"),
        ("rejecting", "rejected"),
    ],
)
async def test_an_authority_that_gives_nothing_is_unavailable(server: AuthorityServer, way: str, reason: str) -> None:
    assert await tried(server.stamping(way)) == [reason]


async def test_an_authority_that_takes_too_long_is_given_up(server: AuthorityServer, in_a_hurry: None) -> None:
    assert await tried(server.stamping("slow")) == ["timed_out"]


async def test_all_of_them_together_have_a_deadline(server: AuthorityServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WHOLE_SECONDS", 0.3)
    assert await tried(*(server.stamping("slow", name=name) for name in "abc")) == ["timed_out"] * 3
    assert len(server.asked) == 1


async def test_a_machine_without_a_network_says_so_for_each_authority() -> None:
    """Nobody listens on a port that was just closed; names under .invalid never exist (RFC 6761)."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    authorities = (
        TimestampAuthority(url=f"http://127.0.0.1:{port}/"),
        TimestampAuthority(url="http://tsa.invalid/"),
        TimestampAuthority(url="http://[100::1]/"),  # the discard prefix (RFC 6666): nowhere
    )
    reasons = await tried(*authorities)
    assert reasons[:2] == ["refused", "name_not_found"]
    assert reasons[2] in ("unreachable", "timed_out")


async def test_the_next_authority_is_asked_and_what_was_wrong_is_logged(
    server: AuthorityServer, caplog: pytest.LogCaptureFixture
) -> None:
    names = ("status_503", "wrong_nonce", "right", "expired")
    with caplog.at_level(logging.WARNING, "pero.timestamp"):
        token = await client_of(*(server.stamping(name) for name in names)).stamp(OCTETS, "sha256")
    assert server.authority.verify_stamp(token, OCTETS).returncode == 0
    assert paths(server.asked) == ["/tsa/status_503", "/tsa/wrong_nonce", "/tsa/right"]
    assert "authority=status_503 reason=http 503" in caplog.text
    assert "timestamp_wrong authority=wrong_nonce reason=nonce" in caplog.text


async def test_reasons_come_in_order_and_one_wrong_answer_outweighs_them(server: AuthorityServer) -> None:
    names = ("status_503", "bad_signature", "html")
    with pytest.raises(TimestampWrong) as caught:
        await client_of(*(server.stamping(name) for name in names)).stamp(OCTETS, "sha256")
    assert caught.value.facts["tried"] == "status_503=http 503; bad_signature=signature; html=media_type"


async def test_a_redirect_to_the_same_host_is_followed_where_the_request_is_kept(server: AuthorityServer) -> None:
    token = await client_of(server.stamping("to_right")).stamp(OCTETS, "sha256")
    assert server.authority.verify_stamp(token, OCTETS).returncode == 0


# What the settings say of an authority


async def test_an_authority_gets_the_digest_that_its_settings_name(server: AuthorityServer) -> None:
    token = await client_of(server.stamping(digest="sha512")).stamp(OCTETS, "streebog256")
    assert new_digest("sha512", OCTETS).digest() in token


async def test_the_policy_that_was_asked_for_must_come_back(server: AuthorityServer) -> None:
    assert await client_of(server.stamping(policy=OTHER_POLICY)).stamp(OCTETS, "sha256")
    assert await tried(server.stamping("other_policy", policy=OTHER_POLICY), wrong=True) == ["policy"]
    assert await tried(server.stamping(policy="1.2.3.4.9")) == ["rejected"]


async def test_a_clock_that_is_far_from_ours_is_refused(server: AuthorityServer) -> None:
    later = datetime.now(UTC) + timedelta(days=2)
    assert await tried(server.stamping(), wrong=True, now=later) == ["time"]


async def test_the_certificate_must_lead_to_the_anchors_of_the_settings(
    server: AuthorityServer, tmp_path: Path
) -> None:
    right = str(server.authority.root.certificate)
    assert await client_of(server.stamping(anchors=right)).stamp(OCTETS, "sha256")
    other = server.authority.make("other-root", None, "basicConstraints=critical,CA:TRUE\n").certificate
    assert await tried(server.stamping(anchors=str(other)), wrong=True) == ["untrusted"]
    asked = len(server.asked)
    os.mkfifo(tmp_path / "pipe.pem")
    for none in (tmp_path / "none.pem", tmp_path, tmp_path / "pipe.pem", "/dev/zero"):
        assert await asyncio.wait_for(tried(server.stamping(anchors=str(none))), 20) == ["anchors_file"]
    assert len(server.asked) == asked


async def test_a_name_and_a_password_are_given_where_they_are_set(server: AuthorityServer, tmp_path: Path) -> None:
    user, password = LOGIN
    file = tmp_path / "password"
    file.touch(0o600)
    file.write_text(f"{password}\n")
    authority = server.stamping("unauthorized", user=user, password_file=str(file))
    assert await client_of(authority).stamp(OCTETS, "sha256")
    assert server.asked[0].headers["authorization"].startswith("Basic ")
    file.write_text("other")
    assert await tried(authority) == ["unauthorized"]


@pytest.mark.parametrize("spoil", ["open", "absent", "empty", "folder", "pipe", "device"])
async def test_a_password_that_others_can_read_is_not_used(server: AuthorityServer, tmp_path: Path, spoil: str) -> None:
    file = tmp_path / "password"
    if spoil == "folder":
        file.mkdir(mode=0o700)
    elif spoil == "pipe":
        os.mkfifo(file, 0o600)
    elif spoil == "device":
        file.symlink_to("/dev/zero")
    elif spoil != "absent":
        file.touch(0o644 if spoil == "open" else 0o600)
        file.write_text("" if spoil == "empty" else "secret")
    found = tried(server.stamping(user="somebody", password_file=str(file)))
    assert await asyncio.wait_for(found, 20) == ["password_file"]
    assert server.asked == []


# The way there


async def test_a_proxy_of_the_settings_is_asked_in_place_of_the_authority(server: AuthorityServer) -> None:
    far = TimestampAuthority(url="http://tsa.invalid/tsa/right")
    assert await client_of(far, proxy=server.url).stamp(OCTETS, "sha256")
    assert [one.path for one in server.asked] == ["http://tsa.invalid/tsa/right"]


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
async def test_a_proxy_of_the_environment_is_asked_too(server: AuthorityServer, name: str) -> None:
    far = TimestampAuthority(url="http://tsa.invalid/tsa/right")
    assert await client_of(far, **{name: server.url.removeprefix("http://")}).stamp(OCTETS, "sha256")


async def test_the_environment_and_the_settings_can_do_without_a_proxy(server: AuthorityServer) -> None:
    nowhere = {"http_proxy": "http://127.0.0.1:9"}
    assert await client_of(server.stamping(), **nowhere, no_proxy="127.0.0.0, 127.0.0.1").stamp(OCTETS, "sha256")
    assert await client_of(server.stamping(), proxy="direct", **nowhere).stamp(OCTETS, "sha256")


async def test_a_proxy_that_wants_a_password_gets_it_and_says_so_where_it_is_missing(server: AuthorityServer) -> None:
    server.ways["proxy"] = "Basic " + base64.b64encode("я:п@с".encode()).decode()
    far = TimestampAuthority(url="http://tsa.invalid/tsa/right")
    assert await tried(far, proxy=server.url) == ["proxy_unauthorized"]
    with_login = server.url.replace("http://", "http://%D1%8F:%D0%BF%40%D1%81@")
    assert await client_of(far, proxy=with_login).stamp(OCTETS, "sha256")


async def test_a_proxy_that_refuses_or_is_not_there_is_named_as_the_fault(server: AuthorityServer) -> None:
    secure = TimestampAuthority(url="https://tsa.invalid/")
    assert await tried(secure, proxy=server.url) == ["proxy"]
    server.ways["CONNECT"] = "407"
    assert await tried(secure, proxy=server.url) == ["proxy_unauthorized"]
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert await tried(secure, proxy=f"http://127.0.0.1:{port}") == ["proxy"]
    assert await tried(secure, proxy="socks5://127.0.0.1:9") == ["address"]


async def test_https_wants_a_certificate_that_the_system_trusts() -> None:
    with Site(https=True) as site:
        assert await tried(TimestampAuthority(url=site.url())) == ["tls"]


async def test_https_is_spoken_with_whom_the_system_trusts_and_never_left(
    server: AuthorityServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE names the system's certificates to every program that uses OpenSSL."""
    with server.secure() as url:
        assert await tried(TimestampAuthority(url=f"{url}/tsa/right")) == ["tls"]
        monkeypatch.setenv("SSL_CERT_FILE", str(server.authority.root.certificate))
        assert await client_of(TimestampAuthority(url=f"{url}/tsa/right")).stamp(OCTETS, "sha256")
        assert await tried(TimestampAuthority(url=f"{url}/tsa/to_http")) == ["redirected"]
        wrong_name = url.replace("127.0.0.1", "localhost")
        assert await tried(TimestampAuthority(url=f"{wrong_name}/tsa/right")) == ["tls"]


async def test_a_service_that_does_not_speak_tls_is_no_secure_one(server: AuthorityServer) -> None:
    assert await tried(TimestampAuthority(url=server.url.replace("http:", "https:"))) == ["tls"]


async def test_whether_anybody_is_there_can_be_asked_before_anything_is_signed(server: AuthorityServer) -> None:
    there = Settings(timestamp_authorities=(TimestampAuthority(url="http://tsa.invalid/"), server.stamping("html")))
    await check_reachable(there, {})
    await check_reachable(Settings(timestamp_authorities=(server.stamping("hang_up"),)), {})
    assert {(one.method, one.body) for one in server.asked} == {("GET", b"")}
    with pytest.raises(TimestampUnavailable) as caught:
        await check_reachable(Settings(timestamp_authorities=there.timestamp_authorities[:1]), {})
    assert caught.value.facts["tried"] == "tsa.invalid=name_not_found"
