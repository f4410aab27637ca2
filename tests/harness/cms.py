"""CMS signatures by our builder, with keys that `cryptography` uses in place of a token, and further judges of them."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agent.algorithms import PSS, SignatureAlgorithm, digest_named, new_digest
from agent.certificates.description import signing_algorithm
from agent.cms.prepare import CompletedCms, prepare
from tests.harness import openssl
from tests.harness.gost_token import openssl_gost
from tests.harness.openssl import NOW, Holder, Infrastructure
from tests.harness.places import HASHES


def make(
    holder: Holder, document: bytes, *, digest: str = "sha256", pss: bool = False, attached: bool = False, **more: Any
) -> CompletedCms:
    """`more` goes to `prepare`. The chain of the holder is in it."""
    certificate = holder.description
    algorithm = signing_algorithm(certificate, (digest_named(digest),), PSS if pss else "pkcs1")
    prepared = prepare(
        **{
            "content_digest": hashlib.new(digest, document).digest(),
            "content": document if attached else None,
            "certificate": certificate,
            "algorithm": algorithm,
            "moment": NOW,
            "chain": tuple(issuer.der for issuer in holder.issuers),
            **more,
        }
    )
    return prepared.complete(value(holder, algorithm, prepared.signed))


class Keeper(Protocol):
    """Any of the harness's holders of a key."""

    key: Path


def value(holder: Keeper, algorithm: SignatureAlgorithm, octets: bytes) -> bytes:
    """As the pool of tokens gives it."""
    if algorithm.key_type.startswith("gost"):
        return _gost_value(holder.key, new_digest(algorithm.digest.name, octets).digest())
    if algorithm.padding != PSS:
        return openssl.value(holder, algorithm, octets)
    key = load_pem_private_key(holder.key.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    hashing = HASHES[algorithm.digest.name]
    digest = hashlib.new(algorithm.digest.name, octets).digest()
    return key.sign(digest, padding.PSS(padding.MGF1(hashing), len(digest)), utils.Prehashed(hashing))


def _gost_value(key: Path, digest: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "digest"), Path(folder, "value")
        given.write_bytes(digest)
        openssl_gost("pkeyutl", "-sign", "-inkey", key, "-in", given, "-out", made)
        return made.read_bytes()


class Nss:
    """cmsutil of NSS, with a database that trusts one root."""

    def __init__(self, folder: Path, pki: Infrastructure) -> None:
        self._folder = folder
        self._database = folder / "nss"
        self._database.mkdir()
        _run("certutil", "-N", "-d", self._database, "--empty-password")
        _run("certutil", "-A", "-d", self._database, "-n", "root", "-t", "CT,CT,CT", "-a", "-i", pki.root.certificate)

    def accepts(self, signature: bytes, content: bytes | None) -> bool:
        """`content` for detached signatures."""
        given, document = self._folder / "nss.p7s", self._folder / "nss.document"
        given.write_bytes(signature)
        document.write_bytes(content or b"")
        more = ["-c", document] if content is not None else []
        command = ["cmsutil", "-D", "-d", self._database, "-u", "4", "-i", given, *more]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


class Gpgsm:
    """gpgsm of GnuPG, with a home of its own that trusts one root. `close` ends its agent."""

    def __init__(self, folder: Path, pki: Infrastructure) -> None:
        self._folder = folder
        self._home = folder / "gnupg"
        self._home.mkdir(mode=0o700)
        root = hashlib.sha1(pki.root.der, usedforsecurity=False).hexdigest().upper()
        (self._home / "trustlist.txt").write_text(f"{root} S relax\n")
        self._run("--import", pki.root.certificate, pki.intermediate.certificate)

    def accepts(self, signature: bytes, content: bytes | None) -> list[str]:
        """Subjects of good signatures in the order of the file; `content` for detached ones."""
        given, document = self._folder / "gpgsm.p7s", self._folder / "gpgsm.document"
        given.write_bytes(signature)
        document.write_bytes(content or b"")
        more = [document] if content is not None else []
        said = self._run("--assume-binary", "--status-fd", "1", "--verify", given, *more)
        lines = [line.split(" ", 3) for line in said.splitlines()]
        if any(line[:2] == ["[GNUPG:]", "BADSIG"] for line in lines):
            return []
        return [line[3] for line in lines if line[:2] == ["[GNUPG:]", "GOODSIG"]]

    def _run(self, *arguments: str | Path) -> str:
        command = ["gpgsm", "--homedir", self._home, "--batch", "--disable-crl-checks", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def close(self) -> None:
        _run("gpgconf", "--homedir", self._home, "--kill", "all")


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)
