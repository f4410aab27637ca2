"""What `pero sign` makes of documents and signatures that are empty, marked, ambiguous or damaged (R4, R5)."""

from __future__ import annotations

import codecs
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.harness.command_line import CommandLine
from tests.harness.keyfiles import PASSPHRASE, KeyFile, make_key_file
from tests.harness.openssl import openssl


@pytest.fixture(scope="module")
def pero(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with CommandLine(tmp_path_factory.mktemp("line")) as line, line.agent():
        yield line


@pytest.fixture(scope="module")
def signer(pero: CommandLine) -> KeyFile:
    made = make_key_file(pero.folder, "p256", name="p256.p12", common_name="Signer")
    assert pero.run("keyfile", "add", made.path, pin=PASSPHRASE).status == 0
    (pero.folder / "root.pem").write_bytes(made.identity.authority.public_bytes(Encoding.PEM))
    return made


def written(pero: CommandLine, name: str, content: bytes) -> Path:
    (pero.folder / name).write_bytes(content)
    return pero.folder / name


def error(pero: CommandLine, *arguments: str | Path) -> tuple[int, str]:
    ended = pero.run("sign", *arguments, "--json", pin=PASSPHRASE)
    return ended.status, ended.json["error"]["name"]


@pytest.mark.parametrize("attached", [(), ("--attached",)])
def test_content_of_no_bytes_is_signed_as_cms(pero: CommandLine, signer: KeyFile, attached: tuple[str, ...]) -> None:
    empty = written(pero, "empty", b"")
    made = pero.folder / f"empty{len(attached)}"
    assert pero.run("sign", empty, *attached, "--format", "cms", "-o", made, pin=PASSPHRASE).status == 0
    content = () if attached else ("-content", empty)
    done = openssl(
        "cms", "-verify", "-binary", "-inform", "DER", "-in", made, *content, "-CAfile", pero.folder / "root.pem",
        "-purpose", "any",
    )  # fmt: skip
    assert getattr(done, "stdout", done) in (b"", "")


@pytest.mark.parametrize("kind", ["pades", "xades", "xmldsig"])
def test_content_of_no_bytes_is_no_pdf_and_no_xml(pero: CommandLine, signer: KeyFile, kind: str) -> None:
    before = set(pero.folder.iterdir())
    assert error(pero, written(pero, "empty", b""), "--format", kind) == (3, "document_damaged")
    assert set(pero.folder.iterdir()) <= {*before, pero.folder / "empty"}


def test_a_byte_order_mark_stays_and_the_signature_is_right(pero: CommandLine, signer: KeyFile) -> None:
    document = codecs.BOM_UTF8 + '<?xml version="1.0"?>\n<заказ Id="o1"/>'.encode()
    ended = pero.run("sign", written(pero, "bom.xml", document), "--format", "xmldsig", pin=PASSPHRASE)
    assert ended.status == 0, ended.complaint
    signed = pero.folder / "bom.signed.xml"
    assert signed.read_bytes().startswith(codecs.BOM_UTF8 + b"<?xml")
    done = subprocess.run(
        ["xmlsec1", "--verify", "--trusted-pem", "root.pem", signed], cwd=pero.folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert pero.run("verify", signed, "--trust", pero.folder / "root.pem").status == 0


def test_an_id_that_is_there_twice_is_refused(pero: CommandLine, signer: KeyFile) -> None:
    document = written(pero, "ids.xml", b'<a><b Id="x">1</b><b id="x">2</b><c ID="y"/></a>')
    assert error(pero, document, "--format", "xades", "--id", "x") == (3, "element_unclear")
    assert error(pero, document, "--format", "xades", "--id", "z") == (3, "element_unclear")
    assert pero.run("sign", document, "--format", "xades", "--id", "y", pin=PASSPHRASE).status == 0


@pytest.mark.parametrize("spoil", ["cut", "text", "empty", "certificate", "flipped"])
def test_a_signature_that_is_none_gets_no_second_signer(pero: CommandLine, signer: KeyFile, spoil: str) -> None:
    document = written(pero, "contract", b"contract")
    first = pero.folder / "first.p7s"
    assert pero.run("sign", document, "-o", first, "--force", pin=PASSPHRASE).status == 0
    right = first.read_bytes()
    existing = {
        "cut": right[:-7], "text": b"not a signature", "empty": b"", "certificate": signer.identity.der,
        "flipped": right[:2] + bytes([right[2] ^ 0x40]) + right[3:],
    }[spoil]  # fmt: skip
    damaged = written(pero, "damaged.p7s", existing)
    for mode in ("--co-sign", "--counter-sign"):
        status, name = error(pero, document, mode, damaged, "-o", "never", "--force")
        assert (status, name) in ((3, "signature_damaged"), (3, "existing_unsupported")), name
    assert not (pero.folder / "never").exists()
