"""TimeStampReq and TimeStampResp (RFC 3161 section 2.4)."""

from __future__ import annotations

from agent.algorithms import DigestAlgorithm
from agent.certificates import der
from agent.timestamp.token import WrongToken

_TRUE = b"\x01\x01\xff"
_GRANTED = (0, 1)  # granted, grantedWithMods
_WITHOUT_PARAMETERS = ("streebog256", "streebog512")  # RFC 9215 section 3; the others as every authority knows them


class Rejected(Exception):
    """The authority said no. `status` is PKIStatus."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def request(algorithm: DigestAlgorithm, imprint: bytes, nonce: int, policy: str = "") -> bytes:
    """DER; the authority's certificate is asked for. `policy` is a dotted OID, or empty."""
    parameters = b"" if algorithm.name in _WITHOUT_PARAMETERS else der.NULL
    hashing = der.sequence(der.oid(algorithm.oid), parameters)
    wanted = der.oid(policy) if policy else b""
    message = der.sequence(hashing, der.tlv(der.OCTET_STRING, imprint))
    return der.sequence(der.integer(1), message, wanted, der.integer(nonce), _TRUE)


def token_of(response: bytes) -> bytes:
    """The TimeStampToken, not looked into. Raises Rejected, WrongToken."""
    try:
        whole = der.read(response)
        status, *token = whole.children()
        number = next(status.children())
        if whole.end != len(response) or whole.tag != der.SEQUENCE or number.tag != der.INTEGER:
            raise WrongToken("damaged")
        value = int.from_bytes(number.contents, "big", signed=True)
    except (ValueError, StopIteration) as error:
        raise WrongToken("damaged") from error
    if value not in _GRANTED:
        raise Rejected(value)
    if len(token) != 1:
        raise WrongToken("damaged")
    return token[0].whole
