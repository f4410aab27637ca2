"""The CMS in a PDF signature (ETSI EN 319 142-1 clauses 4.1 and 6.3): detached, of one signer, without signing-time.

The claimed time of signing stands in the signature dictionary (entry M), and a reason stands there too, so that neither
signing-time nor commitment-type-indication may be among the signed attributes.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.algorithms import SignatureAlgorithm
from agent.certificates.description import Description
from agent.cms.attributes import DATA, signed_attributes
from agent.cms.prepare import PreparedCms
from agent.cms.signed_data import SignedData, digest_algorithm


def prepare_content(
    digest: bytes, certificate: Description, chain: Sequence[bytes], algorithm: SignatureAlgorithm
) -> PreparedCms:
    """`digest` is of the octets in ByteRange, by the digest of `algorithm`."""
    data = SignedData(
        digests=(digest_algorithm(algorithm),),
        content_type=DATA,
        content=None,
        certificates=tuple(dict.fromkeys((certificate.der, *chain))),
        revocation=(),
        signers=(),
    )
    return PreparedCms(signed_attributes(digest, certificate, None), certificate, algorithm, data, None)
