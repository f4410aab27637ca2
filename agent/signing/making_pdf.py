"""PAdES as a format of the signing procedure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from agent.cms.formats import Completed, Prepared
from agent.model import Digest, Document
from agent.pdf import preparation
from agent.pdf.process import Performer, Worker, once
from agent.signing import options as wanted
from agent.signing.options import Level, SignatureOptions
from agent.signing.task import Task, whole
from agent.verification.own_pdf import verify_own_pdf


class Kept(NamedTuple):
    """`look` and `prepared` for many documents; `close` ends what they have in common, and blocks."""

    look: Callable[[Document | Digest, SignatureOptions], None]
    prepare: Callable[[Task], Prepared]
    close: Callable[[], None]


def media_type(_detached: bool) -> str:
    return "application/pdf"


def is_detached(_options: SignatureOptions, _attached: bool) -> bool:
    return False


def look(document: Document | Digest, options: SignatureOptions, perform: Performer = once) -> None:
    """Raises DocumentDamaged, DocumentEncrypted, DocumentLocked, DocumentTooComplex, FormUnsupported, FieldUnusable,
    FontAbsent, BadParameters. Blocks for the worker."""
    preparation.look(whole(document), _options(options, "en"), perform=perform)


def prepared(task: Task, perform: Performer = once) -> Prepared:
    return preparation.prepare(
        whole(task.document),
        certificate=task.certificate,
        chain=task.chain,
        algorithm=task.algorithm,
        moment=task.moment,
        options=_options(task.options, task.language),
        timestamp=task.options.level != "b",
        perform=perform,
    )


def for_many() -> Kept:
    """With one process for all documents, in place of one for each."""
    worker = Worker()
    return Kept(partial(look, perform=worker), partial(prepared, perform=worker), worker.close)


def verify(task: Task, completed: Completed, level: Level) -> None:
    verify_own_pdf(completed.value, whole(task.document), task.certificate, task.algorithm.digest, task.token, level)


def _options(options: SignatureOptions, language: str) -> preparation.PdfOptions:
    given = options.pdf or wanted.PdfOptions()
    place = given.visible
    return preparation.PdfOptions(
        visible=preparation.Visible(place.x, place.y, place.width, place.height, place.page, place.text)
        if place
        else None,
        reason=options.reason,
        location=given.location,
        contact=given.contact,
        field=given.field,
        language=language,
    )
