"""`sign_batch`: many documents of a page, one confirmation, one login. Its results are fetched by `batch_next`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import msgspec

from agent.api.batch_documents import DocumentParameter, Given, documents_of, in_message
from agent.api.caller import Caller
from agent.api.method import PAGE, Method
from agent.api.methods.sign import Thumbprint
from agent.api.services import Services
from agent.errors import BadParameters
from agent.signing.batch_request import MAX_DOCUMENTS, BatchRequest, Deliver
from agent.signing.filters import Filter
from agent.signing.options import SignatureOptions


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
        documents=(),
        attached=parameters.attached,
        certificate=parameters.certificate,
        filter=parameters.filter,
        digest_algorithm=parameters.digest_algorithm,
        options=parameters.options,
        language=services.language,
    )
    given = tuple(in_message(one, parameters.digest_algorithm) for one in parameters.documents)
    batch = services.batches.begin(
        caller, len(given), services.language, partial(_sign, services, caller, request, given)
    )
    return {"batch": batch.identifier, "count": len(given)}


async def _sign(
    services: Services, caller: Caller, request: BatchRequest, given: Sequence[Given], deliver: Deliver
) -> None:
    documents = await documents_of(services, caller, given, request)
    await services.signing.sign_batch(msgspec.structs.replace(request, documents=documents), caller.prompter, deliver)


METHOD = Method("sign_batch", PAGE, Parameters, sign_batch, leads_to_person=True)
