"""Where in a document's octets a signature goes, so that every other octet stays as it is."""

from __future__ import annotations

import re
from typing import NamedTuple

from lxml import etree

from agent.errors import DocumentDamaged
from agent.xml.document import Source

# Markup of a well-formed document without a document type. Start tags are all that begins with none of / ! ?
_MARKUP = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>"
    r"|</[^>]*+>"
    r"|<[^>\"'/!?](?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+>",
    re.DOTALL,
)
_NAME = re.compile(r"<([^\s/>]+)")


class Frame(NamedTuple):
    """What stands before and after a signature, in octets of the codec."""

    before: bytes
    after: bytes
    codec: str

    def around(self, signature: str) -> bytes:
        """The whole; `signature` has ASCII only, or what the codec lacks as a character reference."""
        return self.before + signature.encode(self.codec, "xmlcharrefreplace") + self.after


ALONE = Frame(b"", b"", "utf-8")


def last_child(source: Source, target: etree._Element) -> Frame:
    """The frame of what becomes the target's last child. An empty element tag becomes a pair of tags."""
    position, name = _end(source.text, _number(target))
    if name is None:
        return _split(source, position, position, "", "")
    return _split(source, position - 2, position, ">", f"</{name}>")


def _split(source: Source, left: int, right: int, opening: str, closing: str) -> Frame:
    """`left` and `right` are characters of the text; between them nothing is kept."""
    octets, codec = source.octets, source.codec
    start = len(source.mark) + len(source.text[:left].encode(codec))
    end = start + len(source.text[left:right].encode(codec))
    return Frame(octets[:start] + opening.encode(codec), closing.encode(codec) + octets[end:], codec)


def _number(target: etree._Element) -> int:
    """How many elements begin before the target."""
    root = target.getroottree().getroot()
    return next(number for number, one in enumerate(root.iter("*")) if one is target)


def _end(text: str, number: int) -> tuple[int, str | None]:
    """Where the end tag of that element begins, and None; of an empty element tag, where it ends and its name."""
    seen, depth = -1, 0  # depth is counted from the target
    for markup in _MARKUP.finditer(text):
        tag = markup[0]
        if tag[1] in "!?":
            continue
        if tag[1] == "/":
            if seen >= number:
                depth -= 1
                if depth == 0:
                    return markup.start(), None
            continue
        seen += 1
        empty = tag.endswith("/>")
        if empty and seen == number:
            name = _NAME.match(tag)
            return markup.end(), name[1] if name else None
        if not empty and seen >= number:
            depth += 1
    raise DocumentDamaged(format="xml", detail="markup")
