"""`upload_chunk`: the next piece of a document that a page hands over. Several may be on their way at a time."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.messages import binary
from agent.api.method import PAGE, Method
from agent.api.services import Services
from agent.errors import FileUnwritable, StorageFull

MAX_CHUNK = 4 << 20  # bytes
_MAX_TEXT = (MAX_CHUNK + 2) // 3 * 4  # characters of base64
UploadId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
Offset = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    upload: UploadId
    offset: Offset  # bytes that came before: pieces come in order
    data: Annotated[str, msgspec.Meta(max_length=_MAX_TEXT)]  # base64


async def upload_chunk(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """How many bytes came so far. Raises UploadUnknown, BadParameters at a piece out of turn or beyond the size
    (nothing is taken then), StorageFull and FileUnwritable (the upload has ended then)."""
    upload = services.uploads.of(caller, parameters.upload)
    piece = binary(parameters.data, "data")
    try:
        return {"received": await upload.add(parameters.offset, piece)}
    except (StorageFull, FileUnwritable):
        services.uploads.drop(upload)
        raise


METHOD = Method("upload_chunk", PAGE, Parameters, upload_chunk)
