"""Certificates as messages carry them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from agent.certificates.description import Description
from agent.signing.fitting import iso
from agent.signing.request import SignResult


def certificate(description: Description, chain: Sequence[bytes] = ()) -> dict[str, Any]:
    """CERT of PROTOCOL.md: names are RFC 4514, the serial number hex, times ISO 8601 in UTC, DER in base64."""
    return {
        "thumbprint": description.thumbprint,
        "certificate": encoded(description.der),
        "subject": description.subject,
        "issuer": description.issuer,
        "serial": description.serial,
        "not_before": iso(description.not_before),
        "not_after": iso(description.not_after),
        "key": description.key,
        "chain": [encoded(der) for der in chain],
    }


def signature(made: SignResult) -> dict[str, Any]:
    """A signature that leaves: base64, but as it is where it was wanted as a text."""
    wanted = made.options.encoding
    return {
        "signature": encoded(made.signature) if wanted == "der" else made.signature.decode("ascii"),
        "detached": made.detached,
        "format": made.options.format,
        "level": made.options.level,
        "encoding": wanted,
        "media_type": made.media_type,
        "certificate": certificate(made.candidate.description, made.chain),
    }


def encoded(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
