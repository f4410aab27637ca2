"""`sign`: a document in the message, or the digest of one, gets a signature."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

import msgspec

from agent.api import wire
from agent.api.caller import Caller
from agent.api.contents import downloadable, uploaded
from agent.api.messages import binary
from agent.api.method import PAGE, Method
from agent.api.methods.upload_chunk import UploadId
from agent.api.services import Services
from agent.api.uploads import Upload
from agent.errors import BadParameters, FileUnwritable
from agent.model import Digest, Document, Streamed
from agent.signing.filters import Filter
from agent.signing.options import SignatureOptions
from agent.signing.request import SignRequest

MAX_NAME = 4096  # characters of a document's name
Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
Thumbprint = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class DocumentParameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    content: str  # base64
    name: Name
    media_type: Annotated[str, msgspec.Meta(max_length=255)] = "application/octet-stream"


class DigestParameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    value: str  # base64
    algorithm: str
    name: Name
    size: Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)] | None = None


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    document: DocumentParameter | None = None
    digest: DigestParameter | None = None
    upload: UploadId | None = None
    certificate: Thumbprint | None = None
    filter: Filter = Filter()
    attached: bool = False
    digest_algorithm: str | None = None
    options: SignatureOptions = SignatureOptions()


async def sign(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    upload = services.uploads.of(caller, parameters.upload) if parameters.upload is not None else None
    document = _document(parameters) if upload is None else await _uploaded(services, upload, parameters)
    request = SignRequest(
        origin=caller.origin,
        document=document,
        attached=parameters.attached,
        certificate=parameters.certificate,
        filter=parameters.filter,
        digest_algorithm=None if isinstance(document, Streamed) else parameters.digest_algorithm,
        options=parameters.options,
        language=services.language,
    )
    made = await services.signing.sign(request, caller.prompter)
    with contextlib.suppress(FileUnwritable):  # a full disk takes the date of last use, not the signature
        services.origins.used(caller.origin, services.now())
    if upload is not None and parameters.attached and isinstance(document, Streamed):
        return downloadable(made, document, upload)
    return wire.signature(made)


async def _uploaded(services: Services, upload: Upload, parameters: Parameters) -> Document | Streamed:
    if parameters.document is not None or parameters.digest is not None:
        raise BadParameters(detail="one of document, digest and upload is needed")
    return await uploaded(
        services, upload, parameters.certificate, parameters.digest_algorithm, parameters.options, parameters.attached
    )


def _document(parameters: Parameters) -> Document | Digest:
    if (parameters.document is None) == (parameters.digest is None):
        raise BadParameters(detail="one of document, digest and upload is needed")
    if parameters.document is not None:
        given = parameters.document
        return Document(given.name, binary(given.content, "document.content"), given.media_type)
    digest = parameters.digest
    assert digest is not None  # noqa: S101 - checked above
    return Digest(digest.name, digest.algorithm, binary(digest.value, "digest.value"), digest.size)


METHOD = Method("sign", PAGE, Parameters, sign, leads_to_person=True)
