"""Documents of strangers: octets to text to a tree, with nothing fetched and nothing expanded.

The text is decoded here and the parser is given UTF-8, so that there are no two opinions on an encoding. A document
type declaration is refused before the parser sees it: entities, default attributes and external subsets all need one.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple, cast

from lxml import etree

from agent.errors import DocumentDamaged, DocumentTooLarge, ElementUnclear, XmlUnsafe
from agent.xml.names import FORBIDDEN_TRANSFORMS, WITH_ID, WSU, XINCLUDE, ds

MAX_DOCUMENT = 64 << 20  # octets
MAX_DEPTH = 256  # elements inside each other
# Canonical forms take time by the square of these, for an element and for all of them.
MAX_ATTRIBUTES = 500  # of one element
MAX_NAMESPACES = 256  # pairs of prefix and name in a document

_MARKS = (  # octets of the byte order mark, codec of what follows
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNMARKED = ((b"<\0?\0", "utf-16-le"), (b"\0<\0?", "utf-16-be"))
_ENCODINGS = re.compile(
    r"utf-?8|us-ascii|ascii|iso-8859-(?:[1-9]|1[013-6])|windows-125[0-8]|cp125[0-8]|koi8-[ru]|ibm866|cp866",
    re.IGNORECASE,
)
_DECLARATION = re.compile(
    r"<\?xml\s+version\s*=\s*(?:'([^']*)'|\"([^\"]*)\")"
    r"(?:\s+encoding\s*=\s*(?:'([^']+)'|\"([^\"]+)\"))?"
    r"(?:\s+standalone\s*=\s*(?:'[^']*'|\"[^\"]*\"))?\s*\?>"
)
_LONGEST_DECLARATION = 1024  # octets
_BEFORE_ROOT = re.compile(r"(?:\s++|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)
# One start tag with more than both limits together: the parser takes time by the square of what it declares.
_MANY = MAX_ATTRIBUTES + MAX_NAMESPACES + 1
_TOO_MANY = re.compile(rf"""<[^\s<>/!?=]++(?:\s++[^\s<>=]++\s*+=\s*+(?:"[^"<]*+"|'[^'<]*+')){{{_MANY}}}""")
_TOO_DEEP = etree.XPath("boolean(" + "/*" * (MAX_DEPTH + 1) + ")")
_TOO_WIDE = etree.XPath(f"boolean(//*[count(@*) > {MAX_ATTRIBUTES}])")
_WITH_ID = etree.XPath(WITH_ID, namespaces={"wsu": WSU})


class Source(NamedTuple):
    """A document as text, and the way back to its octets: mark + text in codec."""

    octets: bytes
    mark: bytes  # byte order mark, or nothing
    codec: str
    text: str
    body: int  # characters of the XML declaration

    @property
    def head(self) -> str:
        return self.text[: self.body]


def read(octets: bytes) -> Source:
    """Decode. Raises DocumentTooLarge, DocumentDamaged, XmlUnsafe."""
    if len(octets) > MAX_DOCUMENT:
        raise DocumentTooLarge(limit=MAX_DOCUMENT)
    mark, codec = _codec(octets)
    try:
        text = octets[len(mark) :].decode(codec)
    except UnicodeDecodeError as error:
        raise DocumentDamaged(format="xml", detail="encoding") from error
    declaration = _DECLARATION.match(text)
    if text.startswith("<?xml") and declaration is None and text[5:6].isspace():
        raise DocumentDamaged(format="xml", detail="declaration")
    if declaration is not None and (declaration[1] or declaration[2]) != "1.0":
        raise XmlUnsafe(reason="version")
    body = declaration.end() if declaration is not None else 0
    after = _BEFORE_ROOT.match(text, body)
    if after is not None and text.startswith("<!", after.end()):
        raise XmlUnsafe(reason="doctype")
    if _TOO_MANY.search(text, body):
        raise XmlUnsafe(reason="complex")
    return Source(octets, mark, codec, text, body)


def _codec(octets: bytes) -> tuple[bytes, str]:
    """Byte order mark and codec (XML 1.0 appendix F, and section 4.3.3: without either it is UTF-8)."""
    for mark, codec in _MARKS:
        if octets.startswith(mark):
            return mark, codec
    for start, codec in _UNMARKED:
        if octets.startswith(start):
            return b"", codec
    declaration = _DECLARATION.match(octets[:_LONGEST_DECLARATION].decode("latin-1"))
    name = (declaration[3] or declaration[4] or "utf-8") if declaration is not None else "utf-8"
    if not _ENCODINGS.fullmatch(name):
        raise XmlUnsafe(reason="encoding")
    return b"", codecs.lookup(name).name


def tree(source: Source) -> etree._Element:
    """The root element. Raises DocumentDamaged, XmlUnsafe."""
    root = parsed(source.text[source.body :].encode("utf-8", "surrogatepass"))
    if _TOO_DEEP(root):
        raise XmlUnsafe(reason="depth")
    if _TOO_WIDE(root) or len(namespaces(root)) > MAX_NAMESPACES:
        raise XmlUnsafe(reason="complex")
    if next(root.iter(f"{{{XINCLUDE}}}*"), None) is not None:
        raise XmlUnsafe(reason="xinclude")
    if any(one.get("Algorithm") in FORBIDDEN_TRANSFORMS for one in root.iter(ds("Transform"))):
        raise XmlUnsafe(reason="transform")
    return root


def parsed(octets: bytes) -> etree._Element:
    """UTF-8 without a declaration, to a tree that holds all of it. Nothing is resolved, nothing loaded, nothing
    repaired. The parser's own limits on sizes are off: they refuse texts over 10 MB, and the size is limited here."""
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        attribute_defaults=False, recover=False, huge_tree=True, remove_blank_text=False,
    )  # fmt: skip
    try:
        root = etree.fromstring(octets, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        detail = error.msg if isinstance(error, etree.XMLSyntaxError) and error.msg else "syntax"
        raise DocumentDamaged(format="xml", detail=detail[:120]) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlUnsafe(reason="doctype")
    return root


def namespaces(root: etree._Element) -> set[tuple[str, str]]:
    """All that is declared, prefix and name."""
    return {pair for _, pair in etree.iterwalk(root, events=("start-ns",))}


def by_id(root: etree._Element, wanted: str) -> etree._Element:
    """The one element of that Id, by whatever attribute. Raises ElementUnclear: none, or more than one."""
    found = cast("list[etree._Element]", _WITH_ID(root, name=wanted))
    if len(found) != 1:
        raise ElementUnclear(element=wanted, count=len(found))
    return found[0]


def by_name(root: etree._Element, wanted: str) -> etree._Element:
    """By Id, or by {namespace}name. Raises ElementUnclear."""
    if not wanted.startswith("{"):
        return by_id(root, wanted)
    try:
        found = list(root.iter(wanted))
    except ValueError:
        found = []
    if len(found) != 1:
        raise ElementUnclear(element=wanted, count=len(found))
    return found[0]
