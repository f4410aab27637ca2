"""The places where keys can live, in one shape, so that one suite runs over all of them."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from agent.algorithms import SignatureAlgorithm, algorithm_for, digest_named
from agent.model import KEY_FILES, CertificateEntry, Listing
from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.keyfiles import KEYS, PASSPHRASE, Identity, make_key_file
from tests.harness.softhsm import MODULE, PIN, SoftHsm, make_softhsm

ROOT = Path(__file__).resolve().parents[2]
FAULT_MODULE = ROOT / "build" / "tokens" / "fault.so"
HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


def built_fault_module() -> str:
    subprocess.run(["make", "-s", "-C", str(ROOT / "tests" / "tokens")], check=True)
    return str(FAULT_MODULE)


@contextlib.asynccontextmanager
async def opened(pool: TokenPool) -> AsyncIterator[TokenPool]:
    """The pool, closed at the end whatever happened."""
    try:
        yield pool
    finally:
        await pool.close()


class Place:
    """One key of each kind. `pool` makes a pool that sees only this place."""

    def __init__(self, name: str, pin: str, identities: dict[str, Identity], remove: Callable[[str], None]) -> None:
        self.name = name
        self.pin = pin
        self.identities = identities
        self.remove = remove  # the key of this kind goes away
        self.modules: list[str] = []
        self.key_files = Path()

    def pool(self, *, deadline: float = 30.0, idle: float = 60.0) -> TokenPool:
        return TokenPool(lambda: self.modules, self.key_files, deadline=deadline, idle=idle)

    def entry(self, listing: Listing, key: str) -> CertificateEntry:
        wanted = self.identities[key].thumbprint
        return next(entry for entry in listing.certificates if entry.thumbprint == wanted)

    @property
    def worker(self) -> str:
        """The name of this place's worker."""
        return self.modules[0] if self.modules else KEY_FILES


async def key_file_place(directory: Path, keys: tuple[str, ...] = KEYS) -> Place:
    files = {key: make_key_file(directory, key, name=f"{key}.p12", common_name=key) for key in keys}
    identities = {key: file.identity for key, file in files.items()}

    def remove(key: str) -> None:
        shutil.rmtree(place.key_files / identities[key].thumbprint)

    place = Place(KEY_FILES, PASSPHRASE, identities, remove)
    place.key_files = directory / "kept"
    pool = place.pool()
    for file in files.values():
        async with asking(file.passphrase) as asker:
            await pool.add_key_file(file.path.read_bytes(), file.path.name, asker.source)
    await pool.close()
    return place


def softhsm_place(directory: Path, keys: tuple[str, ...] = KEYS) -> Place:
    """A token for each kind of key. The caller sets SOFTHSM2_CONF to `directory`/softhsm2.conf."""
    tokens: dict[str, SoftHsm] = {key: make_softhsm(directory, key, label=key) for key in keys}

    def remove(key: str) -> None:
        subprocess.run(["softhsm2-util", "--delete-token", "--token", key], check=True, capture_output=True)

    place = Place("softhsm", PIN, {key: token.identity for key, token in tokens.items()}, remove)
    place.modules = [MODULE]
    place.key_files = directory / "no-key-files"
    return place


def algorithm_of(key: str, digest: str = "sha256") -> SignatureAlgorithm:
    return algorithm_for("rsa" if key.startswith("rsa") else "ec", digest_named(digest))


def verify(identity: Identity, signature: bytes, digest: bytes, digest_name: str = "sha256") -> None:
    """Raises InvalidSignature."""
    public, prehashed = identity.key.public_key(), utils.Prehashed(HASHES[digest_name])
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, digest, padding.PKCS1v15(), prehashed)
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(signature, digest, ec.ECDSA(prehashed))
