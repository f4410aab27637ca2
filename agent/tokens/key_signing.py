"""A private key of an open session signs a digest: the same for documents and for certification requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from agent.algorithms import SignatureAlgorithm
from agent.errors import TokenFailed
from agent.tokens import gost_signing, mechanisms, pkcs11
from agent.tokens.gost_signing import Way
from agent.tokens.matching import TokenKey


class Job(NamedTuple):
    algorithm: SignatureAlgorithm
    way: Way
    digest: bytes
    octets: bytes  # what the digest is of; may be empty where `way` does not want it
    digest_order: str  # as in messages.Sign
    field_size: int  # bytes of the curve's order, 0 for RSA and GOST
    public_key: Callable[[], bytes]  # DER of SubjectPublicKeyInfo; asked for with GOST keys only


def sign(session: pkcs11.Session, key: TokenKey, job: Job, secret: bytes | None, module: str) -> tuple[bytes, str]:
    """The signature as CMS and X.509 have it, and the order of the digest where that was found out."""

    def once(data: bytes) -> bytes:
        again, pss = key.always_authenticate, mechanisms.pss_parameters(job.algorithm)
        return session.sign(key.handle, job.way.mechanism, data, secret, again=again, pss=pss)

    if job.way.digests:
        return once(job.octets), ""
    if job.algorithm.key_type in mechanisms.GOST:
        return gost_signing.sign_digest(once, job.algorithm, job.public_key(), job.digest, job.digest_order)
    signed = once(mechanisms.mechanism_input(job.algorithm, job.digest, job.field_size))
    try:
        return mechanisms.signature_value(job.algorithm, signed), ""
    except ValueError as error:
        raise TokenFailed(operation="C_Sign", return_code=str(error), module=module) from error
