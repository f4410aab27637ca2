"""XML signatures from outside: keys that sign as a token does, and xmlsec1, signxml, xmllint, openssl as judges."""

from __future__ import annotations

import base64
import datetime
import functools
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import signxml
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from agent.algorithms import SignatureAlgorithm, algorithm_for, digest_for_key, digest_named, new_digest
from agent.certificates.description import Description, describe
from agent.verification.own_xml import Case, verify_own
from agent.xml.options import Options
from agent.xml.signature import CompletedXml, prepare
from tests.harness.gost import Gost, Holder
from tests.harness.keyfiles import Identity, certificate_for, make_identity, new_key

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
DS = "{http://www.w3.org/2000/09/xmldsig#}"
XADES = "{http://uri.etsi.org/01903/v1.3.2#}"
SCHEMAS = Path(signxml.__file__).parent / "xades" / "schemas"
_HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


class Signer:
    """One key and its certificate."""

    description: Description
    chain: tuple[bytes, ...]

    def value(self, algorithm: SignatureAlgorithm, octets: bytes) -> bytes:
        """As a token gives it."""
        raise NotImplementedError

    def algorithm(self, digest: str | None = None, padded: str = "pkcs1") -> SignatureAlgorithm:
        kind, bits = self.description.key_type, self.description.bits
        return algorithm_for(kind, digest_named(digest) if digest else digest_for_key(kind, bits), padded)

    def sign(
        self, document: bytes, options: Options, algorithm: SignatureAlgorithm | None = None, *, checked: bool = True
    ) -> CompletedXml:
        """Prepared, signed, completed, and checked as before it leaves."""
        chosen = algorithm or self.algorithm()
        prepared = prepare(
            document, certificate=self.description, chain=self.chain, algorithm=chosen, moment=NOW, options=options
        )
        completed = prepared.complete(self.value(chosen, prepared.signed))
        if checked:
            verify_own(completed.value, self.case(document, options, chosen))
        return completed

    def case(self, document: bytes, options: Options, algorithm: SignatureAlgorithm | None = None, **more: Any) -> Case:
        return Case(document, self.description, algorithm or self.algorithm(), options, **more)


class KeySigner(Signer):
    """RSA or EC, by `cryptography`."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.description = describe(identity.der)
        self.chain = (identity.authority.public_bytes(Encoding.DER),)

    def value(self, algorithm: SignatureAlgorithm, octets: bytes) -> bytes:
        key, hashing = self.identity.key, _HASHES[algorithm.digest.name]
        if isinstance(key, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(hashing), hashing.digest_size)
            return key.sign(octets, pss if algorithm.padding == "pss" else padding.PKCS1v15(), hashing)
        return key.sign(octets, ec.ECDSA(hashing))

    @property
    def root(self) -> bytes:
        return self.identity.authority.public_bytes(Encoding.PEM)


class GostSigner(Signer):
    """openssl with the engine."""

    def __init__(self, gost: Gost, holder: Holder) -> None:
        self.gost, self.holder = gost, holder
        self.description = holder.description
        self.chain = ()

    def value(self, algorithm: SignatureAlgorithm, octets: bytes) -> bytes:
        return self.gost.value(self.holder, new_digest(algorithm.digest.name, octets).digest())


@functools.cache
def key_signer(key: str) -> KeySigner:
    """`key` is of keyfiles.KEYS, or p521."""
    if key != "p521":
        return KeySigner(make_identity(key))
    private = new_key(key)
    return KeySigner(Identity(private, certificate_for(private.public_key(), "P-521"), make_identity("p256").authority))


def xmlsec(folder: Path, value: bytes, signer: KeySigner, ids: Sequence[str] = (), mode: str = "") -> str:
    """Empty where xmlsec1 accepts the signature and its certificate, else its words. `ids`: NAMESPACE:ELEMENT with Id.
    `mode`: references of these kinds are followed and no others (empty, same-doc, remote: a file beside is remote)."""
    return xmlsec_by(folder, value, signer.root, ids, mode)


def xmlsec_by(folder: Path, value: bytes, trusted: bytes, ids: Sequence[str] = (), mode: str = "") -> str:
    """The same; `trusted` is PEM of the root."""
    given, root = folder / "signed.xml", folder / "root.pem"
    given.write_bytes(value)
    root.write_bytes(trusted)
    names = ("http://uri.etsi.org/01903/v1.3.2#:SignedProperties", "http://www.w3.org/2000/09/xmldsig#:Object", *ids)
    options = [part for name in names for part in ("--id-attr:Id", name)]
    only = ["--enabled-reference-uris", mode] if mode else []
    result = subprocess.run(
        ["xmlsec1", "--verify", *only, *options, "--trusted-pem", root, given],
        cwd=folder, capture_output=True, check=False,
    )  # fmt: skip
    return "" if result.returncode == 0 else (result.stderr + result.stdout).decode(errors="replace")


def xmllint(*options: str, data: bytes) -> bytes:
    """Output of xmllint; canonical forms come so from another program than ours (though of the same library)."""
    return subprocess.run(["xmllint", "--nonet", *options, "-"], input=data, capture_output=True, check=True).stdout


def canonical_signed_info(value: bytes) -> bytes:
    """Cut out of a signature's octets as text, made canonical by xmllint."""
    found = re.search(rb"<ds:SignedInfo>.*?</ds:SignedInfo>", value, re.DOTALL)
    assert found is not None
    alone = found[0].replace(b"<ds:SignedInfo>", b'<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">', 1)
    return xmllint("--exc-c14n", data=alone)


def text_of(value: bytes, name: str) -> bytes:
    """The base64 content of the first ds element of that name, decoded; found in the text, not by our reader."""
    found = re.search(rf"<ds:{name}(?: [^>]*)?>([^<]*)</ds:{name}>".encode(), value)
    assert found is not None
    return base64.b64decode(found[1])


def openssl_accepts(gost: Gost, holder: Holder, value: bytes) -> bool:
    """Whether openssl with the engine takes ds:SignatureValue, as it is, for one of the canonical ds:SignedInfo."""
    public, given = gost.folder / f"{holder.name}.pub", gost.folder / "value.bin"
    public.write_bytes(gost.openssl("x509", "-in", holder.certificate, "-pubkey", "-noout").stdout)
    given.write_bytes(text_of(value, "SignatureValue"))
    digest = "md_gost12_256" if "256" in holder.kind else "md_gost12_512"
    info = canonical_signed_info(value)
    return (
        gost.openssl("dgst", f"-{digest}", "-verify", public, "-signature", given, data=info, check=False).returncode
        == 0
    )


@functools.cache
def schema() -> etree.XMLSchema:
    """XAdES v1.4.1 and v1.3.2 of 2016-01, with XML Signature's, as ETSI and W3C publish them (carried by signxml)."""
    return etree.XMLSchema(etree.parse(SCHEMAS / "XAdES01903v141-201601.xsd"))


def xsd_problems(signature: etree._ElementTree) -> tuple[str, ...]:
    """What the schemas of XML Signature and XAdES find wrong."""
    checker = schema()
    signatures = etree.XMLSchema(etree.parse(SCHEMAS.parents[1] / "schemas" / "xmldsig-core-schema.xsd"))
    (properties,) = signature.iter(f"{XADES}QualifyingProperties")
    alone = etree.fromstring(etree.tostring(properties))
    found = [] if signatures.validate(signature) else list(signatures.error_log)
    return tuple(str(one) for one in (*found, *([] if checker.validate(alone) else checker.error_log)))
