"""`download_chunk`: the next piece of a signature that is too large for a message."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agent.api import wire
from agent.api.caller import Caller
from agent.api.method import PAGE, Method
from agent.api.methods.upload_begin import GOOD_CHUNK
from agent.api.methods.upload_chunk import MAX_CHUNK, Offset, UploadId
from agent.api.services import Services


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    download: UploadId  # as `sign` answered
    offset: Offset  # bytes that were taken before: pieces go in order
    length: Annotated[int, msgspec.Meta(gt=0, le=MAX_CHUNK)] = GOOD_CHUNK  # bytes, at most


async def download_chunk(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises UploadUnknown, BadParameters at a piece out of turn, FileChanged in place of the last one where the
    content is not what was signed."""
    upload = services.uploads.of(caller, parameters.download)
    piece = await upload.take(parameters.offset, parameters.length)
    return {"data": wire.encoded(piece), "last": parameters.offset + len(piece) == upload.whole}


METHOD = Method("download_chunk", PAGE, Parameters, download_chunk)
