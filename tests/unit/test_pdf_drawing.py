"""Documents of strangers are drawn in a limited process; poppler judges where the colours are."""

from __future__ import annotations

import io
import subprocess
import zlib
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from agent.pdf import drawing
from agent.pdf.drawing import draw
from agent.pdf.drawn import MAX_PAGES, WIDTH, Drawing

_PAGE = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents {contents} 0 R{more}>>"
_RED_CORNER = b"1 0 0 rg 0 0 300 400 re f"  # lower left quarter


def pdf(pages: int = 1, *, more: str = "", catalogue: str = "", drawn: bytes = _RED_CORNER) -> bytes:
    """A document whose pages are red in a quarter."""
    numbers = range(4, 4 + pages)
    objects = {
        1: f"<</Type/Catalog/Pages 2 0 R{catalogue}>>".encode(),
        2: f"<</Type/Pages/Count {pages}/Kids[{' '.join(f'{number} 0 R' for number in numbers)}]>>".encode(),
        3: b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn),
        **{number: _PAGE.format(contents=3, more=more).encode() for number in numbers},
    }
    made, places = b"%PDF-1.7\n", []
    for number, content in sorted(objects.items()):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(made))
    return made + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer


def picture(kind: str, size: tuple[int, int] = (60, 40), colour: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()


def image_of(one: Drawing) -> Image.Image:
    octets = one.pixels()
    assert octets is not None
    return Image.frombytes("RGB", (one.width, one.height), octets)


async def test_a_page_is_drawn_as_poppler_draws_it(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf())
    command = ["pdftoppm", "-png", "-singlefile", "-scale-to-x", "100", "-scale-to-y", "-1", "a.pdf", "a"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    theirs = Image.open(tmp_path / "a.png").convert("RGB")
    (drawn,) = await draw(pdf())
    ours = image_of(drawn).resize(theirs.size)
    assert (drawn.number, drawn.count, drawn.width) == (1, 1, WIDTH)
    for x, y in ((25, 100), (75, 100), (25, 30), (75, 30)):
        assert ours.getpixel((x, y)) == theirs.getpixel((x, y))


async def test_the_first_pages_are_drawn_and_all_are_counted() -> None:
    drawn = await draw(pdf(12))
    assert [one.number for one in drawn] == list(range(1, MAX_PAGES + 1))
    assert {one.count for one in drawn} == {12}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
async def test_a_picture_is_drawn(kind: str) -> None:
    (drawn,) = await draw(picture(kind))
    red, green, blue = image_of(drawn).getpixel((10, 10))  # type: ignore[misc]  # a tuple of RGB
    assert (drawn.width, drawn.height) == (60, 40)
    assert red > 240
    assert max(green, blue) < 15


async def test_what_is_transparent_is_shown_on_white() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(file, "PNG")
    (drawn,) = await draw(file.getvalue())
    assert image_of(drawn).getpixel((1, 1)) == (255, 255, 255)


def bomb() -> bytes:
    """A PNG that says it is 60,000 pixels wide and high."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    header = (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))


@pytest.mark.parametrize(
    "document",
    [b"", b"text", b"%PDF-1.7\nnoise", b"\x89PNG\r\n\x1a\n" + bytes(100), bomb(), picture("JPEG")[:200], pdf()[:150]],
    ids=["empty", "text", "pdf", "png", "bomb", "half-jpeg", "half-pdf"],
)
async def test_what_cannot_be_drawn_is_not_shown_and_breaks_nothing(document: bytes) -> None:
    assert await draw(document) == ()


async def test_scripts_and_links_of_a_document_do_nothing() -> None:
    script = "/OpenAction<</S/JavaScript/JS(while\\(true\\)\\{\\})>>"
    link = "/Annots[<</Subtype/Link/Rect[0 0 600 800]/A<</S/URI/URI(http://192.0.2.1/)>>>>]"
    (drawn,) = await draw(pdf(more=link, catalogue=script))
    assert image_of(drawn).getpixel((100, drawn.height - 100)) == (255, 0, 0)


async def test_a_process_that_hangs_or_lies_costs_the_picture_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "DEADLINE", 0.0)
    assert await draw(pdf()) == ()


def test_a_drawing_that_is_not_as_large_as_it_says_is_none() -> None:
    right = Drawing(1, 1, 2, 2, zlib.compress(bytes(12)))
    assert right.pixels() == bytes(12)
    for wrong in (
        {"width": 3},
        {"width": 0},
        {"height": -2},
        {"width": 1 << 30, "height": 1 << 30},
        {"colours": b"noise"},
    ):
        assert msgspec.structs.replace(right, **wrong).pixels() is None
