"""`upload_ticket`: an address for one HTTP request in place of many chunks. Over loopback only."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from agent.api.caller import Caller
from agent.api.method import PAGE, Method
from agent.api.methods.upload_chunk import UploadId
from agent.api.services import Services
from agent.api.uploads import TICKET_SECONDS
from agent.errors import BadParameters

PATHS = {"upload": "/v1/upload", "download": "/v1/download"}


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    upload: UploadId
    to: Literal["upload", "download"] = "upload"


async def upload_ticket(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """A page that came by another way is told nothing of the port: who listens there it could not tell.

    Raises UploadUnknown, BadParameters.
    """
    upload = services.uploads.of(caller, parameters.upload)
    if caller.transport != "loopback":
        raise BadParameters(detail="tickets are for loopback")
    is_download = parameters.to == "download"
    if is_download:
        _ = upload.whole
    token = services.uploads.ticket(upload, is_download=is_download)
    return {"path": f"{PATHS[parameters.to]}?ticket={token}", "seconds": int(TICKET_SECONDS)}


METHOD = Method("upload_ticket", PAGE, Parameters, upload_ticket)
