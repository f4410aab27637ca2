"""PDF documents for tests, written octet by octet or by qpdf, signed by openssl's keys, and their judges: poppler's
pdfsig, qpdf, openssl with the gost engine, pyHanko's validation."""

from __future__ import annotations

import asyncio
import io
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from agent.algorithms import SignatureAlgorithm, algorithm_for, digest_for_key, new_digest
from agent.certificates.description import describe
from agent.cms.formats import Completed, Material, Prepared
from agent.pdf.preparation import PdfOptions, prepare
from agent.pdf.process import Performer
from agent.timestamp.request import request, token_of
from tests.harness.authority import Authority, Holder

A4 = b"[0 0 595 842]"
_TEXT = b"BT /F1 24 Tf 72 700 Td (Contract) Tj ET"


def objects(catalogue: bytes = b"", page: bytes = b"", box: bytes = A4) -> dict[int, bytes]:
    """Bodies of the objects of a document of one page; number 1 is the catalogue, 3 the page."""
    return {
        1: b"<</Type/Catalog/Pages 2 0 R" + catalogue + b">>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox"
        + box
        + b"/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>"
        + page
        + b">>",
        4: stream(_TEXT),
        5: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    }


def stream(octets: bytes, entries: bytes = b"") -> bytes:
    return b"<<" + entries + b"/Length %d>>stream\n%s\nendstream" % (len(octets), octets)


def written(bodies: Mapping[int, bytes], trailer: bytes = b"", version: bytes = b"1.7", end: bytes = b"\n") -> bytes:
    """A file with a classical table."""
    file = io.BytesIO()
    file.write(b"%PDF-" + version + b"\n%\xe2\xe3\xcf\xd3\n")
    offsets = {}
    for number, body in bodies.items():
        offsets[number] = file.tell()
        file.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    table = file.tell()
    size = max(bodies) + 1
    file.write(b"xref\n0 %d\n0000000000 65535 f \n" % size)
    for number in range(1, size):
        file.write(b"%010d 00000 n \n" % offsets[number] if number in offsets else b"0000000000 65535 f \n")
    file.write(b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (size, trailer, table) + end)
    return file.getvalue()


def plain() -> bytes:
    return written(objects())


def with_form(fields: Mapping[int, bytes], form: bytes = b"", catalogue: bytes = b"") -> bytes:
    """A document with a form; fields by the numbers of their objects, from 6."""
    listed = b" ".join(b"%d 0 R" % number for number, body in fields.items() if b"/Parent" not in body)
    annotations = b" ".join(b"%d 0 R" % number for number, body in fields.items() if b"/Widget" in body)
    bodies = objects(b"/AcroForm<</Fields[%s]%s>>%s" % (listed, form, catalogue), b"/Annots[%s]" % annotations)
    return written({**bodies, **fields})


def field(name: bytes, rectangle: bytes = b"0 0 0 0", more: bytes = b"") -> bytes:
    return b"<</FT/Sig/T(%s)/Type/Annot/Subtype/Widget/F 132/P 3 0 R/Rect[%s]%s>>" % (name, rectangle, more)


def hybrid() -> bytes:
    """As word processors of Microsoft write them: a table for old readers, and behind it a section that names a stream
    with the rest (ISO 32000-1 section 7.5.8.4). Object 5 is in the stream only."""
    bodies = objects()
    file = io.BytesIO()
    file.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets = {}
    for number, body in bodies.items():
        offsets[number] = file.tell()
        file.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    offsets[6] = file.tell()
    entries = b"".join(b"\1" + offsets[number].to_bytes(4, "big") + b"\0" for number in (5, 6))
    file.write(b"6 0 obj\n%s\nendobj\n" % stream(entries, b"/Type/XRef/Size 7/W[1 4 1]/Index[5 2]/Root 1 0 R"))
    table = file.tell()
    file.write(b"xref\n0 7\n0000000005 65535 f \n")
    for number in range(1, 5):
        file.write(b"%010d 00000 n \n" % offsets[number])
    file.write(b"0000000006 00000 f \n0000000000 00000 f \n")
    file.write(b"trailer\n<</Size 7/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % table)
    second = file.tell()
    file.write(b"xref\n0 0\ntrailer\n<</Size 7/Root 1 0 R/Prev %d/XRefStm %d>>\n" % (table, offsets[6]))
    file.write(b"startxref\n%d\n%%%%EOF\n" % second)
    return file.getvalue()


def qpdf(document: bytes, folder: Path, *options: str) -> bytes:
    """The document rewritten by qpdf."""
    given, made = folder / "given.pdf", folder / "made.pdf"
    given.write_bytes(document)
    subprocess.run(["qpdf", *options, given, made], check=True, capture_output=True)
    return made.read_bytes()


# Signing


class Signer(NamedTuple):
    authority: Authority
    holder: Holder
    perform: Performer
    padding: str = "pkcs1"

    @property
    def algorithm(self) -> SignatureAlgorithm:
        found = self.holder.description
        return algorithm_for(found.key_type, digest_for_key(found.key_type, found.bits), self.padding)

    @property
    def chain(self) -> tuple[bytes, ...]:
        return (self.authority.issuing.der,)

    def prepare(self, document: bytes, options: PdfOptions | None = None, *, timestamp: bool = False) -> Prepared:
        return prepare(
            document,
            certificate=self.holder.description,
            chain=self.chain,
            algorithm=self.algorithm,
            moment=datetime.now(UTC),
            options=options or PdfOptions(),
            timestamp=timestamp,
            perform=self.perform,
        )

    def value(self, octets: bytes) -> bytes:
        """The signature of octets by the holder's key, as a token gives it."""
        digest = {"streebog256": "md_gost12_256", "streebog512": "md_gost12_512"}
        name = digest.get(self.algorithm.digest.name, self.algorithm.digest.name)
        pss = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:-1") if self.padding == "pss" else ()
        return self.authority.run("dgst", f"-{name}", "-sign", self.holder.key, *pss, "-binary", data=octets)

    def signed(self, document: bytes, options: PdfOptions | None = None, level: str = "b") -> bytes:
        prepared = self.prepare(document, options, timestamp=level != "b")
        completed = prepared.complete(self.value(prepared.signed))
        if level != "b":
            completed = completed.with_timestamp(self.token(completed))
        if level == "lt":
            completed = completed.with_material(self.material())
        return completed.value

    def token(self, completed: Completed) -> bytes:
        digest = self.algorithm.digest
        imprint = new_digest(digest.name, completed.stamped).digest()
        return token_of(self.authority.stamp(request(digest, imprint, 1)))

    def material(self) -> Material:
        """What a verifier needs of the signer, the time-stamp and the OCSP responder; by lists for the issuing one."""
        authority = self.authority
        return Material(
            certificates=(authority.root.der, authority.issuing.der, authority.responder.der, authority.stamping.der),
            ocsp=tuple(self._ocsp(holder) for holder in (self.holder, authority.stamping)),
            crls=(authority.revocation_list(authority.root), authority.revocation_list(authority.issuing)),
        )

    def _ocsp(self, holder: Holder) -> bytes:
        query = self.authority.folder / "ocsp.query"
        self.authority.run(
            "ocsp", "-issuer", self.authority.issuing.certificate, "-cert", holder.certificate, "-no_nonce",
            "-reqout", query,
        )  # fmt: skip
        return self.authority.answer_ocsp(query.read_bytes(), self.authority.issuing)


# What stands in a file


class Embedded(NamedTuple):
    cms: bytes  # without the padding
    covered: bytes  # the octets of the range
    length: int  # of the file as it was signed


def embedded(file: bytes) -> list[Embedded]:
    """The signatures of a file, by their ranges, as any reader finds them (ISO 32000-1 section 12.8.1)."""
    found = []
    for match in re.finditer(rb"/ByteRange \[0 (\d+) (\d+) (\d+)\]", file):
        start, end, rest = map(int, match.groups())
        contents = bytes.fromhex(file[start + 1 : end - 1].decode())
        size = 2 + (contents[1] & 0x7F) + int.from_bytes(contents[2 : 2 + (contents[1] & 0x7F)], "big")
        found.append(Embedded(contents[:size], file[:start] + file[end : end + rest], end + rest))
    return found


# Judges


def check_syntax(file: bytes, folder: Path) -> str:
    """qpdf's opinion; empty where all is well."""
    path = folder / "checked.pdf"
    path.write_bytes(file)
    done = subprocess.run(["qpdf", "--check", path], capture_output=True, check=False, text=True)
    return "" if done.returncode == 0 and "WARNING" not in done.stderr else done.stdout + done.stderr


def pdfsig(file: bytes, folder: Path, anchor: Holder | None = None) -> str:
    """What pdfsig says, with the anchor as the only one that it trusts."""
    path, store = folder / "judged.pdf", folder / "nss"
    path.write_bytes(file)
    if not store.exists():
        store.mkdir()
        subprocess.run(["certutil", "-N", "-d", f"sql:{store}", "--empty-password"], check=True, capture_output=True)
        if anchor:
            subprocess.run(
                ["certutil", "-A", "-d", f"sql:{store}", "-n", "root", "-t", "C,C,C", "-i", anchor.certificate],
                check=True, capture_output=True,
            )  # fmt: skip
    options = ["-nssdir", store] if anchor else ["-nocert"]
    done = subprocess.run(["pdfsig", *options, path], capture_output=True, check=False, text=True, cwd=folder)
    return done.stdout


def pyhanko_status(file: bytes, anchor: bytes, number: int = -1, *, lasting: bool = False) -> Any:
    """pyHanko's opinion of one signature (RSA and EC only). `lasting`: nothing but the file's own store says whether a
    certificate was revoked, and that must be said of each."""
    from asn1crypto import x509
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import DocumentSecurityStore, async_validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    reader = PdfFileReader(io.BytesIO(file), strict=False)
    settings: dict[str, Any] = {"trust_roots": [x509.Certificate.load(anchor)], "allow_fetching": False}
    if lasting:
        store = DocumentSecurityStore.read_dss(reader)
        context = store.as_validation_context({**settings, "revocation_mode": "require"})
    else:
        context = ValidationContext(**settings)
    signature = reader.embedded_signatures[number]
    return asyncio.run(async_validate_pdf_signature(signature, context, ts_validation_context=context))


def signed_by_pyhanko(
    document: bytes, authority: Authority, holder: Holder, *, permission: int | None = None, lock: Any = None
) -> bytes:
    """A signature by pyHanko; with `permission` (1 to 3) one that certifies. `lock`: a FieldMDPSpec for its field."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import MDPPerm, SigFieldSpec
    from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner

    signer = SimpleSigner.load(
        str(holder.key), str(holder.certificate), ca_chain_files=(authority.issuing.certificate,)
    )
    name = f"By{holder.name}"
    metadata = PdfSignatureMetadata(
        field_name=name,
        md_algorithm="sha256",
        certify=permission is not None,
        docmdp_permissions=MDPPerm(permission or 2),
    )
    made = PdfSigner(metadata, signer, new_field_spec=SigFieldSpec(name, field_mdp_spec=lock)).sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(document), strict=False)
    )
    octets: bytes = made.getvalue()
    return octets


def openssl_verifies(authority: Authority, one: Embedded) -> bool:
    """openssl's opinion, with the gost engine, of the CMS over the range."""
    given, content = authority.folder / "embedded.der", authority.folder / "covered.bin"
    given.write_bytes(one.cms)
    content.write_bytes(one.covered)
    from tests.harness.gost_token import openssl_gost

    done = openssl_gost(
        "cms", "-verify", "-binary", "-inform", "DER", "-in", given, "-content", content, "-cades",
        "-CAfile", authority.root.certificate, "-purpose", "any", "-out", "/dev/null", check=False,
    )  # fmt: skip
    return done.returncode == 0


def certificate_of(cms: bytes) -> str:
    """Thumbprint of the signer in a CMS with one signer."""
    from asn1crypto import cms as asn1

    data = asn1.ContentInfo.load(cms)["content"]
    number = data["signer_infos"][0]["sid"].chosen["serial_number"].native
    (found,) = [one.chosen.dump() for one in data["certificates"] if one.chosen.serial_number == number]
    return describe(found).thumbprint
