"""JSON-RPC 2.0 messages: parsed once into typed values, with every limit named; answers and errors written.

Of the specification, batches and notifications are not taken: every message is one request with an id.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Literal, TypeVar

import msgspec

from agent.errors import BadParameters, BadRequest, PeroError
from agent.texts.errors import error_advice, error_text

MAX_MESSAGE = 64 << 20  # bytes of one message, whole
MAX_ID = 64  # characters
MAX_METHOD = 64  # characters

Identifier = int | str
Parameters = TypeVar("Parameters")


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    jsonrpc: Literal["2.0"]
    method: str
    id: Identifier
    params: msgspec.Raw = msgspec.Raw(b"{}")


_request_decoder = msgspec.json.Decoder(Request)
_identifier_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


def parse_request(payload: bytes | str | msgspec.Raw) -> Request:
    """Raises BadRequest at whatever is not one well-formed request."""
    try:
        request = _request_decoder.decode(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest(detail=_detail(error)) from error
    if len(request.method) > MAX_METHOD or (isinstance(request.id, str) and len(request.id) > MAX_ID):
        raise BadRequest(detail="id or method too long")
    if isinstance(request.id, int) and abs(request.id) > (1 << 53):
        raise BadRequest(detail="id out of range")
    return request


def identifier_of(payload: bytes | str | msgspec.Raw) -> Identifier | None:
    """The id of a malformed request, so that its sender can tell which one failed; None where there is none."""
    try:
        value = msgspec.json.decode(_identifier_decoder.decode(payload).get("id", msgspec.Raw(b"null")))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    usable = isinstance(value, (int, str)) and not isinstance(value, bool)
    return value if usable and len(str(value)) <= MAX_ID else None


def parse_parameters(raw: msgspec.Raw, kind: type[Parameters]) -> Parameters:
    """Raises BadParameters."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadParameters(detail=_detail(error)) from error


def binary(value: str, field: str) -> bytes:
    """The octets of a base64 text (RFC 4648 section 4, padded). Raises BadParameters."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadParameters(detail=f"{field} is not base64") from error


def result(identifier: Identifier, value: Any) -> bytes:
    return _encoder.encode({"jsonrpc": "2.0", "id": identifier, "result": value})


def notification(method: str, parameters: dict[str, Any]) -> bytes:
    """What is answered by nothing (JSON-RPC 2.0 section 4.1)."""
    return _encoder.encode({"jsonrpc": "2.0", "method": method, "params": parameters})


def failure(identifier: Identifier | None, error: PeroError, language: str, finding: str = "") -> bytes:
    """`finding`: the id of the finding of `pero diagnose` that explains the error, where there is one."""
    written = error_object(error, language)
    if finding:
        written["data"]["finding"] = finding
    return _encoder.encode({"jsonrpc": "2.0", "id": identifier, "error": written})


def error_object(error: PeroError, language: str) -> dict[str, Any]:
    """The error as JSON-RPC writes it; `data` is what programs and people act on."""
    facts = {name: "" if value is None else value for name, value in error.facts.items()}
    return {
        "code": error.code,
        "message": error.name,
        "data": {
            "name": error.name,
            "actor": str(error.actor),
            "retriable": error.retriable,
            "facts": error.facts,
            "text": error_text(error.name, language, facts),
            "advice": error_advice(error.name, language, facts),
        },
    }


def _detail(error: Exception) -> str:
    return str(error)[:200] if isinstance(error, msgspec.ValidationError) else "malformed JSON"
