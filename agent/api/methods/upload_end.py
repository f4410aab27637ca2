"""`upload_end`: all of a document was handed over; its digest, so that the page can compare."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from agent.algorithms import SHA256, digest_named
from agent.api.caller import Caller
from agent.api.method import PAGE, Method
from agent.api.methods.upload_chunk import UploadId
from agent.api.services import Services


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    upload: UploadId
    digest_algorithm: str = SHA256.name


async def upload_end(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises UploadUnknown, BadParameters where not all of it came, AlgorithmUnsupported, DigestTooSlow."""
    upload = services.uploads.of(caller, parameters.upload)
    algorithm = digest_named(parameters.digest_algorithm)
    digest = await asyncio.to_thread(upload.spool.digest, algorithm)
    return {"size": upload.spool.size, "digest_algorithm": algorithm.name, "digest": digest.hex()}


METHOD = Method("upload_end", PAGE, Parameters, upload_end)
