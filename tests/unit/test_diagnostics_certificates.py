"""Chains, revocation, periods of keys, newer certificates; over an authority whose services are broken one by one."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from agent.certificates.demo import create, load_profile
from agent.certificates.description import Description, describe, problems
from agent.certificates.pem import blocks
from agent.config import Settings
from agent.diagnostics import report
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.checks import (
    certificates_chain,
    certificates_kind,
    certificates_revocation,
    certificates_superseded,
    certificates_usable,
)
from agent.diagnostics.held import is_demo
from agent.diagnostics.probes.trust import RealTrust
from agent.texts.catalogue import LANGUAGES
from tests.harness.authority import Authority
from tests.harness.authority_server import AuthorityServer
from tests.harness.core import certificate
from tests.harness.diagnosed import Fake
from tests.harness.gost import Gost

LOOPBACK = ("127.0.0.0/8",)
QUALIFIED = (
    "keyUsage=critical,digitalSignature,nonRepudiation\n"
    "1.2.643.100.111=ASN1:UTF8String:tool of the signer\n"
    "1.2.643.100.112=ASN1:SEQUENCE:tools\n"
    "certificatePolicies=1.2.643.100.113.1,1.2.643.100.113.2\n"
)
TOOLS = "\n[tools]\na=UTF8:tool\nb=UTF8:tool\nc=UTF8:tool\nd=UTF8:tool\n"
END = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,nonRepudiation\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthorityServer]:
    with AuthorityServer(tmp_path_factory.mktemp("authority"), "ec") as running:
        yield running


@pytest.fixture
def authority(server: AuthorityServer) -> Iterator[Authority]:
    server.ways.clear()
    yield server.authority
    server.ways.clear()


class Today(Fake):
    """What openssl makes is valid from today, so this machine's clock shows today."""

    def __init__(self, folder: Path, authority: Authority | None = None, *, trusted: bool = True) -> None:
        super().__init__()
        self.moment = datetime.now(UTC) + timedelta(minutes=2)  # what is made during a test has begun by then
        self.set = Settings(certificate_networks=LOOPBACK, proxy="direct", expiry_days=10)
        (folder / "etc/ssl").mkdir(parents=True, exist_ok=True)
        if authority is not None and trusted:
            (folder / "etc/ssl/cert.pem").write_bytes(authority.root.certificate.read_bytes())
        self.folder = folder
        self.renew()

    def renew(self) -> None:
        """Nothing was asked yet."""
        self.trust = RealTrust(self.settings, {}, self.now, self.folder / "issuers", self.folder)  # type: ignore[assignment]

    def now(self) -> datetime:
        return self.moment

    def hold(self, *certificates: Description, chain: tuple[bytes, ...] = ()) -> None:
        self.certificates = [row(one, self.moment, chain) for one in certificates]


def row(certificate: Description, now: datetime, chain: tuple[bytes, ...] = ()) -> dict[str, Any]:
    """As the method `certificates` tells it."""
    return {
        "owner": certificate.owner,
        "thumbprint": certificate.thumbprint,
        "certificate": base64.b64encode(certificate.der).decode(),
        "chain": [base64.b64encode(one).decode() for one in chain],
        "not_before": certificate.not_before.isoformat(),
        "not_after": certificate.not_after.isoformat(),
        "problems": list(problems(certificate, now)),
    }


async def only(check: Check, fake: Any) -> Finding:
    """The one finding of a check; worded in both languages."""
    (finding,) = await check.examine(fake)
    for language in LANGUAGES:
        told = report.wording(finding, language) + report.advice(finding, language) + report.why(finding, language)
        assert "check." not in told, told
        assert "?" not in report.wording(finding, language), report.wording(finding, language)
    return finding


async def test_a_chain_that_is_complete_and_one_whose_root_nobody_knows(authority: Authority, tmp_path: Path) -> None:
    fake = Today(tmp_path, authority, trusted=False)
    fake.hold(authority.signer().description, chain=(authority.issuing.der, authority.root.der))
    assert (await only(certificates_chain.CHECK, fake)).case == "root_unknown"
    (tmp_path / "etc/ssl/cert.pem").write_bytes(authority.root.certificate.read_bytes())
    assert (await only(certificates_chain.CHECK, fake)).case == "complete"


async def test_a_missing_intermediate_is_fetched_to_see_and_found_once_it_is_kept(
    server: AuthorityServer, authority: Authority, tmp_path: Path
) -> None:
    fake = Today(tmp_path, authority)
    fake.hold(authority.signer().description)
    finding = await only(certificates_chain.CHECK, fake)
    assert (finding.case, finding.status) == ("issuer_fetchable", "warning")
    assert finding.facts["address"] == f"{server.url}/issuer/issuing"
    assert finding.facts["below"] == authority.signer().description.thumbprint
    server.ways["/issuer/issuing"] = "status_503"
    fake.renew()
    finding = await only(certificates_chain.CHECK, fake)
    assert finding.case == "issuer_unavailable"
    assert "503" in report.wording(finding, "ru")
    (tmp_path / "issuers").mkdir()
    (tmp_path / "issuers/one.pem").write_bytes(authority.issuing.certificate.read_bytes())
    assert (await only(certificates_chain.CHECK, fake)).case == "complete"


async def test_an_address_on_loopback_is_not_asked_for_a_stranger(authority: Authority, tmp_path: Path) -> None:
    fake = Today(tmp_path, authority)
    fake.set = Settings(proxy="direct")
    fake.hold(authority.signer().description)
    assert (await only(certificates_chain.CHECK, fake)).case == "issuer_unavailable"


async def test_certificates_without_issuers_and_addresses(authority: Authority, tmp_path: Path) -> None:
    fake = Today(tmp_path, authority)
    fake.hold(authority.signer("alone", "").description)
    assert (await only(certificates_chain.CHECK, fake)).case == "issuer_unnamed"
    assert (await only(certificates_revocation.CHECK, fake)).case == "unnamed"
    fake.hold(authority.make("own", None, END).description)
    assert (await only(certificates_chain.CHECK, fake)).case == "self_signed"


async def test_issuers_that_end_and_ended(authority: Authority, tmp_path: Path) -> None:
    fake = Today(tmp_path, authority)
    short = authority.make("short", authority.root, "basicConstraints=critical,CA:TRUE\n", days=5)
    leaf = authority.make("below-short", short, END, days=30)
    fake.hold(leaf.description, chain=(short.der, authority.root.der))
    assert (await only(certificates_chain.CHECK, fake)).case == "issuer_ends_soon"
    fake.moment += timedelta(days=6)
    finding = await only(certificates_chain.CHECK, fake)
    assert (finding.case, finding.status, finding.facts["issuer"]) == ("issuer_expired", "error", "short")


async def test_a_chain_that_does_not_hold(authority: Authority, tmp_path: Path) -> None:
    fake = Today(tmp_path, authority)
    limited = authority.make("limited", authority.root, "basicConstraints=critical,CA:TRUE,pathlen:0\n")
    below = authority.make("too-deep", limited, "basicConstraints=critical,CA:TRUE\n")
    leaf = authority.make("below-too-deep", below, END)
    fake.hold(leaf.description, chain=(below.der, limited.der))
    finding = await only(certificates_chain.CHECK, fake)
    assert (finding.case, finding.status) == ("invalid", "error")


async def revocation(fake: Today) -> tuple[str, str]:
    fake.renew()
    finding = await only(certificates_revocation.CHECK, fake)
    return finding.case, finding.status


async def test_each_address_of_revocation_is_tried(
    server: AuthorityServer, authority: Authority, tmp_path: Path
) -> None:
    fake = Today(tmp_path, authority)
    fake.hold(authority.signer().description, chain=(authority.issuing.der,))
    assert await revocation(fake) == ("good", "ok")
    for place in ("/ocsp/issuing", "/list/issuing"):
        server.ways[place] = "status_503"
        finding_of_one = await revocation(fake)
        assert finding_of_one == ("some_silent", "warning"), place
        server.ways.clear()
    server.ways |= {"/ocsp/issuing": "html", "/list/issuing": "hang_up"}
    assert await revocation(fake) == ("all_silent", "warning")
    server.ways.clear()
    assert await revocation(fake) == ("good", "ok")


async def test_a_host_that_cannot_be_reached_is_named(authority: Authority, tmp_path: Path) -> None:
    fake = Today(tmp_path, authority)
    gone = authority.signer("gone", "authorityInfoAccess=OCSP;URI:http://127.0.0.1:1/ocsp\n")
    fake.hold(gone.description, chain=(authority.issuing.der,))
    finding = await only(certificates_revocation.CHECK, fake)
    assert finding.case == "all_silent"
    assert "127.0.0.1:1" in report.wording(finding, "en")


async def test_lists_that_are_out_of_date_and_a_revoked_certificate(authority: Authority, tmp_path: Path) -> None:
    fake = Today(tmp_path, authority)
    listed = authority.signer("listed", authority.places("issuing", ocsp=False))
    fake.hold(listed.description, chain=(authority.issuing.der,))
    assert await revocation(fake) == ("good", "ok")
    fake.moment += timedelta(days=4)  # the server's lists are good for a day
    assert await revocation(fake) == ("stale", "warning")
    fake.moment -= timedelta(days=4)
    authority.revoke(listed)
    fake.renew()
    finding = await only(certificates_revocation.CHECK, fake)
    assert (finding.case, finding.status, finding.facts["date"]) == ("revoked", "error", "2026-01-01")


async def test_without_its_issuer_nothing_is_said_of_a_state(
    server: AuthorityServer, authority: Authority, tmp_path: Path
) -> None:
    fake = Today(tmp_path, authority)
    fake.hold(authority.signer().description)
    assert await revocation(fake) == ("good", "ok")
    server.ways["/issuer/issuing"] = "status_503"
    assert await revocation(fake) == ("no_issuer", "unknown")


def period(begins: datetime | None, ends: datetime | None) -> str:
    """privateKeyUsagePeriod (RFC 3280 section 4.2.1.4) as openssl takes any extension."""
    parts = b""
    for tag, moment in ((0x80, begins), (0x81, ends)):
        if moment is not None:
            text = f"{moment:%Y%m%d%H%M%SZ}".encode()
            parts += bytes((tag, len(text))) + text
    return END + f"2.5.29.16=DER:{(bytes((0x30, len(parts))) + parts).hex(':')}\n"


@pytest.mark.parametrize(
    ("name", "begins", "ends", "case"),
    [
        ("over", -20, -1, "key_period_over"),
        ("ahead", 1, 20, "key_period_not_begun"),
        ("ending", -1, 9, "key_ends_soon"),
        ("fine", -1, 11, "valid"),
    ],
)
async def test_the_period_of_a_private_key_is_looked_at(
    authority: Authority, tmp_path: Path, name: str, begins: int, ends: int, case: str
) -> None:
    fake = Today(tmp_path, authority)
    begin, end = (fake.moment + timedelta(days=days, hours=1) for days in (begins, ends))
    fake.hold(authority.make(name, authority.issuing, period(begin, end)).description)
    findings = await certificates_usable.CHECK.examine(fake)
    assert findings[0].case == case
    unusable = case.startswith("key_period")
    assert [finding.case for finding in findings[1:]] == (["none_usable"] if unusable else [])
    for language in LANGUAGES:
        assert "?" not in report.wording(findings[0], language)


async def test_a_certificate_that_was_replaced(tmp_path: Path) -> None:
    fake = Today(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    inn = [("1.2.643.3.131.1.1", "500100732259")]
    old = describe(certificate(key, "Макетова", begins=fake.moment - timedelta(days=30), days=60, subject=inn))
    new = describe(certificate(key, "Макетова", begins=fake.moment - timedelta(days=1), days=90, subject=inn))
    namesake = describe(certificate(key, "Макетова", begins=fake.moment - timedelta(days=1), days=90))
    fake.hold(old, namesake)
    assert (await only(certificates_superseded.CHECK, fake)).case == "none", "a name is not a person"
    fake.hold(old, new)
    finding = await only(certificates_superseded.CHECK, fake)
    assert (finding.case, finding.facts["newer"]) == ("newer", new.thumbprint)
    fake.moment += timedelta(days=35)
    fake.hold(old, new)
    assert (await only(certificates_superseded.CHECK, fake)).case == "none"
    assert [one.case for one in await certificates_usable.CHECK.examine(fake)] == ["expired_replaced", "valid"]
    fake.hold(old, namesake)
    assert [one.case for one in await certificates_usable.CHECK.examine(fake)] == ["expired", "valid"]


def test_the_demo_authority_is_known(tmp_path: Path, authority: Authority) -> None:
    files = create(tmp_path, load_profile(), datetime.now(UTC))
    (root,) = (path for path in files if path.name == "ca.pem")
    assert is_demo(describe(blocks(root.read_bytes(), frozenset({"CERTIFICATE"}))[0]))
    assert not is_demo(authority.root.description)


async def test_the_kind_of_a_certificate_with_a_gost_key(authority: Authority, tmp_path: Path) -> None:
    fake = Today(tmp_path)
    fake.hold(authority.signer().description)
    assert (await only(certificates_kind.CHECK, fake)).case == "none"
    gost = Gost(tmp_path)
    root = gost.root("gost256-A")

    def made(subject: str, extensions: str) -> Description:
        settings = tmp_path / "kind.ext"
        settings.write_text(extensions + TOOLS)
        request = gost.openssl("req", "-new", "-key", root.key, "-md_gost12_256", "-subj", f"/CN=DEMO{subject}").stdout
        issue = ("-CA", root.certificate, "-CAkey", root.key, "-md_gost12_256", "-extfile", settings)
        return describe(gost.openssl("x509", "-req", *issue, "-outform", "DER", data=request).stdout)

    fake.hold(made("/SNILS=11223344595", QUALIFIED))
    finding = await only(certificates_kind.CHECK, fake)
    assert (finding.case, finding.facts["tools"]) == ("qualified", "КС2")
    fake.hold(made("/SNILS=11223344595", END))
    assert (await only(certificates_kind.CHECK, fake)).case == "not_qualified"
    fake.hold(made("/SNILS=11223344596", QUALIFIED))
    finding = await only(certificates_kind.CHECK, fake)
    assert (finding.case, finding.facts["number"]) == ("number_wrong", "SNILS")
