"""`sign_batch`: many documents of a page, one confirmation, one login. Its results are fetched by `batch_next`."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.messages import binary
from agent.api.method import PAGE, Method
from agent.api.methods.sign import Thumbprint
from agent.api.services import Services
from agent.errors import BadParameters, PeroError
from agent.model import Digest, Document
from agent.signing.batch_request import MAX_DOCUMENTS, BatchRequest, Unread
from agent.signing.filters import Filter
from agent.signing.options import SignatureOptions

MAX_NAME = 512  # characters of a document's name: the names of all stand in one message to the window
Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]


class DocumentParameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    content: str | None = None  # base64
    media_type: Annotated[str, msgspec.Meta(max_length=255)] = "application/octet-stream"
    digest: str | None = None  # base64; in place of the content
    size: Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)] | None = None  # of what the digest is of


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    documents: Annotated[tuple[DocumentParameter, ...], msgspec.Meta(min_length=1, max_length=MAX_DOCUMENTS)]
    certificate: Thumbprint | None = None
    filter: Filter = Filter()
    attached: bool = False
    digest_algorithm: str | None = None
    options: SignatureOptions = SignatureOptions()


async def sign_batch(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises BadParameters, Busy; what becomes of the batch is told by `batch_next`."""
    if parameters.options.existing is not None:
        raise BadParameters(detail="existing goes with one document")
    request = BatchRequest(
        origin=caller.origin,
        documents=tuple(_document(one, parameters.digest_algorithm) for one in parameters.documents),
        attached=parameters.attached,
        certificate=parameters.certificate,
        filter=parameters.filter,
        digest_algorithm=parameters.digest_algorithm,
        options=parameters.options,
        language=services.language,
    )
    work = partial(services.signing.sign_batch, request, caller.prompter)
    batch = services.batches.begin(caller, len(request.documents), services.language, work)
    return {"batch": batch.identifier, "count": len(request.documents)}


def _document(given: DocumentParameter, algorithm: str | None) -> Document | Digest | Unread:
    """One that is malformed does not stop the others."""
    try:
        if (given.content is None) == (given.digest is None):
            raise BadParameters(detail="one of content and digest is needed")
        if given.content is not None:
            return Document(given.name, binary(given.content, "content"), given.media_type)
        if algorithm is None:
            raise BadParameters(detail="digest_algorithm says what the digests are")
        return Digest(given.name, algorithm, binary(given.digest or "", "digest"), given.size)
    except PeroError as error:
        return Unread(given.name, error)


METHOD = Method("sign_batch", PAGE, Parameters, sign_batch)
