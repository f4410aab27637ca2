"""GOST R 34.10-2012 for pyhanko-certvalidator, which leaves every other algorithm to `cryptography`.

Imported late, with that library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from pyhanko_certvalidator.sig_validate import DEFAULT_VALIDATION_CONTEXT, DefaultSignatureValidator

from agent.algorithms import SignatureAlgorithm, algorithm_for, new_digest
from agent.certificates import gost_keys
from agent.certificates.chain import SIGNATURES_WITH_DIGEST
from agent.certificates.signatures import is_signature

if TYPE_CHECKING:
    from pyhanko_certvalidator.sig_validate import SignatureValidator


class _Validator(DefaultSignatureValidator):
    def validate_signature(
        self,
        signature: bytes,
        signed_data: bytes,
        public_key_info: Any,
        signature_algorithm: Any,
        context: Any = DEFAULT_VALIDATION_CONTEXT,
    ) -> None:
        """Raises InvalidSignature, UnsupportedAlgorithm."""
        algorithm = _gost_algorithm(signature_algorithm["algorithm"].dotted)
        if algorithm is None:
            super().validate_signature(signature, signed_data, public_key_info, signature_algorithm, context)
            return
        info = public_key_info.dump()
        key = gost_keys.read_key(info)
        if key is not None and key.parameters.test:  # its curve was published as an example
            raise UnsupportedAlgorithm(key.parameters.oid)
        digest = new_digest(algorithm.digest.name, signed_data).digest()
        if not is_signature(info, algorithm, digest, signature):
            raise InvalidSignature


def _gost_algorithm(oid: str) -> SignatureAlgorithm | None:
    named = SIGNATURES_WITH_DIGEST.get(oid)
    return algorithm_for(*named) if named and named[0] in gost_keys.TYPES else None


def signature_validator() -> SignatureValidator:
    return _Validator()
