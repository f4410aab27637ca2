"""The process that draws strangers' documents: pages of a PDF by PDFium, pictures by Pillow. Without scripts (the build
of PDFium has no interpreter for them), links, network and files. ``python -m agent.pdf.draw_worker SECONDS MEMORY``.

The document comes through standard input to its end. Out go `drawn.Drawing` structs as lines of JSON: nothing but
numbers and compressed octets of colours, so that whoever shows them needs to parse no format.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from agent.ipc.hardening import harden
from agent.pdf.drawn import MAX_PAGES, MAX_PIXELS, WIDTH, Drawing

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")  # what Pillow is let near
_TALLEST = 4  # times the width: what is taller is cut, at its foot


def main(seconds: int, memory: int) -> None:
    harden(secret=False)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing that a library prints may get between the answers
    document = sys.stdin.buffer.read()
    is_pdf = b"%PDF-" in document[:1024]
    if is_pdf:
        import pypdfium2  # noqa: F401 - before memory is limited
    else:
        from PIL import Image  # noqa: F401
    _limit(seconds, memory)
    with contextlib.suppress(MemoryError, BrokenPipeError):
        for drawing in _pages(document) if is_pdf else _picture(document):
            out.write(msgspec.json.encode(drawing) + b"\n")
            out.flush()


def _pages(document: bytes) -> Iterator[Drawing]:
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(document)
    except pypdfium2.PdfiumError:
        return  # damaged, or with a password
    with contextlib.suppress(pypdfium2.PdfiumError):
        pdf.init_forms()
    count = len(pdf)
    for number in range(min(count, MAX_PAGES)):
        try:
            page = pdf[number]
            width, height = page.get_size()
            scale = min(WIDTH / max(width, 1), (MAX_PIXELS / max(width * height, 1)) ** 0.5)
            image = page.render(scale=scale).to_pil()
        except pypdfium2.PdfiumError:
            continue
        yield _drawn(image, number + 1, count)


def _picture(document: bytes) -> Iterator[Drawing]:
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = 20 * MAX_PIXELS  # twice as many are an error, before anything is unpacked
    try:
        with Image.open(io.BytesIO(document), formats=_FORMATS) as image:
            count = getattr(image, "n_frames", 1)
            image.draft("RGB", (WIDTH, WIDTH))  # JPEG: unpacked no larger than it is shown
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((WIDTH, _TALLEST * WIDTH))
            yield _drawn(upright, 1, count)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError, EOFError):
        return


def _drawn(image: Image, number: int, count: int) -> Drawing:
    from PIL import Image as Images

    image = image.crop((0, 0, image.width, min(image.height, _TALLEST * WIDTH)))
    ground = Images.new("RGB", image.size, "white")  # what is transparent could be anything
    coloured = image.convert("RGBA")
    ground.paste(coloured, mask=coloured)
    return Drawing(number, count, ground.width, ground.height, zlib.compress(ground.tobytes(), 1))


def _limit(seconds: int, memory: int) -> None:
    """setrlimit(2); Windows has none, and there only the agent's deadline holds."""
    if sys.platform == "win32":
        return
    import resource

    limits = ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CPU, seconds))
    for kind, value in (*limits, (resource.RLIMIT_NOFILE, 16)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
