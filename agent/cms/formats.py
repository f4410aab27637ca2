"""What every format of a signature has in common: bytes are prepared, signed elsewhere, and completed.

A format prepares (CMS, PDF, XML: each in its package) and gives a `Prepared`; the token signs; `complete` makes the
signature of level B; a time-stamp raises it to T, validation material to LT (ETSI EN 319 122-1, 132-1, 142-1). All of
it is pure: no network, no disk, no clock, no key.
"""

from __future__ import annotations

from typing import Protocol

import msgspec


class Material(msgspec.Struct, frozen=True):
    """What a verifier needs later, when nobody can be asked any more. All DER."""

    certificates: tuple[bytes, ...] = ()  # of the paths of signer, time-stamp, OCSP responders and issuers of lists
    ocsp: tuple[bytes, ...] = ()  # OCSPResponse (RFC 6960 section 4.2.1)
    crls: tuple[bytes, ...] = ()  # CertificateList (RFC 5280 section 5.1)


class Completed(Protocol):
    """A finished signature."""

    @property
    def value(self) -> bytes:
        """What leaves: a ContentInfo, a PDF, an XML document."""
        ...

    @property
    def stamped(self) -> bytes:
        """The octets whose digest a signature time-stamp is about (CMS: the signature value; XAdES: the canonical
        form of ds:SignatureValue)."""
        ...

    def with_timestamp(self, token: bytes) -> Completed:
        """The same with a signature time-stamp (DER of a TimeStampToken, RFC 3161 section 2.4.2): level T."""
        ...

    def with_material(self, material: Material) -> Completed:
        """The same with validation material: level LT."""
        ...


class Prepared(Protocol):
    """A signature that wants only its value."""

    @property
    def signed(self) -> bytes:
        """The octets that are digested, with the digest of the signature algorithm, and signed."""
        ...

    def complete(self, signature: bytes) -> Completed:
        """`signature` as ``TokenPool.sign`` gives it: PKCS#1 block, DER Ecdsa-Sig-Value, or GOST's s and r."""
        ...
