"""`upload_drop`: a page does not need what it handed over, or what it downloaded, any more."""

from __future__ import annotations

from typing import Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import PAGE, Method
from agent.api.methods.upload_chunk import UploadId
from agent.api.services import Services
from agent.errors import UploadUnknown


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    upload: UploadId


async def upload_drop(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Whether there was one."""
    try:
        services.uploads.drop(services.uploads.of(caller, parameters.upload))
    except UploadUnknown:
        return {"dropped": False}
    return {"dropped": True}


METHOD = Method("upload_drop", PAGE, Parameters, upload_drop)
