"""Levels T and LT through a running agent, with key files and authorities on loopback; openssl is the judge."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms
from lxml import etree

from agent.config import TimestampAuthority
from agent.errors import CertificateRevoked, PeroError, TimestampUnavailable, TimestampUnconfigured, TimestampWrong
from agent.transport.client import LocalClient, PinChoice
from tests.harness import pdf
from tests.harness.authority import Holder
from tests.harness.authority_server import AuthorityServer
from tests.harness.command_line import CommandLine
from tests.harness.gost_token import make_gost_token, openssl_gost, public_key, write_certificate

PASSPHRASE = "correct horse"
CONTENT = "Договор № 1\n".encode()
LARGE = (64 << 20) + 1  # bytes
LOOPBACK = ("127.0.0.0/8",)
only_ec = pytest.mark.parametrize("server", ["ec"], indirect=True)  # the bad day is the same for every kind of key
_DSIG = "http://www.w3.org/2000/09/xmldsig#"
_STAMP = "1.2.840.113549.1.9.16.2.14"
_OCSP = "1.3.6.1.5.5.7.16.2"  # id-ri-ocsp-response (RFC 5940)


class Desk:
    """One person's key, in a key file or on a token, and the authority that stands behind its certificate."""

    def __init__(self, line: CommandLine, server: AuthorityServer, name: str) -> None:
        self.line = line
        self.server = server
        self.document = line.folder / "contract.txt"
        self.document.write_bytes(CONTENT)
        server.ways.clear()
        server.asked.clear()
        self.modules: tuple[str, ...] = ()
        self.holder, self.pin = self._token(name) if server.authority.kind.startswith("gost") else self._key_file(name)
        self.thumbprint = self.holder.description.thumbprint
        self.stamping("right")

    def _key_file(self, name: str) -> tuple[Holder, str]:
        holder = self.server.authority.signer(name)
        made = self.server.authority.key_file(holder, PASSPHRASE)
        assert self.line.run("keyfile", "add", made, pin=PASSPHRASE).status == 0
        return holder, PASSPHRASE

    def _token(self, name: str) -> tuple[Holder, str]:
        authority, folder = self.server.authority, self.line.folder / "tokens"
        folder.mkdir()
        token = make_gost_token(folder, authority.kind, with_certificate=False)
        holder = authority.certificate_for(name, public_key(folder, token.label, token.pin, "01"))
        for identifier, one in (("01", holder), ("02", authority.issuing), ("03", authority.root)):
            write_certificate(folder, token.label, token.pin, one.der, identifier)
        self.line.environment |= token.environment
        self.modules = (token.module,)
        return holder, token.pin

    def stamping(self, *ways: str) -> None:
        self.settings(timestamp_authorities=tuple(self.server.stamping(way) for way in ways))

    def settings(self, **values: Any) -> None:
        """Of a running agent, which reads them anew."""
        self.line.settings(clock_hosts=(), modules=self.modules, certificate_networks=LOOPBACK, **values)

    async def sign(self, **options: Any) -> dict[str, Any]:
        reader, writer = os.pipe()
        os.write(writer, f"{self.pin}\n".encode())
        os.close(writer)
        try:
            client = await LocalClient.connect(self.line.places.socket, PinChoice("descriptor", reader))
            try:
                parameters = {"path": str(self.document), "certificate": self.thumbprint}
                return await client.call("sign_file", {**parameters, "options": options})
            finally:
                client.close()
        finally:
            os.close(reader)

    async def fails(self, kind: type[PeroError], **options: Any) -> dict[str, Any]:
        """The facts of the error."""
        with pytest.raises(kind) as caught:
            await self.sign(**options)
        return caught.value.facts

    def accepted(self, signature: bytes, *more: str) -> cms.SignerInfo:
        """By openssl, as CAdES, with nothing but the root; the signer."""
        path = self.line.folder / "signature.p7s"
        path.write_bytes(signature)
        openssl_gost(
            "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", path, "-content", self.document,
            "-CAfile", self.server.authority.root.certificate, "-purpose", "any", "-out", os.devnull, *more,
        )  # fmt: skip
        (signer,) = cms.ContentInfo.load(signature)["content"]["signer_infos"]
        return signer

    def stamped(self, signer: cms.SignerInfo) -> None:
        """One time-stamp, of the signature's value, right by openssl ts."""
        (attribute,) = [one for one in signer["unsigned_attrs"] if one["type"].dotted == _STAMP]
        (token,) = attribute["values"]
        judged = self.server.authority.verify_stamp(token.dump(), signer["signature"].native)
        assert judged.returncode == 0, judged.stderr


@pytest.fixture(scope="module", params=["rsa", "ec", "gost256-A", "gost512-A"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthorityServer]:
    with AuthorityServer(tmp_path_factory.mktemp("authority"), request.param) as made:
        yield made


@pytest.fixture
def desk(request: pytest.FixtureRequest, tmp_path: Path, server: AuthorityServer) -> Iterator[Desk]:
    with CommandLine(tmp_path) as line:
        made = Desk(line, server, "revoked" if "revoked" in request.node.name else "signer")
        with line.agent():
            yield made


async def test_signatures_reach_the_level_that_was_asked_for(desk: Desk) -> None:
    for level in ("t", "lt"):
        made = await desk.sign(level=level)
        assert made["level"] == level
        desk.stamped(desk.accepted(base64.b64decode(made["signature"])))


async def test_what_level_lt_holds_is_all_that_a_verifier_needs(desk: Desk, tmp_path: Path) -> None:
    """Once with lists alone, which openssl takes from the signature itself; once with OCSP answers."""
    desk.server.ways["/ocsp/issuing"] = "status_503"
    by_lists = base64.b64decode((await desk.sign(level="lt"))["signature"])
    desk.stamped(desk.accepted(by_lists, "-crl_check_all"))
    desk.server.ways.clear()
    by_answers = cms.ContentInfo.load(base64.b64decode((await desk.sign(level="lt"))["signature"]))
    answers = [one.chosen for one in by_answers["content"]["crls"] if one.name == "other"]
    assert [one["other_rev_info_format"].dotted for one in answers] == [_OCSP] * 2
    authority, good = desk.server.authority, []
    for one in answers:
        path = tmp_path / "answer.ocsp"
        path.write_bytes(one["other_rev_info"].dump())
        for holder in (desk.holder, authority.stamping):
            told = openssl_gost(
                "ocsp", "-respin", path, "-CAfile", authority.root.certificate, "-no_nonce",
                "-issuer", authority.issuing.certificate, "-cert", holder.certificate,
                "-verify_other", authority.issuing.certificate, check=False,
            )  # fmt: skip
            assert b"Response verify OK" in told.stderr
            good += [holder.name] if b": good" in told.stdout else []
    assert sorted(good) == sorted([desk.holder.name, "stamping"])


ec_and_gost = pytest.mark.parametrize("server", ["ec", "gost256-A"], indirect=True)


@ec_and_gost
async def test_documents_of_pdf_reach_the_levels(desk: Desk) -> None:
    desk.document.write_bytes(pdf.plain())
    for level in ("t", "lt"):
        made = base64.b64decode((await desk.sign(format="pades", level=level))["signature"])
        (one,) = pdf.embedded(made)
        assert pdf.openssl_verifies(desk.server.authority, one)
        (signer,) = cms.ContentInfo.load(one.cms)["content"]["signer_infos"]
        desk.stamped(signer)
        if desk.server.authority.kind == "ec":  # pyHanko knows no GOST
            lasting = level == "lt"
            status = await asyncio.to_thread(pdf.pyhanko_status, made, desk.server.authority.root.der, lasting=lasting)
            assert status.bottom_line
            assert status.timestamp_validity.trusted


@ec_and_gost
async def test_documents_of_xml_reach_the_levels(desk: Desk) -> None:
    desk.document.write_bytes("<договор><номер>1</номер></договор>".encode())
    for level in ("t", "lt"):
        root = etree.fromstring(base64.b64decode((await desk.sign(format="xades", level=level))["signature"]))
        (token,) = root.iter("{http://uri.etsi.org/01903/v1.3.2#}EncapsulatedTimeStamp")
        (value,) = root.iter(f"{{{_DSIG}}}SignatureValue")
        method = token.getparent().find(f"{{{_DSIG}}}CanonicalizationMethod").get("Algorithm")
        assert method == "http://www.w3.org/2001/10/xml-exc-c14n#"
        octets = etree.tostring(value, method="c14n", exclusive=True, with_tail=False)
        judged = desk.server.authority.verify_stamp(base64.b64decode(token.text), octets)
        assert judged.returncode == 0, judged.stderr
        assert len(list(root.iter("{http://uri.etsi.org/01903/v1.3.2#}EncapsulatedOCSPValue"))) == (
            2 if level == "lt" else 0
        )


@only_ec
async def test_the_command_makes_levels_too(desk: Desk) -> None:
    for level in ("t", "lt"):
        ended = desk.line.run("sign", desk.document, "--level", level, "--force", pin=desk.pin)
        assert ended.status == 0, ended.complaint
        desk.stamped(desk.accepted(desk.document.with_name("contract.txt.p7s").read_bytes()))
    desk.stamping("html")
    ended = desk.line.run("sign", desk.document, "--level", "t", "--force", pin=desk.pin, language="ru_RU")
    assert ended.status != 0
    assert "html: ответ другого вида" in ended.complaint


@only_ec
@pytest.mark.parametrize("level", ["t", "lt"])
async def test_a_large_document_is_attached_at_every_level(desk: Desk, level: str) -> None:
    """Larger than what is ever held: its signature is made of the digest, and put around the copy."""
    large = desk.line.folder / "large.bin"
    with large.open("wb") as file:
        file.write(b"begin")
        file.truncate(LARGE)
    ended = desk.line.run("sign", large, "--attached", "--level", level, "--force", pin=desk.pin)
    assert ended.status == 0, ended.complaint
    made = large.with_name("large.bin.p7m")
    openssl_gost(
        "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", made, "-purpose", "any",
        "-CAfile", desk.server.authority.root.certificate, "-out", desk.line.folder / "copy",
    )  # fmt: skip
    copied = subprocess.run(["cmp", large, desk.line.folder / "copy"], capture_output=True, check=False)
    assert copied.returncode == 0, copied.stderr
    told = desk.line.run("verify", made, "--trust", desk.server.authority.root.certificate, "--json").json
    assert (told["status"], told["signers"][0]["level"]) == ("valid", level)
    assert (told["revocation"] == "carried") == (level == "lt")


@only_ec
async def test_the_next_authority_stamps_where_the_first_is_down_or_wrong(desk: Desk) -> None:
    desk.stamping("status_503", "wrong_imprint", "right")
    made = await desk.sign(level="t")
    desk.stamped(desk.accepted(base64.b64decode(made["signature"])))


@only_ec
async def test_without_a_time_stamp_nothing_leaves_but_what_was_allowed(desk: Desk) -> None:
    desk.stamping("bad_signature", "html")
    facts = await desk.fails(TimestampWrong, level="t")
    assert facts == {"tried": "bad_signature=signature; html=media_type", "possible_level": "b"}
    made = await desk.sign(level="t", fallback=True)
    assert made["level"] == "b"
    assert not desk.accepted(base64.b64decode(made["signature"]))["unsigned_attrs"]
    desk.stamping()
    assert await desk.fails(TimestampUnconfigured, level="t") == {"possible_level": "b"}
    desk.settings(timestamp_authorities=(TimestampAuthority(url="http://tsa.invalid/"),))
    facts = await desk.fails(TimestampUnavailable, level="lt")
    assert facts == {"tried": "tsa.invalid=name_not_found", "possible_level": "b"}


@only_ec
async def test_a_revoked_certificate_makes_no_signature_of_level_lt(desk: Desk) -> None:
    desk.server.authority.revoke(desk.holder)
    for fallback in (False, True):
        facts = await desk.fails(CertificateRevoked, level="lt", fallback=fallback)
        assert facts == {"thumbprint": desk.thumbprint, "revoked_at": "2026-01-01", "reason": "key_compromise"}
    assert "certificate_revoked" in desk.line.run("journal", "list", "--json").output
