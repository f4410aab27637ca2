"""One page as it was drawn: numbers and colours. Windows import this; it costs them nothing."""

from __future__ import annotations

import zlib

import msgspec

WIDTH = 1000  # pixels of a drawing
MAX_PAGES = 5
MAX_PIXELS = 4_000_000  # of one drawing


class Drawing(msgspec.Struct, frozen=True):
    """One page. `colours`: RGB, three octets a pixel, rows without gaps, in zlib's format."""

    number: int  # from 1
    count: int  # pages of the document
    width: int  # pixels
    height: int
    colours: bytes

    def pixels(self) -> bytes | None:
        """Uncompressed; None where it is not what its size says."""
        size = self.width * self.height * 3
        if not (0 < self.width <= 2 * WIDTH and self.height > 0 and size <= 8 * MAX_PIXELS):
            return None
        unpacking = zlib.decompressobj()
        try:
            octets = unpacking.decompress(self.colours, size)
        except zlib.error:
            return None
        return octets if len(octets) == size else None
