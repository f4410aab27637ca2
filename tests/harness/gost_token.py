"""Fresh tokens of the module that `tests/tokens/gost*.c` makes, filled by pkcs11-tool; certificates by openssl.

`openssl_gost` is openssl with its GOST engine: the judge of what the token signs.
"""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.harness import cryptoki
from tests.harness.gost import SETTINGS
from tests.harness.places import ROOT

MODULE = ROOT / "build" / "tokens" / "gost.so"
PIN = "s3cret-7"  # neither of the vendor's own: those are flagged CKF_USER_PIN_TO_BE_CHANGED
SO_PIN = "officer-8"

# Kinds of keys, named as in gost.py and keyfiles.py, and what pkcs11-tool calls them
KEY_TYPES = {
    **{f"gost256-TC{name}": f"GOSTR3410-2012-256:{name}" for name in "ABCD"},
    **{f"gost512-{name}": f"GOSTR3410-2012-512:{name}" for name in "ABC"},
    "rsa2048": "rsa:2048",
    "rsa3072": "rsa:3072",
    "p256": "EC:prime256v1",
    "p384": "EC:secp384r1",
}
# CryptoPro's parameter sets, of which pkcs11-tool knows nothing: DER of the OIDs 1.2.643.2.2.35 and .36
CRYPTOPRO = {"A": "2301", "B": "2302", "C": "2303", "XA": "2400", "XB": "2401"}
PARAMETERS = {f"gost256-{name}": bytes.fromhex("06072a85030202" + end) for name, end in CRYPTOPRO.items()}
_EXTENSIONS = (
    "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,nonRepudiation\n"
    "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
)


class Authority(NamedTuple):
    key: Path
    certificate: Path  # PEM
    digest: str  # openssl's option


class GostToken(NamedTuple):
    """A token with one key pair and its certificate. The process that loads the module needs `environment`."""

    module: str
    environment: dict[str, str]
    folder: Path  # of this token; options go into its file `options`
    label: str
    pin: str
    so_pin: str
    key: str  # of KEY_TYPES or PARAMETERS
    certificate: bytes  # DER
    authority: Authority

    @property
    def certificate_pem(self) -> bytes:
        return openssl_gost("x509", "-inform", "DER", data=self.certificate).stdout

    def set_options(self, *lines: str) -> None:
        """What the token does from its next call on: lines of tests/tokens/README.md; none: its usual ways."""
        partial = self.folder / "options.new"
        partial.write_text("".join(f"{line}\n" for line in lines))
        partial.replace(self.folder / "options")

    def type_at_reader(self, *pins: str) -> None:
        """What a person types at the reader of a token with `protected-path = yes`, one PIN for each question."""
        (self.folder / "pinpad").write_text("".join(f"{pin}\n" for pin in pins))

    def pull(self) -> None:
        """The token is taken out of its reader."""
        self.folder.rename(self.folder.with_name(f".{self.folder.name}"))

    def push(self) -> None:
        """A token that was taken out comes back."""
        self.folder.with_name(f".{self.folder.name}").rename(self.folder)

    def pkcs11_tool(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """pkcs11-tool on this token, without a login; see `logged_in`."""
        return pkcs11_tool(self.folder.parent, "--token-label", self.label, *arguments, check=check)

    @property
    def logged_in(self) -> tuple[str, ...]:
        """Arguments of pkcs11-tool."""
        return ("--login", "--pin", self.pin)


def make_gost_token(
    directory: Path,
    key: str = "gost256-A",
    *,
    label: str = "GOST token",
    pin: str = PIN,
    so_pin: str = SO_PIN,
    name: str = "token",
    common_name: str = "Иванов Иван Иванович",
    identifier: str = "01",
    certificate_identifier: str | None = None,
    always_authenticate: bool = False,
    with_certificate: bool = True,
    days: int = 30,
) -> GostToken:
    """A token with a key pair that it generated. Called again with another `name` it adds a token to the folder.

    `key`: of KEY_TYPES or PARAMETERS. `certificate_identifier`: CKA_ID of the certificate where it is not the key's.
    """
    folder = make_blank_token(directory, label=label, pin=pin, so_pin=so_pin, name=name)
    _generate(directory, label, pin, key, identifier, always_authenticate)
    issuer = authority(key)
    certificate = issue(public_key(directory, label, pin, identifier), common_name, issuer, days=days)
    if with_certificate:
        write_certificate(directory, label, pin, certificate, certificate_identifier or identifier)
    environment = {"PERO_TEST_TOKEN_DIR": str(directory)}
    return GostToken(built_module(), environment, folder, label, pin, so_pin, key, certificate, issuer)


def _generate(directory: Path, label: str, pin: str, key: str, identifier: str, always_authenticate: bool) -> None:
    if key in KEY_TYPES:
        more = ("--always-auth",) if always_authenticate else ()
        pkcs11_tool(
            directory, "--token-label", label, "--login", "--pin", pin, "--keypairgen", "--key-type", KEY_TYPES[key],
            "--label", "key", "--id", identifier, *more,
        )  # fmt: skip
        return
    with cryptoki.library(built_module(), {"PERO_TEST_TOKEN_DIR": str(directory)}) as loaded:
        slots = loaded.getSlotList(tokenPresent=True)
        (slot,) = [slot for slot in slots if loaded.getTokenInfo(slot).label.strip(" \0") == label]
        with cryptoki.session(loaded, slot, pin) as opened:
            more = {"CKA_ALWAYS_AUTHENTICATE": True} if always_authenticate else {}
            cryptoki.generate(opened, PARAMETERS[key], identifier=bytes.fromhex(identifier), **more)


def make_blank_token(
    directory: Path, *, label: str = "GOST token", pin: str = PIN, so_pin: str = SO_PIN, name: str = "token"
) -> Path:
    """A token with its PINs and nothing else; its folder."""
    (directory / name).mkdir(parents=True, mode=0o700)
    slot = sorted(path.name for path in directory.iterdir() if path.is_dir()).index(name)  # README: slots by name
    pkcs11_tool(directory, "--slot", str(slot), "--init-token", "--label", label, "--so-pin", so_pin)
    pkcs11_tool(
        directory, "--slot", str(slot), "--login", "--login-type", "so", "--so-pin", so_pin, "--init-pin", "--pin", pin
    )
    return directory / name


def import_key(directory: Path, label: str, pin: str, private: bytes, public: bytes, identifier: str = "01") -> None:
    """A key pair from outside: PKCS#8 and SubjectPublicKeyInfo, both DER."""
    for kind, content in (("privkey", private), ("pubkey", public)):
        with tempfile.NamedTemporaryFile(suffix=".der") as file:
            file.write(content)
            file.flush()
            pkcs11_tool(
                directory, "--token-label", label, "--login", "--pin", pin, "--write-object", file.name, "--type", kind,
                "--id", identifier, "--label", "key", "--usage-sign",
            )  # fmt: skip


@functools.cache
def built_module() -> str:
    subprocess.run(["make", "-s", "-C", str(ROOT / "tests" / "tokens")], check=True)
    return str(MODULE)


def pkcs11_tool(directory: Path, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    """pkcs11-tool on the tokens of a folder."""
    return _run(
        ["pkcs11-tool", "--module", built_module(), *map(str, arguments)],
        environment={"PERO_TEST_TOKEN_DIR": str(directory)},
        check=check,
    )


def openssl_gost(*arguments: str | Path, data: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
    """openssl with its GOST engine."""
    return _run(["openssl", *map(str, arguments)], environment={"OPENSSL_CONF": str(_engine())}, data=data, check=check)


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """What one test run shares; removed at its end."""
    return tempfile.TemporaryDirectory(prefix="pero-gost-")


@functools.cache
def _engine() -> Path:
    path = Path(_folder().name) / "openssl.cnf"
    path.write_text(SETTINGS)
    return path


def _run(
    arguments: list[str], *, environment: dict[str, str], data: bytes = b"", check: bool = True
) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        arguments, env={**os.environ, **environment}, input=data, capture_output=True, timeout=60, check=False
    )
    if check:
        told = (done.stdout + done.stderr).decode(errors="replace")
        assert done.returncode == 0, f"{arguments[0]} ended with {done.returncode}: {told}"
    return done


def authority(key: str) -> Authority:
    """A root whose signatures are like those of the key: GOST for GOST, with the digest of its size; else RSA."""
    if key.startswith("gost"):
        return (
            _root("gost2012_512", "A", "md_gost12_512") if "512" in key else _root("gost2012_256", "A", "md_gost12_256")
        )
    return _root("RSA", "", "sha256")


@functools.cache
def _root(algorithm: str, parameters: str, digest: str) -> Authority:
    key, certificate = (Path(_folder().name) / f"{algorithm}.{end}" for end in ("key", "pem"))
    options = ("-pkeyopt", f"paramset:{parameters}") if parameters else ("-pkeyopt", "rsa_keygen_bits:2048")
    openssl_gost("genpkey", "-algorithm", algorithm, *options, "-out", key)
    openssl_gost(
        "req", "-new", "-x509", "-key", key, f"-{digest}", "-subj", f"/C=RU/CN=Test root {algorithm}", "-days", "30",
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        "-out", certificate,
    )  # fmt: skip
    return Authority(key, certificate, digest)


_KEY_OIDS = {64: "06082a85030701010101", 128: "06082a85030701010102"}  # GOST R 34.10-2012, by bytes of the value
_EC = "06072a8648ce3d0201"  # id-ecPublicKey
_OLDER = bytes.fromhex("06072a85030202")  # the parameter sets of RFC 4357


def public_key(directory: Path, label: str, pin: str, identifier: str) -> bytes:
    """SubjectPublicKeyInfo, PEM, of a key on a token, put together from what pkcs11-tool shows of it."""
    on_token = ("--token-label", label, "--login", "--pin", pin, "--type", "pubkey")
    shown = pkcs11_tool(directory, *on_token, "--list-objects").stdout.decode()
    (attributes,) = [
        found for found in map(_attributes, shown.split("Public Key Object")[1:]) if found["ID"] == identifier
    ]
    if "EC_POINT" in attributes:
        algorithm = _der(0x30, bytes.fromhex(_EC + attributes["EC_PARAMS"]))
        made = _der(0x30, algorithm + _der(0x03, b"\0" + bytes.fromhex(attributes["EC_POINT"])[2:]))
    elif "VALUE" in attributes:
        return spki(bytes.fromhex(attributes["PARAMS OID"]), bytes.fromhex(attributes["VALUE"]))
    else:
        with tempfile.NamedTemporaryFile(suffix=".der") as file:
            pkcs11_tool(directory, *on_token, "--id", identifier, "--read-object", "--output-file", file.name)
            made = file.read()
    return openssl_gost("pkey", "-pubin", "-inform", "DER", data=made).stdout


def spki(parameters: bytes, octets: bytes) -> bytes:
    """SubjectPublicKeyInfo, PEM, of a GOST key: DER of its parameter set's OID, and its CKA_VALUE."""
    digest = bytes.fromhex("06082a85030701010202") if parameters.startswith(_OLDER) else b""  # RFC 9215 4.2
    algorithm = _der(0x30, bytes.fromhex(_KEY_OIDS[len(octets)]) + _der(0x30, parameters + digest))
    made = _der(0x30, algorithm + _der(0x03, b"\0" + _der(0x04, octets)))
    return openssl_gost("pkey", "-pubin", "-inform", "DER", data=made).stdout


def _attributes(shown: str) -> dict[str, str]:
    """What stands after each name; lines without one belong to the line above."""
    found: dict[str, str] = {}
    name = ""
    for line in shown.splitlines()[1:]:
        before, colon, after = line.partition(":")
        if colon:
            name = before.strip()
        found[name] = found.get(name, "") + (after if colon else line).strip()
    return found


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([0x81, size])
    return bytes([tag]) + length + content


def issue(spki: bytes, common_name: str, issuer: Authority, *, days: int = 30) -> bytes:
    """A signer's certificate, DER, for a public key (PEM). The request carries the name alone: its key is nobody's."""
    with tempfile.TemporaryDirectory() as name:
        public, extensions, request = (Path(name) / end for end in ("public.pem", "extensions", "request"))
        public.write_bytes(spki)
        extensions.write_text(_EXTENSIONS)
        openssl_gost(
            "req", "-new", "-key", issuer.key, f"-{issuer.digest}", "-utf8", "-subj", f"/C=RU/CN={common_name}",
            "-out", request,
        )  # fmt: skip
        return openssl_gost(
            "x509", "-req", "-in", request, "-force_pubkey", public, "-CA", issuer.certificate, "-CAkey", issuer.key,
            f"-{issuer.digest}", "-set_serial", "0x" + os.urandom(8).hex(), "-days", str(days),
            "-extfile", extensions, "-outform", "DER",
        ).stdout  # fmt: skip


def write_certificate(directory: Path, label: str, pin: str, certificate: bytes, identifier: str) -> None:
    with tempfile.NamedTemporaryFile(suffix=".der") as file:
        file.write(certificate)
        file.flush()
        pkcs11_tool(
            directory, "--token-label", label, "--login", "--pin", pin, "--write-object", file.name, "--type", "cert",
            "--id", identifier, "--label", "certificate",
        )  # fmt: skip
