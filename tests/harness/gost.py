"""GOST from outside: published vectors, and openssl with the gost engine as maker and judge of keys and signatures."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from agent.certificates import pem
from agent.certificates.description import Description, describe
from tests.harness.places import ROOT

SIGNER = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,nonRepudiation\n"
AUTHORITY = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
SETTINGS = """
openssl_conf = configuration
[configuration]
engines = engines
[engines]
gost = gost
[gost]
engine_id = gost
default_algorithms = ALL
init = 1
[req]
distinguished_name = name
[name]
"""
# Names of the engine for parameter sets: all that are not examples.
KEYS = {f"gost256-{name}": ("gost2012_256", name) for name in ("A", "B", "C", "XA", "XB", "TCA", "TCB", "TCC", "TCD")}
KEYS |= {f"gost512-{name}": ("gost2012_512", name) for name in ("A", "B", "C")}


@cache
def vectors() -> dict[str, Any]:
    """tests/unit/vectors/gost.json: hexadecimal digits, each entry with its source."""
    found: dict[str, Any] = json.loads((ROOT / "tests" / "unit" / "vectors" / "gost.json").read_text("utf-8"))
    return found


def cms_vector(name: str) -> bytes:
    return next(bytes.fromhex(one["der"]) for one in vectors()["tc26_cms"] if one["name"] == name)


def digest_name(key: str) -> str:
    """The engine's name of the digest that goes with a key."""
    return f"md_{KEYS[key][0].replace('gost2012', 'gost12')}"


@dataclass(frozen=True)
class Holder:
    """A certificate and its key, as files of PEM."""

    name: str
    kind: str  # of KEYS
    certificate: Path
    key: Path

    @property
    def der(self) -> bytes:
        return pem.blocks(self.certificate.read_bytes(), frozenset({"CERTIFICATE"}))[0]

    @property
    def description(self) -> Description:
        return describe(self.der)


class Gost:
    """openssl with the engine, and what it makes in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._settings = folder / "openssl.cnf"
        self._settings.write_text(SETTINGS)
        self._made: dict[str, Holder] = {}

    def openssl(
        self, *arguments: str | Path, data: bytes = b"", check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, "OPENSSL_CONF": str(self._settings)}
        command = ["openssl", *map(str, arguments)]
        result = subprocess.run(command, input=data, capture_output=True, check=False, env=environment)
        if check:
            assert result.returncode == 0, result.stderr.decode(errors="replace")
        return result

    def make(self, name: str, kind: str, issuer: Holder | None = None, extensions: str = "") -> Holder:
        """A holder by its name, made once; without an issuer an authority of its own."""
        if name not in self._made:
            self._made[name] = self._new(name, kind, issuer, extensions)
        return self._made[name]

    def signer(self, kind: str) -> Holder:
        return self.make(f"signer-{kind}", kind, self.root(kind))

    def root(self, kind: str) -> Holder:
        return self.make(f"root-{kind}", kind)

    def _new(self, name: str, kind: str, issuer: Holder | None, extensions: str) -> Holder:
        certificate, private, settings = (self.folder / f"{name}.{end}" for end in ("pem", "key", "ext"))
        algorithm, parameters = KEYS[kind]
        settings.write_text(
            (extensions or (SIGNER if issuer else AUTHORITY))
            + "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        )
        self.openssl("genpkey", "-algorithm", algorithm, "-pkeyopt", f"paramset:{parameters}", "-out", private)
        hashing = f"-{digest_name(kind)}"
        request = self.openssl("req", "-new", "-key", private, hashing, "-subj", f"/C=RU/CN={name}").stdout
        way = ("-CA", issuer.certificate, "-CAkey", issuer.key) if issuer else ("-signkey", private)
        hashing = f"-{digest_name(issuer.kind if issuer else kind)}"
        self.openssl(
            "x509", "-req", *way, hashing, "-days", "30", "-extfile", settings, "-out", certificate, data=request
        )
        return Holder(name, kind, certificate, private)

    def value(self, holder: Holder, digest: bytes) -> bytes:
        """The signature of a digest by the holder's key, as a token gives it."""
        given, made = self.folder / "digest", self.folder / "value"
        given.write_bytes(digest)
        self.openssl("pkeyutl", "-sign", "-inkey", holder.key, "-in", given, "-out", made)
        return made.read_bytes()

    def cms_sign(self, holder: Holder, content: Path, *extra: str | Path) -> bytes:
        return self.openssl(
            "cms", "-sign", "-binary", "-in", content, "-signer", holder.certificate, "-inkey", holder.key,
            "-md", digest_name(holder.kind), "-outform", "DER", *extra,
        ).stdout  # fmt: skip

    def cms_verify(self, signature: bytes, anchor: Holder, content: bytes | None) -> subprocess.CompletedProcess[bytes]:
        """The engine's opinion; `content` for detached signatures. Its output is the content."""
        given, document = self.folder / "signature.der", self.folder / "document"
        given.write_bytes(signature)
        arguments = ["cms", "-verify", "-binary", "-inform", "DER", "-in", given, "-CAfile", anchor.certificate]
        arguments += ["-purpose", "any", "-cades"]
        if content is not None:
            document.write_bytes(content)
            arguments += ["-content", document]
        return self.openssl(*arguments, check=False)
