"""Large documents on their way through `sign` and `sign_file`: what digests them, and how they are answered."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from agent.algorithms import SHA256, DigestAlgorithm, digest_for_certificate, digest_for_key, digest_named
from agent.api import wire
from agent.api.services import Services
from agent.api.uploads import Upload
from agent.certificates.description import Description, describe
from agent.cms.stream import around
from agent.errors import CertificateDamaged, DigestTooSlow, DocumentTooLarge
from agent.model import Document, Streamed
from agent.signing.options import CMS_FORMATS, SignatureOptions
from agent.signing.request import SignResult

MAX_WHOLE = 32 << 20  # bytes of a document that is held whole


async def digests_for(
    services: Services, certificate: str | None, digest_algorithm: str | None
) -> tuple[DigestAlgorithm, ...]:
    """What a large document is digested with, before it is known which key signs it. The first one is shown.

    Where nothing is named: SHA-256, and what the GOST keys want that are there. Raises AlgorithmUnsupported.
    """
    if digest_algorithm is not None:
        return (digest_named(digest_algorithm),)
    wanted: dict[DigestAlgorithm, None] = {} if certificate else {SHA256: None}
    for entry in (await services.tokens.listing()).certificates:
        if certificate in (None, entry.thumbprint):
            with contextlib.suppress(CertificateDamaged):
                wanted[_digest(describe(entry.der), certificate is not None)] = None
    return tuple(wanted) or (SHA256,)


def _digest(key: Description, is_named: bool) -> DigestAlgorithm:
    return digest_for_key(key.key_type, key.bits) if is_named else digest_for_certificate(key.key_type)


def is_streamed(options: SignatureOptions, attached: bool) -> bool:
    """Whether such a signature can be made of content that nobody holds."""
    if options.format not in CMS_FORMATS:
        return False
    return not attached or (options.encoding == "der" and options.mode is None)


async def uploaded(
    services: Services,
    upload: Upload,
    certificate: str | None,
    digest_algorithm: str | None,
    options: SignatureOptions,
    attached: bool,
) -> Document | Streamed:
    """The document that was handed over. Raises BadParameters where not all of it came, DigestTooSlow,
    DocumentTooLarge where a format has to hold it and it is too large for that."""
    spool = upload.spool
    if not is_streamed(options, attached):
        if spool.size > MAX_WHOLE:
            raise DocumentTooLarge(limit=MAX_WHOLE)
        return Document(upload.name, await asyncio.to_thread(spool.content), upload.media_type)
    algorithms = await digests_for(services, certificate, digest_algorithm)
    digests = []
    for algorithm in algorithms:
        try:
            digests.append((algorithm.name, await asyncio.to_thread(spool.digest, algorithm)))
        except DigestTooSlow:
            if len(algorithms) == 1:
                raise
    first, *others = digests
    return Streamed(
        upload.name,
        *first,
        spool.size,
        tuple(others),
        beginning=spool.beginning,
        media_type=upload.media_type,
    )


def surrounded(made: SignResult, document: Streamed, content_at: int | None) -> dict[str, Any]:
    """The answer to a command whose file is to be put into the signature: the command writes it, between these two.

    `content_at`: where the content was written in the command's room already, if it was.
    """
    header, tail = around(made.signature, document.size or 0)
    around_content = {
        "header": wire.encoded(header),
        "tail": wire.encoded(tail),
        "size": document.size,
        "digest_algorithm": document.algorithm,
        "digest": document.value.hex(),
        **({} if content_at is None else {"content_at": content_at}),
    }
    return {**wire.signature(made), "signature": None, "around": around_content}


def downloadable(made: SignResult, document: Streamed, upload: Upload) -> dict[str, Any]:
    """The answer to a page whose document is to be put into the signature: it takes the whole piece by piece."""
    size = upload.put_into(around(made.signature, document.size or 0), document.algorithm, document.value)
    return {**wire.signature(made), "signature": None, "download": upload.identifier, "size": size}
