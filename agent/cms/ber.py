"""A reader of BER (ITU-T X.690 section 8) for the outer layers of signatures by others: any form of length.

What others signed is never read with it: that must be DER, or is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.certificates import der

MAX_DEPTH = 16  # elements of indefinite length in one another
MAX_ELEMENTS = 1 << 17  # of one signature: pieces of content in a stream, for the most part
_CONSTRUCTED = 0x20
_END = b"\0\0"


class Budget:
    """How many elements may still be read: hostile input ends in an error, not in minutes."""

    def __init__(self, elements: int = MAX_ELEMENTS) -> None:
        self._left = elements

    def spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ValueError("too many elements")


class Element:
    """One element inside `source`; offsets are in bytes from its beginning."""

    __slots__ = ("_budget", "body", "end", "source", "start", "stop", "tag")

    def __init__(self, source: bytes, start: int, limit: int, budget: Budget, depth: int = 0) -> None:
        """Raises ValueError."""
        budget.spend()
        if start + 2 > limit:
            raise ValueError("truncated")
        self.source, self.start, self.tag, self._budget = source, start, source[start], budget
        if self.tag & 0x1F == 0x1F:
            raise ValueError("high tag number")
        size, self.body = source[start + 1], start + 2
        if size == 0x80:
            self.stop = self._find_end(limit, depth)
            self.end = self.stop + len(_END)
            return
        if size & 0x80:
            octets = size & 0x7F
            if octets > 8 or self.body + octets > limit:
                raise ValueError("length")
            size = int.from_bytes(source[self.body : self.body + octets], "big")
            self.body += octets
        self.stop = self.end = self.body + size
        if self.end > limit:
            raise ValueError("truncated")

    def _find_end(self, limit: int, depth: int) -> int:
        if not self.tag & _CONSTRUCTED or depth >= MAX_DEPTH:
            raise ValueError("indefinite length")
        position = self.body
        while self.source[position : position + len(_END)] != _END:
            position = Element(self.source, position, limit, self._budget, depth + 1).end
        return position

    @property
    def whole(self) -> bytes:
        return self.source[self.start : self.end]

    @property
    def contents(self) -> bytes:
        """Without the octets that end an indefinite length."""
        return self.source[self.body : self.stop]

    def children(self) -> Iterator[Element]:
        position = self.body
        while position < self.stop:
            child = Element(self.source, position, self.stop, self._budget)
            yield child
            position = child.end


def read(source: bytes) -> Element:
    """The one element that the source is. Raises ValueError."""
    found = Element(source, 0, len(source), Budget())
    if found.end != len(source):
        raise ValueError("something behind the end")
    return found


def octets(element: Element) -> bytes:
    """The value of an OCTET STRING, primitive or in pieces (X.690 section 8.7). Raises ValueError."""
    if element.tag == der.OCTET_STRING:
        return element.contents
    if element.tag != der.OCTET_STRING | _CONSTRUCTED:
        raise ValueError("no octet string")
    return b"".join(_pieces(element, 0))


def _pieces(element: Element, depth: int) -> Iterator[bytes]:
    if depth >= MAX_DEPTH:
        raise ValueError("too deep")
    for child in element.children():
        if child.tag == der.OCTET_STRING:
            yield child.contents
        elif child.tag == der.OCTET_STRING | _CONSTRUCTED:
            yield from _pieces(child, depth + 1)
        else:
            raise ValueError("no octet string")
