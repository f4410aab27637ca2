"""Names of standards as a language writes them."""

from __future__ import annotations

from agent.texts.catalogue import text

_DIGESTS = {
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
    "streebog256": "GOST R 34.11-2012 256",
    "streebog512": "GOST R 34.11-2012 512",
}


def standard(name: str, language: str) -> str:
    """What speaks of a standard, such as the words for a key: "GOST R 34.10-2012 256 (CryptoPro-A)"."""
    return name.replace("GOST R ", text("standard.gost_r", language) + " ")


def digest_title(algorithm: str, language: str) -> str:
    """The words for a digest algorithm (algorithms.DIGESTS); an unknown name is returned as it is."""
    return standard(_DIGESTS.get(algorithm, algorithm), language)
