"""How XML Signature names algorithms, and how it writes signature values.

RSA, ECDSA, SHA-2: XML Signature 1.1 section 6, RFC 9231 (PSS: section 2.3.9, parameters as the identifier implies).
GOST R 34.10-2012: the identifiers of CryptoPro in the IANA registry (draft-smirnov-xmldsig; R 1323565.1.033-2020).
"""

from __future__ import annotations

from agent.algorithms import ALGORITHMS, DIGESTS, PSS, DigestAlgorithm, SignatureAlgorithm
from agent.certificates import der
from agent.certificates.description import Description
from agent.errors import AlgorithmUnsupported
from agent.xml.options import Options

_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
_CRYPTOPRO = "urn:ietf:params:xml:ns:cpxmlsec:algorithms:"

DIGEST_METHODS = {
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "sha384": _MORE + "sha384",
    "sha512": "http://www.w3.org/2001/04/xmlenc#sha512",
    "streebog256": _CRYPTOPRO + "gostr34112012-256",
    "streebog512": _CRYPTOPRO + "gostr34112012-512",
}

# Key type, digest, whether padded by PSS.
_SIGNATURE_METHODS = {
    ("rsa", "sha256", False): _MORE + "rsa-sha256",
    ("rsa", "sha384", False): _MORE + "rsa-sha384",
    ("rsa", "sha512", False): _MORE + "rsa-sha512",
    ("rsa", "sha256", True): _MORE_2007 + "sha256-rsa-MGF1",
    ("rsa", "sha384", True): _MORE_2007 + "sha384-rsa-MGF1",
    ("rsa", "sha512", True): _MORE_2007 + "sha512-rsa-MGF1",
    ("ec", "sha256", False): _MORE + "ecdsa-sha256",
    ("ec", "sha384", False): _MORE + "ecdsa-sha384",
    ("ec", "sha512", False): _MORE + "ecdsa-sha512",
    ("gost256", "streebog256", False): _CRYPTOPRO + "gostr34102012-gostr34112012-256",
    ("gost512", "streebog512", False): _CRYPTOPRO + "gostr34102012-gostr34112012-512",
}

_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
CANONICAL_METHODS = {
    "exclusive": _EXCLUSIVE,
    "exclusive_with_comments": _EXCLUSIVE + "WithComments",
    "inclusive": _INCLUSIVE,
    "inclusive_with_comments": _INCLUSIVE + "#WithComments",
}


def digest_method(digest: DigestAlgorithm) -> str:
    return DIGEST_METHODS[digest.name]


def digest_of_method(uri: str) -> DigestAlgorithm:
    """Raises ValueError."""
    for digest in DIGESTS:
        if DIGEST_METHODS[digest.name] == uri:
            return digest
    raise ValueError("digest method")


def signature_method(algorithm: SignatureAlgorithm) -> str:
    """Raises AlgorithmUnsupported."""
    padded = getattr(algorithm, "padding", "") == "pss"
    uri = _SIGNATURE_METHODS.get((algorithm.key_type, algorithm.digest.name, padded))
    if uri is None:
        raise AlgorithmUnsupported(algorithm=algorithm.name)
    return uri


def algorithm_of_method(uri: str, key_type: str) -> SignatureAlgorithm | None:
    """The row of a signature method, for a key of that type; None: there is none."""
    for row in ALGORITHMS:
        name = (row.key_type, row.digest.name, row.padding == PSS)
        if row.key_type == key_type and _SIGNATURE_METHODS.get(name) == uri:
            return row
    return None


def canonical_method(options: Options) -> str:
    return CANONICAL_METHODS[options.canonical]


def written_value(signature: bytes, certificate: Description) -> bytes:
    """A token's signature as ds:SignatureValue holds it: of ECDSA r and s, each as long as the key (XML Signature 1.1
    section 6.4.3); RSA and GOST as they are. Of GOST that is s and r, big-endian: so has it СМЭВ 3 (its own messages
    verify that way and no other). Raises ValueError."""
    if certificate.key_type != "ec":
        return signature
    size = (certificate.bits + 7) // 8
    both = der.read(signature)
    numbers = tuple(both.children())
    tags = (both.tag, *(number.tag for number in numbers))
    if both.end != len(signature) or tags != (der.SEQUENCE, der.INTEGER, der.INTEGER):
        raise ValueError("Ecdsa-Sig-Value")
    return b"".join(_unsigned(number.contents, size) for number in numbers)


def _unsigned(contents: bytes, size: int) -> bytes:
    value = int.from_bytes(contents, "big", signed=True)
    if value < 0 or value.bit_length() > 8 * size:
        raise ValueError("Ecdsa-Sig-Value")
    return value.to_bytes(size, "big")


def read_value(value: bytes, certificate: Description) -> bytes:
    """The opposite of `written_value`. Raises ValueError."""
    if certificate.key_type != "ec":
        return value
    size = (certificate.bits + 7) // 8
    if len(value) != 2 * size:
        raise ValueError("length of a signature value")
    r, s = (int.from_bytes(half, "big") for half in (value[:size], value[size:]))
    return der.sequence(der.integer(r), der.integer(s))
