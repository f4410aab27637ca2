"""What the tests of signatures share: a public-key infrastructure that openssl made, and openssl as the judge."""

from __future__ import annotations

import datetime
import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agent.algorithms import SignatureAlgorithm, algorithm_for, digest_named
from agent.certificates import pem
from agent.certificates.description import Description, describe
from agent.cms.attributes import signed_attributes
from agent.cms.signed_data import signed_data

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
KEYS = {
    "rsa-2048": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa-3072": ["RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
    "rsa-4096": ["RSA", "-pkeyopt", "rsa_keygen_bits:4096"],
    "p-256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p-384": ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "p-521": ["EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    "rsa-pss": ["RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"],  # an RSA key for PSS alone (RFC 4055 section 1.2)
}
SIGNER = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,nonRepudiation\n"
AUTHORITY = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
IDENTIFIERS = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"


def openssl(*arguments: str | Path, data: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
    result = subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, check=False)
    if check:
        assert result.returncode == 0, result.stderr.decode(errors="replace")
    return result


@dataclass(frozen=True)
class Holder:
    """A certificate and its key, as files; `issuers` are above it, nearest first."""

    certificate: Path  # PEM
    key: Path  # PEM
    issuers: tuple[Holder, ...] = ()

    @property
    def der(self) -> bytes:
        return pem.blocks(self.certificate.read_bytes(), frozenset({"CERTIFICATE"}))[0]

    @property
    def description(self) -> Description:
        return describe(self.der)


class Infrastructure:
    """Root, intermediate, and as many signers as are asked for; each is made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[str, Holder] = {}
        self.root = self.make("root", "p-256", None, AUTHORITY)
        self.intermediate = self.make("intermediate", "rsa-2048", self.root, AUTHORITY)

    def signer(self, key: str) -> Holder:
        """A signer whose issuer is the intermediate authority."""
        return self.make(f"signer-{key}", key, self.intermediate, SIGNER)

    def make(
        self,
        name: str,
        key: str,
        issuer: Holder | None,
        extensions: str,
        days: int = 30,
        subject: str | None = None,
        digest: str = "sha256",
    ) -> Holder:
        if name in self._made:
            return self._made[name]
        certificate, private, settings = (self.folder / f"{name}.{end}" for end in ("pem", "key", "cnf"))
        identifiers = "" if "KeyIdentifier" in extensions else IDENTIFIERS
        settings.write_text(extensions + identifiers)
        openssl("genpkey", "-algorithm", *key_arguments(key), "-out", private)
        common = ("-subj", subject or f"/C=RU/CN={name}", "-utf8", "-key", private)
        request = openssl("req", "-new", *common).stdout
        way = ("-CA", issuer.certificate, "-CAkey", issuer.key) if issuer else ("-signkey", private)
        openssl(
            "x509", "-req", *way, "-days", str(days), f"-{digest}", "-extfile", settings, "-out", certificate,
            data=request,
        )  # fmt: skip
        issuers = (issuer, *issuer.issuers) if issuer else ()
        self._made[name] = Holder(certificate, private, issuers)
        return self._made[name]


def key_arguments(key: str) -> list[str]:
    return KEYS.get(key) or ["RSA", "-pkeyopt", f"rsa_keygen_bits:{key.removeprefix('rsa-')}"]


def sign(holder: Holder, digest: str, content: bytes, *, attached: bool, chain: tuple[bytes, ...] = ()) -> bytes:
    """A signature by our builder; the key is used by `cryptography`, in place of a token."""
    certificate = holder.description
    algorithm = algorithm_for(certificate.key_type, digest_named(digest))
    attributes = signed_attributes(hashlib.new(digest, content).digest(), certificate, NOW)
    return signed_data(
        attributes=attributes,
        signature=value(holder, algorithm, attributes),
        algorithm=algorithm,
        certificate=certificate,
        chain=chain,
        content=content if attached else None,
    )


def value(holder: Holder, algorithm: SignatureAlgorithm, octets: bytes) -> bytes:
    key = load_pem_private_key(holder.key.read_bytes(), None)
    hashing = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[algorithm.digest.name]
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(octets, padding.PKCS1v15(), hashing)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(octets, ec.ECDSA(hashing))


def cms_verify(
    folder: Path, signature: bytes, anchor: Holder, content: bytes | None, *extra: str | Path
) -> subprocess.CompletedProcess[bytes]:
    """openssl's opinion of a signature; `content` for detached ones. Its output is the content."""
    given, document = folder / "signature.der", folder / "document"
    given.write_bytes(signature)
    arguments = ["cms", "-verify", "-binary", "-inform", "DER", "-in", given, "-CAfile", anchor.certificate]
    arguments += ["-purpose", "any", "-cades", *extra]
    if content is not None:
        document.write_bytes(content)
        arguments += ["-content", document]
    return openssl(*arguments, check=False)


def cms_sign(holder: Holder, content: Path, *extra: str | Path, form: str = "DER") -> bytes:
    """A signature by openssl."""
    return openssl(
        "cms", "-sign", "-binary", "-in", content, "-signer", holder.certificate, "-inkey", holder.key,
        "-outform", form, *extra,
    ).stdout  # fmt: skip
