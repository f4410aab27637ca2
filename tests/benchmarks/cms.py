"""Our own share of a CMS signature of 1 KiB: all but the token, from prepared DER parts. Processor time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from agent.certificates.description import signing_algorithm
from agent.cms.prepare import prepare
from agent.verification.own import verify_own
from tests.benchmarks.figures import Figure
from tests.harness.cms import value
from tests.harness.openssl import NOW, Infrastructure

CONTENT = bytes(1024)
COUNT = 1000
GOAL = 0.5  # ms
KEYS = {"rsa-2048": "RSA-2048", "p-256": "P-256"}


def share(folder: Path) -> Iterator[Figure]:
    """Milliseconds to prepare, complete and check one attached CAdES-B. The reference is its bare verification."""
    pki = Infrastructure(folder)
    for key, name in KEYS.items():
        holder = pki.signer(key)
        certificate, chain = holder.description, tuple(issuer.der for issuer in holder.issuers)
        algorithm = signing_algorithm(certificate, ())
        digest = hashlib.sha256(CONTENT).digest()
        signature, signed = b"", b""
        samples, references = [], []
        for _ in range(COUNT):
            begun = time.process_time()
            prepared = prepare(
                content_digest=digest,
                content=CONTENT,
                certificate=certificate,
                algorithm=algorithm,
                moment=NOW,
                chain=chain,
            )
            between = time.process_time()
            if not signature:
                signature = value(holder, algorithm, prepared.signed)
                signed = hashlib.sha256(prepared.signed).digest()
            resumed = time.process_time()
            verify_own(prepared.complete(signature).value, digest, certificate)
            samples.append((time.process_time() - resumed + between - begun) * 1e3)
            references.append(_verification(certificate.public_key, signature, signed))
        reference = Figure(f"{name}, verification by cryptography alone", references)
        yield Figure(f"{name}: prepare, complete, check", samples, reference=reference, goal=GOAL)


def _verification(info: bytes, signature: bytes, digest: bytes) -> float:
    key = load_der_public_key(info)
    begun = time.process_time()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, digest, padding.PKCS1v15(), utils.Prehashed(SHA256()))
    else:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(signature, digest, ec.ECDSA(utils.Prehashed(SHA256())))
    return (time.process_time() - begun) * 1e3
