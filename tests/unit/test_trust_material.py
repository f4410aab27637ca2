"""Validation material: OCSP and revocation lists by openssl, behind HTTP on loopback."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.algorithms import digest_named, new_digest
from agent.cms.formats import Material
from agent.config import Settings
from agent.errors import (
    CertificateRevoked,
    IssuerUnavailable,
    PeroError,
    RevocationUnaddressed,
    RevocationUnavailable,
)
from agent.texts.errors import error_text
from agent.timestamp.request import request, token_of
from agent.trust import crl, ocsp
from agent.trust import material as module
from agent.trust.material import MaterialClient
from agent.trust.status import Revoked, Unusable
from tests.harness.authority import Authority, Holder
from tests.harness.authority_server import AuthorityServer, paths
from tests.harness.gost_token import openssl_gost

LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthorityServer]:
    with AuthorityServer(tmp_path_factory.mktemp("authority"), "ec") as server:
        yield server


@pytest.fixture
def server(made: AuthorityServer) -> AuthorityServer:
    made.asked.clear()
    made.ways.clear()
    return made


def client_of(networks: tuple[str, ...] = LOOPBACK, **more: Any) -> MaterialClient:
    settings = Settings(certificate_networks=networks, **more)
    return MaterialClient(lambda: settings, {}, lambda: datetime.now(UTC))


def issuers(authority: Authority) -> tuple[bytes, ...]:
    return authority.issuing.der, authority.root.der


def token(authority: Authority, octets: bytes = b"value") -> bytes:
    return token_of(authority.stamp(request(digest_named("sha256"), new_digest("sha256", octets).digest(), 7)))


async def refused(kind: type[PeroError], holder: Holder, chain: tuple[bytes, ...], **more: Any) -> dict[str, Any]:
    """The facts of the error."""
    with pytest.raises(kind) as caught:
        await client_of(**more).material(holder.der, chain, ())
    for language in ("ru", "en"):
        assert "error." not in error_text(caught.value.name, language, caught.value.facts)
    return caught.value.facts


def judged(authority: Authority, material: Material, holder: Holder, folder: Path) -> None:
    """openssl accepts the path with the lists, and the OCSP answers, of the material alone."""
    others, lists = folder / "others.pem", folder / "lists.pem"
    others.write_bytes(b"".join(pem(one, "x509") for one in material.certificates))
    lists.write_bytes(b"".join(pem(one, "crl") for one in material.crls))
    for at, answer in enumerate(material.ocsp):
        path = folder / f"{at}.ocsp"
        path.write_bytes(answer)
        done = openssl_gost(
            "ocsp", "-respin", path, "-CAfile", authority.root.certificate, "-verify_other", others,
            "-issuer", authority.issuing.certificate, "-cert", holder.certificate, "-no_nonce", check=False,
        )  # fmt: skip
        assert b"Response verify OK" in done.stderr, done.stderr
        assert done.stdout.split(b": ")[1].startswith(b"good"), done.stdout


def pem(der: bytes, kind: str) -> bytes:
    return openssl_gost(kind, "-inform", "DER", data=der).stdout


def verified_by_lists(authority: Authority, lists: tuple[bytes, ...], holder: Holder, folder: Path) -> None:
    """With every certificate of the path looked up in a list."""
    path = folder / "lists.pem"
    path.write_bytes(b"".join(pem(one, "crl") for one in lists))
    done: subprocess.CompletedProcess[bytes] = openssl_gost(
        "verify", "-crl_check_all", "-CRLfile", path, "-CAfile", authority.root.certificate,
        "-untrusted", authority.issuing.certificate, holder.certificate, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["rsa", "ec", "gost256-A", "gost512-A"])
async def test_the_material_of_every_kind_of_key_is_what_openssl_needs(kind: str, tmp_path: Path) -> None:
    with AuthorityServer(tmp_path, kind) as server:
        authority = server.authority
        signer = authority.signer()
        stamped = token(authority)
        material = await client_of().material(signer.der, issuers(authority), (stamped,))
        assert len(material.ocsp) == 2  # signer and time-stamp authority
        assert len(material.crls) == 1  # of the root, about the issuing authority
        wanted = {signer, authority.stamping, authority.issuing, authority.root, authority.responder}
        assert set(material.certificates) == {holder.der for holder in wanted}
        judged(authority, Material(material.certificates, material.ocsp[:1]), signer, tmp_path)
        judged(authority, Material(material.certificates, material.ocsp[1:]), authority.stamping, tmp_path)
        server.ways["/ocsp/issuing"] = "status_503"
        by_lists = await client_of().material(signer.der, issuers(authority), ())
        assert by_lists.ocsp == ()
        verified_by_lists(authority, by_lists.crls, signer, tmp_path)


async def test_issuers_that_are_not_at_hand_are_fetched(server: AuthorityServer) -> None:
    authority = server.authority
    material = await client_of().material(authority.signer().der, (), ())
    assert {authority.issuing.der, authority.root.der} <= set(material.certificates)
    assert paths(server.asked) == ["/issuer/issuing", "/issuer/root", "/ocsp/issuing", "/list/root"]


async def test_an_issuer_that_nobody_gives_is_named_by_the_certificate_below(server: AuthorityServer) -> None:
    signer = server.authority.signer()
    for way, reason in (("html", "damaged"), ("status_404", "http 404"), ("hang_up", "broken")):
        server.ways["/issuer/issuing"] = way
        facts = await refused(IssuerUnavailable, signer, ())
        assert facts == {
            "thumbprint": signer.description.thumbprint,
            "tried": f"issuer:127.0.0.1:{server.port}={reason}",
            "possible_level": "t",
        }
    lonely = server.authority.signer("lonely", server.authority.places("issuing", issuers=False))
    assert (await refused(IssuerUnavailable, lonely, ()))["tried"] == ""


async def test_a_certificate_that_names_no_place_is_told_so(server: AuthorityServer) -> None:
    silent = server.authority.signer("silent", "")
    facts = await refused(RevocationUnaddressed, silent, issuers(server.authority))
    assert facts == {"thumbprint": silent.description.thumbprint, "possible_level": "t"}
    assert server.asked == []


@pytest.mark.parametrize("by", ["ocsp", "list"])
async def test_a_revoked_certificate_is_an_error_with_its_date_and_reason(server: AuthorityServer, by: str) -> None:
    revoked = server.authority.signer(f"revoked-{by}")
    server.authority.revoke(revoked)
    if by == "list":
        server.ways["/ocsp/issuing"] = "hang_up"
    facts = await refused(CertificateRevoked, revoked, issuers(server.authority))
    wanted = {"revoked_at": "2026-01-01", "reason": "key_compromise", "thumbprint": revoked.description.thumbprint}
    assert facts == wanted


async def test_a_revoked_issuer_is_found_too(tmp_path: Path) -> None:
    with AuthorityServer(tmp_path, "ec") as server:
        authority = server.authority
        authority.revoke(authority.issuing, authority.root, "CACompromise")
        facts = await refused(CertificateRevoked, authority.signer(), issuers(authority))
        assert facts["reason"] == "ca_compromise"
        assert facts["thumbprint"] == authority.issuing.description.thumbprint


async def test_a_revoked_certificate_of_the_time_stamp_is_found_too(server: AuthorityServer, tmp_path: Path) -> None:
    authority = server.authority
    stamper = authority.stamper("revoked-stamper")
    query = request(digest_named("sha256"), bytes(32), 7)
    stamped = token_of(authority.stamp(query, stamper))
    authority.revoke(stamper)
    with pytest.raises(CertificateRevoked) as caught:
        await client_of().material(authority.signer().der, issuers(authority), (stamped,))
    assert caught.value.facts["thumbprint"] == stamper.description.thumbprint


@pytest.mark.parametrize("way", ["right", "by_issuer", "by_key", "without_nonce", "listed_responder"])
async def test_responders_of_every_kind_are_understood(server: AuthorityServer, way: str, tmp_path: Path) -> None:
    server.ways["/ocsp/issuing"] = way
    authority = server.authority
    material = await client_of().material(authority.signer().der, issuers(authority), ())
    assert len(material.ocsp) == 1
    assert len(material.crls) == (2 if way == "listed_responder" else 1)
    judged(authority, Material(material.certificates, material.ocsp), authority.signer(), tmp_path)


async def test_a_revoked_responder_is_believed_by_nobody(server: AuthorityServer) -> None:
    authority = server.authority
    server.ways["/ocsp/issuing"] = "listed_responder"
    lonely = authority.signer("without-list", authority.places("issuing", lists=False))
    assert await client_of().material(lonely.der, issuers(authority), ())
    authority.revoke(authority.make("listed-responder", authority.issuing, ""))
    facts = await refused(RevocationUnavailable, lonely, issuers(authority))
    assert facts["tried"] == f"ocsp:127.0.0.1:{server.port}=certificate"


async def test_an_answer_that_is_out_of_date_is_not_taken(server: AuthorityServer) -> None:
    authority = server.authority
    lonely = authority.signer("without-list", authority.places("issuing", lists=False))
    for days, taken in ((0, True), (2, False), (-1, False)):
        moment = datetime.now(UTC) + timedelta(days=days)
        certificate, issuer = lonely.description, authority.issuing.description
        response = authority.answer_ocsp(ocsp.request(certificate, issuer, b"n" * 16), authority.issuing)
        if taken:
            assert (
                ocsp.read(response, certificate, issuer, b"n" * 16, moment).responder == authority.responder.description
            )
        else:
            with pytest.raises(Unusable) as caught:
                ocsp.read(response, certificate, issuer, b"n" * 16, moment)
            assert caught.value.reason == "stale"


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("bad_signature", "signature"),
        ("not_a_responder", "purpose"),
        ("foreign_responder", "certificate"),
        ("wrong_nonce", "nonce"),
        ("about_another", "unknown"),
        ("rejecting", "rejected"),
        ("html", "damaged"),
        ("damaged", "damaged"),
        ("huge", "too_large"),
        ("endless", "too_large"),
        ("hang_up", "broken"),
        ("status_503", "http 503"),
        ("to_file", "redirected"),
    ],
)
async def test_without_a_right_answer_the_list_is_read(server: AuthorityServer, way: str, reason: str) -> None:
    server.ways["/ocsp/issuing"] = way
    material = await client_of().material(server.authority.signer().der, issuers(server.authority), ())
    assert (len(material.ocsp), len(material.crls)) == (0, 2)
    server.ways["/list/issuing"] = "status_404"
    facts = await refused(RevocationUnavailable, server.authority.signer(), issuers(server.authority))
    host = f"127.0.0.1:{server.port}"
    assert facts["tried"] == f"ocsp:{host}={reason}; crl:{host}=http 404"


async def test_a_responder_that_does_not_know_the_certificate_is_not_enough(server: AuthorityServer) -> None:
    authority = server.authority
    stranger = authority.make("stranger", authority.issuing, authority.places("issuing", lists=False), listed=False)
    facts = await refused(RevocationUnavailable, stranger, issuers(authority))
    assert facts["tried"].endswith("=unknown")


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("old", "stale"),
        ("other_issuer", "scope"),
        ("only_authorities", "scope"),
        ("other_part", "scope"),
        ("some_reasons", "scope"),
        ("critical_stranger", "scope"),
        ("bad_signature", "signature"),
        ("html", "damaged"),
        ("endless", "too_large"),
    ],
)
async def test_a_list_that_says_nothing_of_the_certificate_is_not_taken(
    server: AuthorityServer, way: str, reason: str
) -> None:
    server.ways |= {"/ocsp/issuing": "hang_up", "/list/issuing": way}
    facts = await refused(RevocationUnavailable, server.authority.signer(), issuers(server.authority))
    assert facts["tried"].endswith(f"={reason}")


@pytest.mark.parametrize("way", ["only_users", "own_part", "list_moved"])
async def test_a_list_about_such_certificates_is_taken(server: AuthorityServer, way: str) -> None:
    server.ways |= {"/ocsp/issuing": "hang_up", "/list/issuing": way}
    material = await client_of().material(server.authority.signer().der, issuers(server.authority), ())
    assert len(material.crls) == 2


async def test_a_list_is_fetched_once_for_many_signatures(server: AuthorityServer) -> None:
    client = client_of()
    for _ in range(3):
        await client.material(server.authority.signer().der, issuers(server.authority), ())
    assert paths(server.asked).count("/list/root") == 1
    assert paths(server.asked).count("/ocsp/issuing") == 3


async def test_a_slow_service_is_given_up(server: AuthorityServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EACH_SECONDS", 0.3)
    server.ways |= {"/ocsp/issuing": "slow", "/list/issuing": "slow"}
    facts = await refused(RevocationUnavailable, server.authority.signer(), issuers(server.authority))
    assert [one.rpartition("=")[2] for one in facts["tried"].split("; ")] == ["timed_out", "timed_out"]


# A certificate must not make Pero talk to services of this machine


async def test_services_of_this_machine_are_not_asked_unless_the_settings_say_so(server: AuthorityServer) -> None:
    facts = await refused(RevocationUnavailable, server.authority.signer(), issuers(server.authority), networks=())
    assert [one.rpartition("=")[2] for one in facts["tried"].split("; ")] == ["address", "address"]
    assert server.asked == []


@pytest.mark.parametrize(
    "url", ["http://localhost:{port}/", "http://127.1:{port}/", "http://[::1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
            "http://0.0.0.0:{port}/", "http://2130706433:{port}/", "http://0x7f000001:{port}/", "file:///etc/passwd",
            "ldap://127.0.0.1/", "gopher://127.0.0.1:{port}/", "http://user@127.0.0.1:{port}/"]
)  # fmt: skip
async def test_no_spelling_of_this_machine_is_asked(server: AuthorityServer, url: str, tmp_path: Path) -> None:
    authority = server.authority
    place = url.format(port=server.port)
    name = "spelled-" + "".join(sign if sign.isalnum() else "-" for sign in url)
    spelled = authority.signer(name, f"authorityInfoAccess=OCSP;URI:{place}\n")
    with pytest.raises((RevocationUnavailable, RevocationUnaddressed)):
        await client_of(networks=()).material(spelled.der, issuers(authority), ())
    assert server.asked == []


async def test_a_redirect_from_an_allowed_network_to_another_is_not_followed(server: AuthorityServer) -> None:
    server.ways |= {"/ocsp/issuing": "hang_up", "/list/issuing": "to_other_host"}
    allowed = ("127.0.0.1/32",)
    server.ways["/list/issuing"] = "to_second_loopback"
    facts = await refused(RevocationUnavailable, server.authority.signer(), issuers(server.authority), networks=allowed)
    assert facts["tried"].endswith("=address")
    assert not any("127.0.0.2" in one.headers["host"] for one in server.asked)


async def test_a_proxy_stands_before_services_too(server: AuthorityServer) -> None:
    """The proxy resolves names then; this machine's own name is not handed to it."""
    authority = server.authority
    far = authority.signer("far", "authorityInfoAccess=OCSP;URI:http://ocsp.example/ocsp/issuing\n")
    near = authority.signer("near", "authorityInfoAccess=OCSP;URI:http://localhost/ocsp/issuing\n")
    with pytest.raises(RevocationUnavailable):  # the list of the root is on 127.0.0.1
        await client_of((), proxy=server.url).material(far.der, issuers(authority), ())
    assert [one.path for one in server.asked] == ["http://ocsp.example/ocsp/issuing"]
    with pytest.raises(RevocationUnavailable):
        await client_of((), proxy=server.url).material(near.der, issuers(authority), ())
    assert len(server.asked) == 1


# Hostile answers: a typed outcome for each


def test_answers_cut_off_or_changed_anywhere_end_as_unusable(server: AuthorityServer) -> None:
    authority = server.authority
    certificate, issuer = authority.signer().description, authority.issuing.description
    nonce, now = b"n" * 16, datetime.now(UTC)
    response = authority.answer_ocsp(ocsp.request(certificate, issuer, nonce), authority.issuing)
    listed = authority.revocation_list(authority.issuing)
    outcomes = []
    for content, check in (
        (response, lambda octets: ocsp.read(octets, certificate, issuer, nonce, now)),
        (listed, lambda octets: crl.check(octets, certificate, issuer, now)),
    ):
        flipped = [
            content[:at] + bytes((content[at] ^ (1 << (at % 8)),)) + content[at + 1 :] for at in range(len(content))
        ]
        for octets in [*flipped, *(content[:end] for end in range(len(content)))]:
            try:
                check(octets)
            except Unusable:
                continue
            outcomes.append(octets)
    assert len(outcomes) <= 6  # in what no signature covers: names of algorithms a second time


async def test_addresses_and_requests_are_limited(server: AuthorityServer, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = server.authority
    many = ",".join(f"OCSP;URI:{server.url}/ocsp/issuing" for _ in range(50))
    signer = authority.signer("many-addresses", f"authorityInfoAccess={many}\n")
    server.ways["/ocsp/issuing"] = "hang_up"
    await refused(RevocationUnavailable, signer, issuers(authority))
    assert len(server.asked) == module.MAX_ADDRESSES
    server.asked.clear()
    monkeypatch.setattr(module, "MAX_REQUESTS", 2)
    await refused(RevocationUnavailable, signer, issuers(authority))
    assert len(server.asked) == 2


def test_a_number_is_found_in_a_list_of_many_and_a_list_without_entries_is_one(server: AuthorityServer) -> None:
    """The largest lists of the field hold some hundred thousand."""
    authority = server.authority
    issuer = authority.make("lister", authority.root, "basicConstraints=critical,CA:TRUE\n")
    holder = authority.make("listed", issuer, "")
    serial = holder.description.serial.upper()
    rows = [row(f"{at:032X}") for at in range(1 << 100, (1 << 100) + 20_000)]
    issuer.index.write_text("\n".join(rows) + "\n")
    many = authority.revocation_list(issuer)
    assert len(many) > 500_000
    now = datetime.now(UTC)
    assert crl.check(many, holder.description, issuer.description, now) > now
    issuer.index.write_text("\n".join([*rows, row(serial), ""]))
    with pytest.raises(Revoked):
        crl.check(authority.revocation_list(issuer), holder.description, issuer.description, now)


def row(serial: str) -> str:
    """Of the index of openssl ca: revoked."""
    return f"R\t491231000000Z\t260101000000Z\t{serial}\tunknown\t/CN=x"
