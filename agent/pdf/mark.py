"""The visible mark: a frame with lines of text, drawn as the appearance of the signature's field (ISO 32000-1 12.5.5).

Runs in the worker only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pyhanko.pdf_utils import generic

from agent.errors import BadParameters
from agent.pdf.font import Font, find_font
from agent.pdf.messages import Mark
from agent.pdf.objects import dictionary, entry, name
from agent.pdf.revision import Writer

LARGEST, _WELL_READ, SMALLEST = 10.0, 6.0, 4.0  # points; smaller text cannot be read on paper
_STEP = 0.25
_MARGIN = 4.0  # points between frame and text
_LEADING = 1.2
_DEEPEST = 50  # levels of the tree of pages
_COLOUR = b"0.12 0.24 0.55"


class _Page(NamedTuple):
    """What of a page is seen, in its own coordinates, and how it is turned, clockwise."""

    left: float
    bottom: float
    right: float
    top: float
    turned: int  # 0, 90, 180, 270


def draw(writer: Writer, annotation: Any, mark: Mark) -> None:
    """Place the mark and draw it. A field that has a place already keeps it. Raises BadParameters, FontAbsent."""
    page = _page(annotation)
    rectangle = [float(one) for one in entry(annotation, "/Rect", (0, 0, 0, 0))]
    left, bottom, right, top = _in_order(rectangle)
    if right - left <= 0 or top - bottom <= 0:
        left, bottom, right, top = _on_page(page, mark)
        annotation["/Rect"] = generic.ArrayObject(_number(one) for one in (left, bottom, right, top))
    width, height = right - left, top - bottom
    if page.turned in (90, 270):
        width, height = height, width
    appearance = _appearance(writer, mark.lines, width, height)
    appearance["/Matrix"] = generic.ArrayObject(_number(one) for one in _TURNS[page.turned])
    annotation["/AP"] = generic.DictionaryObject({name("N"): writer.add_object(appearance)})
    writer.update_container(annotation)


# The page is shown turned clockwise, so the mark is drawn turned the other way. Only the turn counts: the annotation's
# rectangle says the rest (section 12.5.5, algorithm 8.1).
_TURNS = {0: (1, 0, 0, 1, 0, 0), 90: (0, 1, -1, 0, 0, 0), 180: (-1, 0, 0, -1, 0, 0), 270: (0, -1, 1, 0, 0, 0)}


def _page(annotation: Any) -> _Page:
    found = dictionary(annotation, "/P")
    whole = _inherited(found, "/MediaBox") or (0, 0, 612, 792)
    left, bottom, right, top = _in_order([float(one) for one in whole])
    cropped = _inherited(found, "/CropBox")
    if cropped:
        inner = _in_order([float(one) for one in cropped])
        left, bottom = max(left, inner[0]), max(bottom, inner[1])
        right, top = min(right, inner[2]), min(top, inner[3])
    turned = int(_inherited(found, "/Rotate") or 0) % 360
    return _Page(left, bottom, right, top, turned if turned in _TURNS else 0)


def _inherited(page: Any, key: str) -> Any:
    """An attribute of a page or of what it stands in (section 7.7.3.4)."""
    for _level in range(_DEEPEST):
        if (found := entry(page, key)) is not None:
            return found
        page = dictionary(page, "/Parent")
    return None


def _on_page(page: _Page, mark: Mark) -> tuple[float, float, float, float]:
    """The mark's place in the page's own coordinates. Raises BadParameters where it is not on the page."""
    width, height = page.right - page.left, page.top - page.bottom
    shown = (height, width) if page.turned in (90, 270) else (width, height)
    x, y, far_x, far_y = mark.x, mark.y, mark.x + mark.width, mark.y + mark.height
    if x < 0 or y < 0 or far_x > shown[0] + 0.5 or far_y > shown[1] + 0.5:
        raise BadParameters(detail="the place of the mark is not on the page")
    corners = {
        0: (x, y, far_x, far_y),
        90: (width - far_y, x, width - y, far_x),
        180: (width - far_x, height - far_y, width - x, height - y),
        270: (y, height - far_x, far_y, height - x),
    }[page.turned]
    return (
        page.left + corners[0], page.bottom + corners[1], page.left + corners[2], page.bottom + corners[3],
    )  # fmt: skip


def _appearance(writer: Writer, lines: tuple[str, ...], width: float, height: float) -> Any:
    """A form XObject (section 8.10)."""
    font = Font(find_font(), set("".join(lines)) | {" "})
    drawn, size = _fitted(font, lines, width - 2 * _MARGIN, height - 2 * _MARGIN)
    stream = generic.StreamObject(
        {
            name("Type"): name("XObject"),
            name("Subtype"): name("Form"),
            name("BBox"): generic.ArrayObject(_number(one) for one in (0, 0, width, height)),
            name("Resources"): generic.DictionaryObject(
                {name("Font"): generic.DictionaryObject({name("F"): font.embed(writer)})}
            ),
        },
        stream_data=_drawing(font, drawn, size, width, height),
    )
    stream.compress()
    return stream


def _drawing(font: Font, lines: list[str], size: float, width: float, height: float) -> bytes:
    leading = size * _LEADING
    block = size * (font.ascent + font.descent) + leading * (len(lines) - 1)
    first = (height + block) / 2 - size * font.ascent
    frame = b"%s RG 1 w 1 1 %.2f %.2f re S" % (_COLOUR, width - 2, height - 2)
    begin = b"BT /F %.2f Tf %s rg %.2f TL %.2f %.2f Td" % (size, _COLOUR, leading, _MARGIN, first)
    shown = b" T*\n".join(font.encoded(line) + b" Tj" for line in lines)
    return b"q\n%s\n%s\n%s\nET\nQ\n" % (frame, begin, shown)


def _fitted(font: Font, lines: tuple[str, ...], width: float, height: float) -> tuple[list[str], float]:
    """The lines in the largest size in which all fit: whole where that can be read well, else broken where they are too
    long. Raises BadParameters."""
    for smallest, breaking in ((_WELL_READ, False), (SMALLEST, True)):
        size = LARGEST
        while size >= smallest:
            drawn = [part for line in lines for part in _broken(font, line, width / size)] if breaking else list(lines)
            block = size * (font.ascent + font.descent) + size * _LEADING * (len(drawn) - 1)
            if block <= height and all(font.width(part) * size <= width for part in drawn):
                return drawn, size
            size -= _STEP
    raise BadParameters(detail="the place of the mark is too small for its text")


def _broken(font: Font, line: str, width: float) -> list[str]:
    """The line in parts that fit a width (in text of size 1), broken between words; within a word that fits nowhere."""
    parts = [""]
    for word in line.split(" "):
        joined = f"{parts[-1]} {word}" if parts[-1] else word
        if font.width(joined) <= width:
            parts[-1] = joined
            continue
        if parts[-1]:
            parts.append("")
        for character in word:
            if parts[-1] and font.width(parts[-1] + character) > width:
                parts.append("")
            parts[-1] += character
    return parts


def _in_order(corners: list[float]) -> tuple[float, float, float, float]:
    """Any two opposite corners (section 7.9.5) as lower left and upper right."""
    x, y, far_x, far_y = corners
    return min(x, far_x), min(y, far_y), max(x, far_x), max(y, far_y)


def _number(value: float) -> Any:
    return generic.FloatObject(f"{value:.2f}")
