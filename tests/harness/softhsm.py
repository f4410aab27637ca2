"""Fresh SoftHSM tokens in a folder of their own, filled by softhsm2-util and pkcs11-tool."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.harness.keyfiles import Identity, make_identity

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "12345678"
SO_PIN = "87654321"


class SoftHsm(NamedTuple):
    """A token. The process that loads the module needs SOFTHSM2_CONF (see `environment`)."""

    module: str
    conf: Path
    label: str
    pin: str
    identity: Identity

    @property
    def certificate_pem(self) -> bytes:
        return self.identity.pem

    @property
    def environment(self) -> dict[str, str]:
        return {"SOFTHSM2_CONF": str(self.conf)}

    def delete(self) -> None:
        _run(self, "softhsm2-util", "--delete-token", "--token", self.label)


def make_softhsm(
    directory: Path,
    key: str = "rsa2048",
    *,
    label: str = "Test token",
    pin: str = PIN,
    identity: Identity | None = None,
    with_authority: bool = True,
    always_authenticate: bool = False,
    identifier: str = "01",
    certificate_identifier: str | None = None,
) -> SoftHsm:
    """A token with one key pair and its certificate. Called again with the same folder it adds another token.

    `key` is one of keyfiles.KEYS. `certificate_identifier`: CKA_ID of the certificate where it is not the key's.
    """
    token = make_empty_softhsm(directory, identity or make_identity(key), label=label, pin=pin)
    add_key(token, token.identity, identifier, always_authenticate=always_authenticate)
    add_certificate(token, token.identity.der, certificate_identifier or identifier, "signer")
    if with_authority:
        from cryptography.hazmat.primitives.serialization import Encoding

        add_certificate(token, token.identity.authority.public_bytes(Encoding.DER), "ca", "authority")
    return token


def make_empty_softhsm(directory: Path, identity: Identity, *, label: str = "Test token", pin: str = PIN) -> SoftHsm:
    """A token with nothing on it; `identity` is what the caller means to put there."""
    conf = directory / "softhsm2.conf"
    (directory / "tokens").mkdir(exist_ok=True, mode=0o700)
    if not conf.exists():
        conf.write_text(
            f"directories.tokendir = {directory / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
    token = SoftHsm(MODULE, conf, label, pin, identity)
    _run(token, "softhsm2-util", "--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", SO_PIN)
    return token


def add_key(token: SoftHsm, identity: Identity, identifier: str, *, always_authenticate: bool = False) -> None:
    file = token.conf.parent / f"key-{identifier}.pem"
    file.write_bytes(identity.key_pem)
    if always_authenticate:
        more = ("--always-auth", "--usage-sign")
        _tool(token, "--write-object", str(file), "--type", "privkey", "--id", identifier, "--label", "key", *more)
    else:
        _run(
            token, "softhsm2-util", "--import", str(file), "--token", token.label, "--label", "key",
            "--id", identifier, "--pin", token.pin,
        )  # fmt: skip
    file.unlink()


def add_certificate(token: SoftHsm, der: bytes, identifier: str, label: str) -> None:
    file = token.conf.parent / "certificate.der"
    file.write_bytes(der)
    _tool(token, "--write-object", str(file), "--type", "cert", "--id", identifier, "--label", label)
    file.unlink()


def add_container(token: SoftHsm, application: str) -> None:
    """A data object as other products keep their keys in."""
    file = token.conf.parent / "container"
    file.write_bytes(b"header of a container")
    _tool(token, "--write-object", str(file), "--type", "data", "--application-label", application, "--label", "header")
    file.unlink()


def _tool(token: SoftHsm, *arguments: str) -> None:
    _run(
        token, "pkcs11-tool", "--module", token.module, "--token-label", token.label, "--login", "--pin", token.pin,
        *arguments,
    )  # fmt: skip


def _run(token: SoftHsm, *arguments: str) -> None:
    done = subprocess.run(
        arguments, env={**os.environ, **token.environment}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{arguments[0]}: {done.stdout}{done.stderr}"
