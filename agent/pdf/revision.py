"""Reading a document of a stranger, and the revision that is put behind it (ISO 32000-1 section 7.5.6).

Runs in the worker only (`agent.pdf.worker`), which bounds time and memory. pyHanko parses; what it raises at damaged
input is translated here.
"""

from __future__ import annotations

import io
import logging
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.extensions import DeveloperExtension, DevExtensionMultivalued
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader

from agent.errors import DocumentDamaged, DocumentEncrypted

# Says that structures of PAdES are in use (EN 319 142-1 clause 5.6): level 1 of ESIC, upon PDF 1.7
_PADES = DeveloperExtension(
    prefix_name=pdf_name("/ESIC"),
    base_version=pdf_name("/1.7"),
    extension_level=1,
    compare_by_level=True,
    multivalued=DevExtensionMultivalued.NEVER,
)
_HEADER = b"%PDF-"
_MAX_OBJECTS = 8_388_607  # numbers of objects that readers take (ISO 32000-1 annex C)
_LOOKED_AT = 1024  # octets at the beginning in which readers look for the header (ISO 32000-1 annex H.3.4.1)

logging.getLogger("pyhanko").setLevel(logging.CRITICAL)  # what is wrong with a stranger's file is told by errors


class Writer(IncrementalPdfFileWriter):
    """An incremental writer that changes what it is told to and nothing else: no producer, no metadata."""

    def _update_meta(self) -> None:
        return None


def open_document(document: bytes) -> Writer:
    """Raises DocumentDamaged, DocumentEncrypted. Leniently: nothing of the document is changed, and readers are
    lenient too."""
    if _HEADER not in document[:_LOOKED_AT]:
        raise DocumentDamaged(format="pdf", detail="header")
    stream = io.BytesIO()
    stream.write(document)
    if document[-1:] not in b"\r\n":
        stream.write(b"\n")  # a revision begins on a line of its own
    with reading():
        reader = PdfFileReader(stream, strict=False)
        if "/Encrypt" in reader.trailer.flatten():
            raise DocumentEncrypted
        writer = Writer(stream, prev=reader)
        if not isinstance(writer.root.raw_get("/Pages"), generic.IndirectObject):
            raise DocumentDamaged(format="pdf", detail="pages")
        if not 0 < reader.trailer["/Size"] <= _MAX_OBJECTS:
            raise DocumentDamaged(format="pdf", detail="size")
        if writer.output_version < (2, 0):
            writer.register_extension(_PADES)
            writer.update_root()
        return writer


def finish(writer: Writer, document: bytes) -> bytes:
    """What is to be put behind the document."""
    with reading():
        writer.write_in_place()
    written: bytes = writer.prev.stream.getvalue()
    return written[len(document) :]


@contextmanager
def reading() -> Iterator[None]:
    """Whatever damaged bytes make pyHanko raise is DocumentDamaged."""
    try:
        yield
    except PdfError as error:
        raise DocumentDamaged(format="pdf", detail=type(error).__name__) from error
    except (
        ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, OSError, RecursionError,
        TypeError, ValueError, zlib.error,
    ) as error:  # fmt: skip
        # It reads as it is asked, and what damaged bytes raise depends on where they are.
        raise DocumentDamaged(format="pdf", detail=type(error).__name__) from error
