"""CMS and CAdES as formats of the signing procedure, alone or added to a signature that is there."""

from __future__ import annotations

import hmac
import re

from agent.algorithms import DIGESTS, SHA256, new_digest
from agent.cms.existing import Existing, read_existing
from agent.cms.formats import Completed, Prepared
from agent.cms.prepare import prepare
from agent.errors import ContentDiffers, ExistingUnsupported
from agent.model import Digest, Document
from agent.signing.options import Level, SignatureOptions
from agent.signing.task import Task
from agent.verification.own import Wanted, verify_own

_MEDIA_TYPE = re.compile(r"[!#$&^_.+A-Za-z0-9-]+/[!#$&^_.+A-Za-z0-9-]+")  # RFC 6838 section 4.2


def media_type(detached: bool) -> str:
    """RFC 8551 section 3.2.1."""
    return "application/pkcs7-signature" if detached else "application/pkcs7-mime"


def is_detached(options: SignatureOptions, attached: bool) -> bool:
    """A signature that another one is added to stays as it is."""
    if options.existing is None:
        return not attached
    return read_existing(options.existing).data.content is None


def look(document: Document | Digest, options: SignatureOptions) -> None:
    """Raises SignatureDamaged, ExistingUnsupported, SignerUnknown, ContentDiffers."""
    if options.existing is None:
        return
    existing = read_existing(options.existing)
    if options.mode == "counter_sign":
        _check_signed(existing, document, options.signer)
    elif isinstance(document, Document):
        digest = new_digest(SHA256.name, document.content).digest()
        existing.digest_of_content(SHA256, document.content, digest, existing.data.content_type)


def _check_signed(existing: Existing, document: Document | Digest, signer: int | None) -> None:
    """Whether the signer that is counter-signed signed the document that the person is shown."""
    target = existing.signer(signer)
    name = next((one.name for one in DIGESTS if one.oid == target.digest_oid), "")
    if not name or target.message_digest is None:
        raise ExistingUnsupported(reason="content_type")
    if isinstance(document, Document):
        value = new_digest(name, document.content).digest()
    else:
        value = {document.algorithm: document.value, **dict(document.others)}.get(name, b"")
    if not hmac.compare_digest(value, target.message_digest):
        raise ContentDiffers()


def prepared(task: Task) -> Prepared:
    options, document = task.options, task.document
    media = document.media_type if isinstance(document, Document) else ""
    return prepare(
        content_digest=task.content_digest,
        certificate=task.certificate,
        algorithm=task.algorithm,
        moment=task.moment,
        content=task.content if task.attached or options.mode == "co_sign" else None,
        chain=task.chain,
        format="cms" if options.format == "cms" else "cades",
        content_type=task.content_type,
        name=document.name if options.name else None,
        media_type=media if _MEDIA_TYPE.fullmatch(media) else None,
        reason=options.reason,
        existing=options.existing,
        mode=options.mode or "co_sign",
        signer=options.signer,
    )


def verify(task: Task, completed: Completed, level: Level) -> None:
    options = task.options
    wanted = Wanted(
        content_type=task.content_type,
        cades=options.format != "cms",
        level=level,
        existing=options.existing,
        mode=options.mode or "co_sign",
        signer=options.signer,
    )
    verify_own(completed.value, task.content_digest, task.certificate, task.token, wanted)
