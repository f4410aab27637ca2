"""FORMATS: how a signature of each format is prepared, and checked before it leaves. One row is one format.

A row's functions may take long: the procedure runs them aside where that is so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from agent.cms.formats import Completed, Prepared
from agent.errors import BadParameters
from agent.model import Digest, Document
from agent.signing import making_cms, making_pdf, making_xml
from agent.signing.options import Level, SignatureOptions
from agent.signing.task import Task


class Format(NamedTuple):
    """`look` refuses, with a typed error, what can never be signed so: it runs before anybody is asked anything."""

    name: str
    media_type: Callable[[bool], str]  # of what leaves; whether it is detached
    is_detached: Callable[[SignatureOptions, bool], bool]  # whether it was to be attached
    look: Callable[[Document | Digest, SignatureOptions], None]
    prepare: Callable[[Task], Prepared]
    verify: Callable[[Task, Completed, Level], None]  # raises SignatureWrong
    slow: bool = False  # takes long for small documents too
    kept: Callable[[], making_pdf.Kept] | None = None  # what takes the place of `look` and `prepare` for many documents


_CMS = (making_cms.media_type, making_cms.is_detached, making_cms.look, making_cms.prepared, making_cms.verify)
_PDF = (making_pdf.media_type, making_pdf.is_detached, making_pdf.look, making_pdf.prepared, making_pdf.verify)
_XML = (making_xml.media_type, making_xml.is_detached, making_xml.look, making_xml.prepared, making_xml.verify)
FORMATS: tuple[Format, ...] = (
    Format("cms", *_CMS),
    Format("cades", *_CMS),
    Format("pades", *_PDF, slow=True, kept=making_pdf.for_many),
    Format("xmldsig", *_XML, slow=True),
    Format("xades", *_XML, slow=True),
)


def format_named(name: str) -> Format:
    """Raises BadParameters."""
    for row in FORMATS:
        if row.name == name:
            return row
    raise BadParameters(detail=f"unknown format: {name}")


@asynccontextmanager
async def for_many(form: Format) -> AsyncIterator[Format]:
    """The format for many documents, one after another: what it would start for each is started once."""
    if form.kept is None:
        yield form
        return
    kept = form.kept()
    try:
        yield form._replace(look=kept.look, prepare=kept.prepare)
    finally:
        await asyncio.shield(asyncio.to_thread(kept.close))
