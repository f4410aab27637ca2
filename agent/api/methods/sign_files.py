"""`sign_files`: a command has many files of this user signed. Its results are fetched by `batch_next`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec

from agent.api.batch_documents import MAX_HELD
from agent.api.caller import Caller
from agent.api.contents import MAX_WHOLE
from agent.api.method import COMMAND, Method
from agent.api.methods import sign_file
from agent.api.methods.sign import Thumbprint
from agent.api.services import Services
from agent.errors import BadParameters, DocumentTooLarge, PeroError
from agent.model import Digest, Document
from agent.signing.batch_request import MAX_DOCUMENTS, BatchRequest, Deliver, Unread
from agent.signing.filters import Filter
from agent.signing.options import SignatureOptions


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    paths: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=sign_file.MAX_PATH)], ...],
        msgspec.Meta(min_length=1, max_length=MAX_DOCUMENTS),
    ]  # absolute
    certificate: Thumbprint | None = None
    filter: Filter = Filter()
    attached: bool = False
    digest_algorithm: str | None = None
    options: SignatureOptions = SignatureOptions()


async def sign_files(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises BadParameters, Busy; what becomes of the batch is told by `batch_next`."""
    if parameters.options.existing is not None:
        raise BadParameters(detail="existing goes with one document")
    work = partial(_sign, services, caller, parameters)
    batch = services.batches.begin(caller, len(parameters.paths), services.language, work)
    return {"batch": batch.identifier, "count": len(parameters.paths)}


async def _sign(services: Services, caller: Caller, parameters: Parameters, deliver: Deliver) -> None:
    documents: list[Document | Digest | Unread] = []
    held = 0
    for path in map(Path, parameters.paths):
        document = await _read(services, caller, path, parameters, MAX_HELD - held)
        size = len(document.content) if isinstance(document, Document) else 0
        if held + size > MAX_HELD:
            document, size = Unread(path.name, DocumentTooLarge(limit=MAX_HELD)), 0
        documents.append(document)
        held += size
    request = BatchRequest(
        origin=caller.origin,
        documents=tuple(documents),
        attached=parameters.attached,
        certificate=parameters.certificate,
        filter=parameters.filter,
        digest_algorithm=parameters.digest_algorithm,
        options=parameters.options,
        language=services.language,
    )
    await services.signing.sign_batch(request, caller.prompter, deliver)


async def _read(
    services: Services, caller: Caller, path: Path, parameters: Parameters, room: int
) -> Document | Digest | Unread:
    """A file that cannot be read does not stop the others. One that is larger than there is `room` (bytes) for is read
    as a stream where its signature can be made so, which in a batch no attached one can."""
    try:
        if not path.is_absolute():
            raise BadParameters(detail="path is not absolute")
        given = sign_file.Parameters(
            path=str(path),
            certificate=parameters.certificate,
            attached=parameters.attached,
            digest_algorithm=parameters.digest_algorithm,
            options=parameters.options,
        )
        return await sign_file.read_document(
            services, caller, path, given, most=None if parameters.attached else min(room, MAX_WHOLE)
        )
    except PeroError as error:
        return Unread(path.name, error)


METHOD = Method("sign_files", COMMAND, Parameters, sign_files, leads_to_person=True)
