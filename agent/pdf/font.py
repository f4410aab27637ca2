"""A font with Cyrillic for the visible mark, embedded as a subset (ISO 32000-1 sections 9.6.3, 9.7 and 9.9).

Runs in the worker only. The font is one of the system's: DejaVu Sans where it is (package fonts-dejavu-core), else what
fontconfig has for Russian.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
from pathlib import Path
from typing import Any

from fontTools import subset
from fontTools.ttLib import TTFont, TTLibError
from pyhanko.pdf_utils import generic

from agent.errors import FontAbsent
from agent.pdf.objects import name
from agent.pdf.revision import Writer

WANTED = "DejaVu Sans"
PLACES = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",  # Debian
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",  # Fedora
    "/usr/share/fonts/TTF/DejaVuSans.ttf",  # Arch
    "/Library/Fonts/Arial Unicode.ttf",
    "/System/Library/Fonts/Supplemental/Arial.ttf",
    "C:/Windows/Fonts/arial.ttf",
)
_TABLES = {"cmap", "cvt ", "fpgm", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "prep"}  # of a TrueType program
_SYMBOLIC = 4  # Flags of a FontDescriptor: glyphs beyond the standard Latin set (table 123)
_UNITS = 1000  # of glyph space to one of text space


def find_font() -> Path:
    """Raises FontAbsent."""
    for place in PLACES:
        if Path(place).is_file():
            return Path(place)
    try:
        command = ["fc-match", "-f", "%{fontformat}\n%{file}", f"{WANTED}:lang=ru:fontformat=TrueType"]
        found = subprocess.run(command, capture_output=True, timeout=10, check=True, env={**os.environ, "LC_ALL": "C"})
    except (OSError, subprocess.SubprocessError) as error:
        raise FontAbsent(font=WANTED) from error
    kind, _line, path = os.fsdecode(found.stdout).partition("\n")
    if kind != "TrueType" or not Path(path).is_file():
        raise FontAbsent(font=WANTED)
    return Path(path)


class Font:
    """The glyphs of these texts, out of one font. A character that the font has not is drawn as an empty box."""

    def __init__(self, path: Path, characters: set[str]) -> None:
        try:
            self._font = TTFont(path, lazy=True, fontNumber=0)
            options = subset.Options(notdef_outline=True, layout_features=[], drop_tables=[], hinting=True)
            options.drop_tables += sorted(set(self._font.keys()) - _TABLES)
            subsetter = subset.Subsetter(options)
            subsetter.populate(unicodes=[ord(one) for one in characters])
            self._base = self._font["name"].getDebugName(6) or "Font"
            self._box, self._angle = self._measures()
            subsetter.subset(self._font)
        except (TTLibError, KeyError, OSError) as error:
            raise FontAbsent(font=WANTED) from error
        self._glyphs = {
            chr(code): self._font.getGlyphID(glyph) for code, glyph in (self._font.getBestCmap() or {}).items()
        }
        self._scale = _UNITS / self._font["head"].unitsPerEm
        self._advances = [self._font["hmtx"][glyph][0] * self._scale for glyph in self._font.getGlyphOrder()]
        self.ascent = self._font["hhea"].ascent * self._scale / _UNITS  # in text of size 1
        self.descent = -self._font["hhea"].descent * self._scale / _UNITS

    def _measures(self) -> tuple[list[float], float]:
        head = self._font["head"]
        scale = _UNITS / head.unitsPerEm
        return [round(one * scale) for one in (head.xMin, head.yMin, head.xMax, head.yMax)], 0.0

    def encoded(self, line: str) -> bytes:
        """The operand of Tj: glyphs as two octets each, hexadecimal."""
        return b"<" + b"".join(b"%04X" % self._glyphs.get(one, 0) for one in line) + b">"

    def width(self, line: str) -> float:
        """Of the line in text of size 1."""
        return float(sum(self._advances[self._glyphs.get(one, 0)] for one in line)) / _UNITS

    def embed(self, writer: Writer) -> Any:
        """A reference to the composite font (Type0, Identity-H) in the document."""
        program = io.BytesIO()
        del self._font["cmap"]  # glyphs are named by number
        self._font.save(program, reorderTables=None)
        octets = program.getvalue()
        tag = "".join(chr(65 + one % 26) for one in hashlib.sha256(octets).digest()[:6])  # section 9.6.4
        base = name(f"{tag}+{self._base}")
        file = generic.StreamObject({name("Length1"): generic.NumberObject(len(octets))}, stream_data=octets)
        descriptor = generic.DictionaryObject(
            {
                name("Type"): name("FontDescriptor"),
                name("FontName"): base,
                name("Flags"): generic.NumberObject(_SYMBOLIC),
                name("FontBBox"): _numbers(self._box),
                name("ItalicAngle"): generic.NumberObject(0),
                name("Ascent"): generic.NumberObject(round(self.ascent * _UNITS)),
                name("Descent"): generic.NumberObject(-round(self.descent * _UNITS)),
                name("CapHeight"): generic.NumberObject(round(self.ascent * _UNITS)),
                name("StemV"): generic.NumberObject(80),
                name("FontFile2"): writer.add_object(_compressed(file)),
            }
        )
        return writer.add_object(self._composite(writer, base, writer.add_object(descriptor)))

    def _composite(self, writer: Writer, base: Any, descriptor: Any) -> Any:
        system = {"Registry": "Adobe", "Ordering": "Identity"}
        information = generic.DictionaryObject(
            {name(key): generic.pdf_string(value) for key, value in system.items()}
            | {name("Supplement"): generic.NumberObject(0)}
        )
        widths = generic.ArrayObject([generic.NumberObject(0), _numbers(self._advances)])
        descendant = generic.DictionaryObject(
            {
                name("Type"): name("Font"),
                name("Subtype"): name("CIDFontType2"),
                name("BaseFont"): base,
                name("CIDSystemInfo"): information,
                name("FontDescriptor"): descriptor,
                name("W"): widths,
                name("CIDToGIDMap"): name("Identity"),
            }
        )
        characters = generic.StreamObject(stream_data=self._to_unicode())
        return generic.DictionaryObject(
            {
                name("Type"): name("Font"),
                name("Subtype"): name("Type0"),
                name("BaseFont"): base,
                name("Encoding"): name("Identity-H"),
                name("DescendantFonts"): generic.ArrayObject([writer.add_object(descendant)]),
                name("ToUnicode"): writer.add_object(_compressed(characters)),
            }
        )

    def _to_unicode(self) -> bytes:
        """The CMap by which readers find and copy the text (section 9.10.3), at most 100 entries a block."""
        entries = [
            f"<{glyph:04X}> <{character.encode('utf-16-be').hex().upper()}>"
            for character, glyph in sorted(self._glyphs.items(), key=lambda one: one[1])
        ]
        blocks = [entries[start : start + 100] for start in range(0, len(entries), 100)]
        body = "\n".join(f"{len(one)} beginbfchar\n" + "\n".join(one) + "\nendbfchar" for one in blocks)
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
            "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
            f"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n{body}\n"
            "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
        ).encode("ascii")


def _numbers(values: list[float]) -> Any:
    return generic.ArrayObject(generic.NumberObject(round(one)) for one in values)


def _compressed(stream: Any) -> Any:
    stream.compress()
    return stream
