"""The libraries that read certificates and check signatures. They are imported at first use, since an agent that is
never asked needs neither their time nor their memory."""

from __future__ import annotations

import importlib

_MODULES = (  # in the order in which a request needs them
    "asn1crypto.x509",
    "cryptography.exceptions",
    "cryptography.hazmat.primitives.asymmetric.ec",
    "cryptography.hazmat.primitives.asymmetric.padding",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "cryptography.hazmat.primitives.asymmetric.utils",
    "cryptography.hazmat.primitives.hashes",
    "cryptography.hazmat.primitives.serialization",
)


def load() -> None:
    """Import them now (100 ms the first time). May run in a thread of its own beside their first use."""
    for name in _MODULES:
        importlib.import_module(name)
