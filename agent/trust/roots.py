"""What the system trusts: the roots that its programs use for TLS. Pero brings none of its own."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from agent.certificates import pem

_LABELS = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
_BUNDLES = (
    "etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/ca-bundle.pem", "etc/ssl/cert.pem",
)  # fmt: skip


def system_roots(environment: Mapping[str, str], root: Path = Path("/")) -> tuple[bytes, ...]:
    """DER, not looked into, of the first file of roots that has some; empty where there is none."""
    named = environment.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile or ""
    places = [Path(named)] if named and root == Path("/") else []
    for place in [*places, *(root / name for name in _BUNDLES)]:
        found = certificates_in(place)
        if found:
            return found
    return ()


def certificates_in(path: Path) -> tuple[bytes, ...]:
    """DER of the certificates of a file, PEM or one in DER; what cannot be read has none."""
    try:
        content = path.read_bytes()
        return tuple(pem.blocks(content, _LABELS)) if pem.is_armoured(content) else (content,) if content else ()
    except (OSError, ValueError):
        return ()
