"""What a signature will say besides the document: the person agrees to that too, so it is shown and journalled."""

from __future__ import annotations

from collections.abc import Iterator

from agent.signing.options import SignatureOptions

_KINDS = {"cms": "CMS", "cades": "CAdES", "pades": "PAdES", "xmldsig": "XMLDSig", "xades": "XAdES"}
_LEVELS = {"b": "B-B", "t": "B-T", "lt": "B-LT"}

Stated = tuple[tuple[str, str], ...]


def stated(options: SignatureOptions) -> Stated:
    """Names of the catalogue (`stated.NAME`) with what was asked for in the asker's own words; nothing for a signature
    of the usual kind, CAdES-B over the whole document."""
    return tuple(_rows(options))


def _rows(options: SignatureOptions) -> Iterator[tuple[str, str]]:
    if (options.format, options.level) != ("cades", "b"):
        has_level = options.format not in ("cms", "xmldsig")
        yield "kind", f"{_KINDS[options.format]} {_LEVELS[options.level]}" if has_level else _KINDS[options.format]
    if options.mode is not None:
        yield options.mode, "" if options.signer is None else str(options.signer + 1)
    if options.reason is not None:
        yield "reason", options.reason
    if options.pdf is not None:
        yield from _of_pdf(options)
    if options.xml is not None and options.xml.id is not None:
        yield "element", options.xml.id


def _of_pdf(options: SignatureOptions) -> Iterator[tuple[str, str]]:
    pdf = options.pdf
    assert pdf is not None  # noqa: S101 - the caller looked
    for name, value in (("location", pdf.location), ("contact", pdf.contact), ("field", pdf.field)):
        if value is not None:
            yield name, value
    if pdf.visible is not None:
        yield "page", str(pdf.visible.page)
        if pdf.visible.text is not None:
            yield "mark", pdf.visible.text
