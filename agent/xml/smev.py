"""The transform urn://smev-gov-ru/xmldsig/transform of СМЭВ 3, after the exclusive canonical form.

The rules are those of «Методические рекомендации по работе с ЕСМЭВ» (3.4.0.3, and 3.5.0.27 with its step 9):
 1. the XML declaration and processing instructions go   2. texts of white space only (up to U+0020) go
 3. no empty element tags   4., 5. a namespace is declared where it is first needed, and nowhere else
 6. prefixes are ns1, ns2, ... in the order of need   7. attributes in order of namespace, then name; unqualified last
 8. declarations before attributes: the element's, then the attributes' in their order   9. characters as Woodstox, the
 writer of СМЭВ, escapes them
A message that СМЭВ itself signed (2021) was recomputed by these rules. Of rule 9 no example of СМЭВ was at hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from lxml import etree

from agent.errors import XmlUnsafe
from agent.xml.document import parsed

_BLANK = "".join(map(chr, range(0x21)))
_SHORT = 12  # characters: from here on the writer escapes a text in pieces
_PIECE = 512
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")  # СМЭВ wants them taken out before: readers and writers differ

_ESCAPES = {"&": "&amp;", "<": "&lt;", "\r": "&#xd;", ">": "&gt;"}
_SPECIAL = re.compile(r"[&<\r]|(?:\A|(?<=\]))>")  # in a short text
_NOTABLE = re.compile(r"[&<>\r]")
_IN_ATTRIBUTE = str.maketrans({"&": "&amp;", "<": "&lt;", '"': "&quot;", "\r": "&#xd;", "\n": "&#xa;", "\t": "&#x9;"})


class _Open(NamedTuple):
    """An element whose children are being written."""

    name: str
    children: Iterator[etree._Element]
    scope: dict[str, str]  # namespace -> prefix
    tail: str | None


def transform(octets: bytes) -> bytes:
    """Octets of a canonical form to octets. Raises DocumentDamaged, XmlUnsafe."""
    text = octets.decode()
    if _ASTRAL.search(text):
        raise XmlUnsafe(reason="astral")
    root = parsed(octets)
    writer = _Writer()
    writer.write(root)
    return "".join(writer.out).encode()


class _Writer:
    def __init__(self) -> None:
        self.out: list[str] = []
        self._prefixes = 0

    def write(self, root: etree._Element) -> None:
        """Without recursion: documents may be deep."""
        stack = [self._open(root, {}, None)]
        while stack:
            top = stack[-1]
            child = next(top.children, None)
            if child is None:
                stack.pop()
                self.out.append(f"</{top.name}>")
                self._text(top.tail)
            elif isinstance(child, etree._ProcessingInstruction):
                self._text(child.tail)
            else:
                stack.append(self._open(child, top.scope, child.tail))

    def _open(self, element: etree._Element, scope: dict[str, str], tail: str | None) -> _Open:
        inner = dict(scope)
        name = self._qualified(etree.QName(element), inner)
        names = sorted((etree.QName(one) for one in element.attrib), key=_order)
        attributes = [
            f' {self._qualified(one, inner)}="{str(element.attrib[one.text]).translate(_IN_ATTRIBUTE)}"'
            for one in names
        ]
        declared = [
            f' xmlns:{prefix}="{uri.translate(_IN_ATTRIBUTE)}"' for uri, prefix in inner.items() if uri not in scope
        ]
        self.out += [f"<{name}", *declared, *attributes, ">"]
        self._text(element.text)
        return _Open(name, iter(element), inner, tail)

    def _qualified(self, name: etree.QName, scope: dict[str, str]) -> str:
        """The name with its prefix; a namespace without one gets the next."""
        uri = name.namespace
        if not uri:
            return str(name.localname)
        if uri not in scope:
            self._prefixes += 1
            scope[uri] = f"ns{self._prefixes}"
        return f"{scope[uri]}:{name.localname}"

    def _text(self, text: str | None) -> None:
        if text and text.strip(_BLANK):
            self.out.append(_escaped(text))


def _order(name: etree.QName) -> tuple[bool, bytes, bytes]:
    """As strings of Java compare: by units of UTF-16."""
    uri = name.namespace
    return not uri, (uri or "").encode("utf-16-be"), str(name.localname).encode("utf-16-be")


def _escaped(text: str) -> str:
    """Rule 9: ">" only where it is the first character of a text or follows "]"; in texts of 12 characters or more,
    which are written in pieces of 512, also after any character that was escaped."""
    if len(text) < _SHORT:
        return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], text)
    return "".join(_piece(text[at : at + _PIECE]) for at in range(0, len(text), _PIECE))


def _piece(text: str) -> str:
    out, start = [], 0  # start: after what was escaped last
    for found in _NOTABLE.finditer(text):
        at = found.start()
        if found[0] != ">" or at == start or text[at - 1] == "]":
            out += [text[start:at], _ESCAPES[found[0]]]
            start = at + 1
    return "".join((*out, text[start:]))
