"""`upload_begin`: a page is about to hand over a document that is too large for a message."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.contents import digests_for
from agent.api.method import PAGE, Method
from agent.api.methods.upload_chunk import MAX_CHUNK
from agent.api.services import Services
from agent.api.uploads import MAX_SIZE

MAX_NAME = 4096  # characters of a document's name
GOOD_CHUNK = 368640  # bytes: as base64 one frame between extension and agent, and not two


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
    size: Annotated[int, msgspec.Meta(ge=0, le=MAX_SIZE)]  # bytes
    media_type: Annotated[str, msgspec.Meta(max_length=255)] = "application/octet-stream"
    certificate: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None  # as `sign` will name it
    digest_algorithm: str | None = None


async def upload_begin(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises Busy, StorageFull, AlgorithmUnsupported, StateUnsafe, FileUnwritable."""
    algorithms = await digests_for(services, parameters.certificate, parameters.digest_algorithm)
    upload = services.uploads.begin(caller, parameters.name, parameters.media_type, parameters.size, algorithms)
    return {"upload": upload.identifier, "chunk": GOOD_CHUNK, "max_chunk": MAX_CHUNK}


METHOD = Method("upload_begin", PAGE, Parameters, upload_begin, leads_to_person=True)
