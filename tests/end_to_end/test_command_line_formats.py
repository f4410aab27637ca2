"""`pero sign` makes every kind of signature, and says which certificates fit; openssl, pdfsig and xmlsec1 judge."""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives.serialization import Encoding

from tests.harness import pdf
from tests.harness.command_line import CommandLine, Ended
from tests.harness.keyfiles import PASSPHRASE, KeyFile, make_key_file
from tests.harness.openssl import openssl

CONTENT = "Договор № 1\n".encode()
XML = b'<order Id="o1"><item>tea</item></order>\n'


@pytest.fixture
def pero(tmp_path: Path) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        (tmp_path / "contract.txt").write_bytes(CONTENT)
        (tmp_path / "order.xml").write_bytes(XML)
        (tmp_path / "contract.pdf").write_bytes(pdf.plain())
        yield line


def key_file(pero: CommandLine, kind: str, name: str) -> KeyFile:
    made = make_key_file(pero.folder, kind, name=f"{kind}.p12", common_name=name)
    assert pero.run("keyfile", "add", made.path, pin=PASSPHRASE).status == 0
    return made


@pytest.fixture
def signer(pero: CommandLine) -> KeyFile:
    return key_file(pero, "p256", "Signer")


def signed(pero: CommandLine, *arguments: str | Path) -> Ended:
    ended = pero.run("sign", *arguments, pin=PASSPHRASE)
    assert ended.status == 0, ended.complaint
    return ended


def accepted(pero: CommandLine, signature: Path, key: KeyFile, *more: str | Path, way: str = "DER") -> None:
    root = pero.folder / "root.pem"
    root.write_bytes(key.identity.authority.public_bytes(Encoding.PEM))
    openssl(
        "cms", "-verify", "-binary", "-inform", way, "-in", signature, "-CAfile", root, "-purpose", "any",
        "-content", pero.folder / "contract.txt", *more,
    )  # fmt: skip


def xmlsec_accepts(pero: CommandLine, name: str) -> None:
    names = ("http://uri.etsi.org/01903/v1.3.2#:SignedProperties", "http://www.w3.org/2000/09/xmldsig#:Object")
    ids = [part for one in names for part in ("--id-attr:Id", one)]
    command = ["xmlsec1", "--verify", "--trusted-pem", "root.pem", *ids, name]
    done = subprocess.run(command, cwd=pero.folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_each_kind_goes_beside_the_document_by_its_own_name(pero: CommandLine, signer: KeyFile) -> None:
    (pero.folder / "root.pem").write_bytes(signer.identity.authority.public_bytes(Encoding.PEM))
    before = set(pero.folder.iterdir())
    for *options, written in (
        ("contract.txt", "contract.txt.p7s"),
        ("contract.txt", "--format", "cms", "--attached", "contract.txt.p7m"),
        ("contract.txt", "--encoding", "base64", "contract.txt.sig"),
        ("contract.pdf", "--format", "pades", "contract.signed.pdf"),
        ("order.xml", "--format", "xades", "order.signed.xml"),
        ("order.xml", "--format", "xmldsig", "--packaging", "detached", "order.xml.sig.xml"),
        ("contract.txt", "--format", "xades", "--packaging", "detached", "contract.txt.sig.xml"),
    ):
        assert f"Signature written: {written}" in signed(pero, *options).output
    accepted(pero, pero.folder / "contract.txt.p7s", signer, "-cades")
    accepted(pero, pero.folder / "contract.txt.p7m", signer)
    (pero.folder / "der").write_bytes(base64.b64decode((pero.folder / "contract.txt.sig").read_bytes()))
    accepted(pero, pero.folder / "der", signer, "-cades")
    assert "Signature is Valid" in pdf.pdfsig((pero.folder / "contract.signed.pdf").read_bytes(), pero.folder)
    for name in ("order.signed.xml", "order.xml.sig.xml", "contract.txt.sig.xml"):
        xmlsec_accepts(pero, name)
    assert {path.name for path in set(pero.folder.iterdir()) - before} >= {"contract.txt.p7s", "contract.signed.pdf"}
    assert (pero.folder / "contract.pdf").read_bytes() == pdf.plain()
    assert (pero.folder / "order.xml").read_bytes() == XML


def test_a_signed_pdf_is_never_overwritten_unasked(pero: CommandLine, signer: KeyFile) -> None:
    (pero.folder / "contract.signed.pdf").write_bytes(b"older")
    ended = pero.run("sign", "contract.pdf", "--format", "pades", "--json", pin=PASSPHRASE)
    assert (ended.status, ended.json["error"]["name"]) == (3, "file_unwritable")
    ended = pero.run("sign", "contract.pdf", "--format", "pades", "-o", "contract.pdf", "--force", pin=PASSPHRASE)
    assert ended.status == 64
    assert (pero.folder / "contract.signed.pdf").read_bytes() == b"older"
    assert (pero.folder / "contract.pdf").read_bytes() == pdf.plain()


def test_a_visible_mark_has_its_place_and_reason(pero: CommandLine, signer: KeyFile) -> None:
    options = ("--visible", "50,60,200,80,1", "--text", "Согласовано", "--reason", "Утверждаю", "--location", "Москва")
    signed(pero, "contract.pdf", "--format", "pades", *options)
    file = (pero.folder / "contract.signed.pdf").read_bytes()
    assert "Signature is Valid" in pdf.pdfsig(file, pero.folder)
    text = subprocess.run(
        ["pdftotext", "contract.signed.pdf", "-"], cwd=pero.folder, capture_output=True, check=True
    ).stdout.decode()
    assert "Согласовано" in text


def test_two_sign_one_file_and_a_third_certifies(pero: CommandLine, signer: KeyFile) -> None:
    signed(pero, "contract.txt", "--encoding", "pem", "-o", "one.pem")
    second = key_file(pero, "rsa2048", "Second")
    named = ("--certificate", second.identity.thumbprint)
    signed(pero, "contract.txt", "--co-sign", "one.pem", "-o", "both.p7s", *named)
    accepted(pero, pero.folder / "both.p7s", signer, "-cades")
    assert len(cms.ContentInfo.load((pero.folder / "both.p7s").read_bytes())["content"]["signer_infos"]) == 2
    signed(pero, "contract.txt", "--counter-sign", "both.p7s", "--signer", "2", "-o", "certified.p7s", *named)
    accepted(pero, pero.folder / "certified.p7s", signer, "-cades")
    signers = cms.ContentInfo.load((pero.folder / "certified.p7s").read_bytes())["content"]["signer_infos"]
    kinds = [[one["type"].dotted for one in each["unsigned_attrs"] or ()] for each in signers]
    assert sorted(kinds) == [[], ["1.2.840.113549.1.9.6"]]
    ended = pero.run("sign", "order.xml", "--co-sign", "one.pem", "-o", "x", "--json", *named, pin=PASSPHRASE)
    assert ended.json["error"]["name"] == "content_differs"
    assert not (pero.folder / "x").exists()


def test_a_certificate_is_chosen_by_what_is_asked_of_it(pero: CommandLine, signer: KeyFile) -> None:
    rsa = key_file(pero, "rsa2048", "Second")
    ended = pero.run("sign", "contract.txt", "--json", pin=PASSPHRASE)
    assert ended.json["error"]["name"] == "certificate_ambiguous"
    made = signed(pero, "contract.txt", "--filter", "subject=second", "--json").json
    assert made["certificate"]["thumbprint"] == rsa.identity.thumbprint
    made = signed(pero, "contract.txt", "--filter", "key_types=ec,gost256", "-o", "b", "--json").json
    assert made["certificate"]["thumbprint"] == signer.identity.thumbprint
    made = signed(pero, "contract.txt", "--padding", "pss", "-o", "c", "--json").json
    assert made["certificate"]["thumbprint"] == rsa.identity.thumbprint
    accepted(pero, pero.folder / "c", rsa, "-cades")
    ended = pero.run("sign", "contract.txt", "--filter", "inn=7707083893", "-o", "d", "--json", pin=PASSPHRASE)
    assert ended.json["error"]["name"] == "no_certificate"


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_reasons_why_one_is_not_offered_can_be_seen(pero: CommandLine, signer: KeyFile, language: str) -> None:
    words = {"en": "Not offered: it has another INN", "ru": "Не предлагается: запрошен сертификат с другим ИНН"}
    tongue = {"en": "C", "ru": "ru_RU.UTF-8"}[language]
    for command in (
        ("certificates", "--for", "inn=7707083893"),
        ("sign", "contract.txt", "--explain", "--filter", "inn=7707083893"),
    ):
        ended = pero.run(*command, language=tongue)
        assert ended.status == 0
        assert words[language] in ended.output
    listed = pero.run("certificates", "--for", "inn=7707083893", "--json").json["certificates"]
    assert [(row["owner"], row["misfits"]) for row in listed] == [("Signer", ["other_inn"])]
    assert not (pero.folder / "contract.txt.p7s").exists()


def test_what_is_no_option_is_said_before_anything_is_done(pero: CommandLine) -> None:
    for options in (
        ("--filter", "inn"), ("--filter", "colour=red"), ("--filter", "key_sizes=big"), ("--visible", "1,2,3"),
        ("--visible", "1,2,3,4,5.5"), ("--text", "x"), ("--co-sign", "a", "--counter-sign", "b"), ("--level", "lta"),
        ("--signer", "0"),
    ):  # fmt: skip
        ended = pero.run("sign", "contract.txt", *options, pin=PASSPHRASE)
        assert (ended.status, ended.complaint != "") == (64, True), options


def test_what_cannot_be_signed_so_is_an_error_and_leaves_no_file(pero: CommandLine, signer: KeyFile) -> None:
    before = sorted(path.name for path in pero.folder.iterdir())
    for options, error in (
        (("--format", "pades"), "document_damaged"),
        (("--format", "xades"), "document_damaged"),
        (("--level", "t"), "timestamp_unconfigured"),
        (("--co-sign", "order.xml"), "signature_damaged"),
        (("--co-sign", "nowhere"), "file_unreadable"),
        (("--digest", "md5"), "algorithm_unsupported"),
    ):
        ended = pero.run("sign", "contract.txt", *options, "--json", pin=PASSPHRASE)
        assert (ended.status, ended.json["error"]["name"]) == (3, error), options
        assert ended.json["error"]["text"] != f"error.{error}.text"
    assert sorted(path.name for path in pero.folder.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--format", "cms", "--level", "t"), "У формата cms нет уровня T"),
        (("--format", "xades", "--attached"), "--attached не подходит к формату xades"),
        (("--fallback",), "--fallback имеет смысл только с --level"),
        (("--format", "xades", "--reason", "да"), "нет места для причины"),
        (("--signer", "2"), "--signer имеет смысл только с --counter-sign"),
        (
            ("--format", "xmldsig", "--packaging", "detached", "--place", "x"),
            "Эти параметры подписи XML вместе",
        ),
        (("--visible", "1,2,3,4"), "бывают только у pades"),
        (("--visible", "1,2,0,4", "--format", "pades"), "Недопустимое значение параметра --visible"),
        (("--filter", "inn=123"), "ИНН — это 10 или 12 цифр"),
        (("--filter", "valid_at=yesterday"), "Время пишется так"),
        (("--filter", "key_usage=sing"), "Недопустимое значение условия: key_usage=sing"),
    ],
)
def test_options_that_do_not_go_together_are_told_at_once_in_the_persons_language(
    pero: CommandLine, options: tuple[str, ...], words: str
) -> None:
    """Nothing is read, nobody is asked, and no English is left in it but what is typed so."""
    ended = pero.run("sign", "contract.txt", *options, pin=PASSPHRASE, language="ru_RU.UTF-8")
    assert ended.status == 64
    assert words in ended.complaint
    assert not re.search(r"\b(goes|does not|Expected|Error|Usage|No such|File)\b", ended.complaint), ended.complaint


def test_what_the_system_says_of_files_is_said_in_russian(pero: CommandLine, signer: KeyFile) -> None:
    (pero.folder / "contract.txt.p7s").write_bytes(b"")
    for arguments, words in (
        (("contract.txt",), "contract.txt.p7s (такой файл уже есть)"),
        (("nowhere.txt",), "nowhere.txt (такого файла или папки нет)"),
        (("contract.txt", "-o", "none/out"), "(такого файла или папки нет)"),
        ((".",), "(это не файл)"),
    ):
        ended = pero.run("sign", *arguments, pin=PASSPHRASE, language="ru_RU.UTF-8")
        assert (ended.status, words in ended.complaint) == (3, True), ended.complaint
