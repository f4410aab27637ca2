"""The visible mark: Cyrillic that readers can find and people can see. Judges: pdftotext, pdffonts, pdftoppm."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from agent.errors import BadParameters, FontAbsent
from agent.pdf import font
from agent.pdf.preparation import PdfOptions, Visible, prepare
from agent.pdf.process import Worker
from tests.harness import pdf
from tests.harness.authority import Authority
from tests.harness.pdf import Signer

BLUE = (31, 61, 140)  # of the mark's ink
DPI = 72  # so that one point is one pixel


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    authority = Authority(tmp_path_factory.mktemp("authority"), "ec", "http://nowhere.invalid")
    with Worker() as worker:
        yield Signer(authority, authority.signer("Жаворонков Ёж Щукич", ""), worker)


def text(file: bytes, folder: Path) -> list[str]:
    (folder / "text.pdf").write_bytes(file)
    done = subprocess.run(["pdftotext", "-layout", "text.pdf", "-"], cwd=folder, capture_output=True, check=True)
    return [line.strip() for line in done.stdout.decode().splitlines() if line.strip()]


def picture(file: bytes, folder: Path) -> Image.Image:
    (folder / "seen.pdf").write_bytes(file)
    command = ["pdftoppm", "-r", str(DPI), "-png", "-singlefile", "-aa", "no", "seen.pdf", "seen"]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return Image.open(folder / "seen.png").convert("RGB")


def ink(image: Image.Image) -> tuple[int, int, int, int]:
    """The smallest box of the page with all of the mark's ink: left, top, right, bottom."""
    bands = [
        band.point([255 if abs(value - wanted) < 40 else 0 for value in range(256)])
        for band, wanted in zip(image.split(), BLUE, strict=True)
    ]
    box = ImageChops.darker(ImageChops.darker(bands[0], bands[1]), bands[2]).getbbox()
    assert box is not None
    return box


def test_the_mark_says_what_the_standard_wants(signer: Signer, tmp_path: Path) -> None:
    """GOST R 7.0.97-2016 section 5.23."""
    file = signer.signed(pdf.plain(), PdfOptions(visible=Visible(200, 40, 380, 90)))
    seen, certificate = text(file, tmp_path), signer.holder.description
    assert seen == [
        "Contract",
        "ДОКУМЕНТ ПОДПИСАН ЭЛЕКТРОННОЙ ПОДПИСЬЮ",
        f"Сертификат: {certificate.serial.upper()}",
        "Владелец: Жаворонков Ёж Щукич",
        f"Действителен: с {certificate.not_before:%d.%m.%Y} по {certificate.not_after:%d.%m.%Y}",
    ]
    fonts = subprocess.run(["pdffonts", "text.pdf"], cwd=tmp_path, capture_output=True, check=True).stdout.decode()
    (line,) = [line for line in fonts.splitlines() if "DejaVuSans" in line]
    assert line.split()[1:-2] == ["CID", "TrueType", "Identity-H", "yes", "yes", "yes"]  # embedded, subset, Unicode
    assert len(file) < len(signer.signed(pdf.plain())) + 20_000  # a subset, not the font's 740 KB
    assert pdf.check_syntax(file, tmp_path) == ""


def test_the_mark_can_be_in_english_and_in_other_words(signer: Signer, tmp_path: Path) -> None:
    place = Visible(200, 40, 380, 90)
    english = text(signer.signed(pdf.plain(), PdfOptions(visible=place, language="en")), tmp_path)
    assert english[1] == "DOCUMENT SIGNED WITH AN ELECTRONIC SIGNATURE"
    other = Visible(200, 40, 380, 90, text="Согласовано\r\nглавный бухгалтер № 1\u202e\tи печать")
    assert text(signer.signed(pdf.plain(), PdfOptions(visible=other)), tmp_path)[1:] == [
        "Согласовано", "главный бухгалтер № 1 и печать",
    ]  # fmt: skip


@pytest.mark.parametrize("turned", [0, 90, 180, 270, -90])
@pytest.mark.parametrize("box", [b"[0 0 400 600]", b"[-50 20 350 620]"])
def test_the_mark_is_seen_where_it_was_wanted_and_upright(
    signer: Signer, tmp_path: Path, turned: int, box: bytes
) -> None:
    document = pdf.written(pdf.objects(page=b"/Rotate %d" % turned, box=box))
    file = signer.signed(document, PdfOptions(visible=Visible(100, 50, 240, 60, text="Щ")))
    image = picture(file, tmp_path)
    left, top, right, bottom = ink(image)
    assert all(abs(one - two) <= 2 for one, two in zip((left, right), (100, 340), strict=True))
    assert all(abs(one - (image.height - two)) <= 2 for one, two in zip((top, bottom), (110, 50), strict=True))
    letter = image.crop((left + 3, top + 3, right - 3, bottom - 3))
    columns = ink(letter)
    assert columns[0] < 10  # at the left, as text is
    assert columns[2] < 30
    top_row = [letter.getpixel((x, columns[1])) for x in range(columns[0], columns[2])]
    assert any(pixel == (255, 255, 255) for pixel in top_row)  # Щ is open at its top, and nowhere else


def test_a_cropped_page_counts_from_what_is_seen(signer: Signer, tmp_path: Path) -> None:
    document = pdf.written(pdf.objects(page=b"/CropBox[100 200 500 700]"))
    file = signer.signed(document, PdfOptions(visible=Visible(20, 30, 240, 60)))
    (tmp_path / "seen.pdf").write_bytes(file)
    command = ["pdftoppm", "-r", "72", "-png", "-singlefile", "-aa", "no", "-cropbox", "seen.pdf", "seen"]
    subprocess.run(command, cwd=tmp_path, check=True)
    image = Image.open(tmp_path / "seen.png").convert("RGB")
    left, _top, _right, bottom = ink(image)
    assert image.size == (400, 500)
    assert abs(left - 20) <= 2
    assert abs(bottom - 470) <= 2


def test_a_field_with_a_place_of_its_own_keeps_it(signer: Signer, tmp_path: Path) -> None:
    document = pdf.with_form({6: pdf.field(b"Approval", b"300 180 100 100")})  # any two opposite corners
    file = signer.signed(document, PdfOptions(visible=Visible(0, 0, 20, 20), field="Approval"))
    left, top, right, bottom = ink(picture(file, tmp_path))
    assert all(abs(one - two) <= 2 for one, two in zip((left, top, right, bottom), (100, 662, 300, 742), strict=True))


@pytest.mark.parametrize(
    "place",
    [
        Visible(200, 40, 30, 10),  # too small for any text
        Visible(500, 40, 200, 60),  # over the edge
        Visible(-5, 40, 200, 60),
        Visible(10, 40, 0, 60),
        Visible(10, 40, 200, 60, text="\u200b\n "),
        Visible(10, 40, 200, 60, text="Ж" * 2000),
        Visible(float("nan"), 40, 200, 60),
    ],
)
def test_a_mark_that_cannot_be_seen_or_read_is_refused(signer: Signer, place: Visible) -> None:
    with pytest.raises(BadParameters):
        signer.prepare(pdf.plain(), PdfOptions(visible=place))


def test_a_long_name_is_broken_between_words_and_stays_inside(signer: Signer, tmp_path: Path) -> None:
    long = "Федеральное государственное бюджетное образовательное учреждение высшего образования " * 3
    file = signer.signed(pdf.plain(), PdfOptions(visible=Visible(100, 50, 240, 70, text=long + "Х" * 120)))
    left, top, right, bottom = ink(picture(file, tmp_path))
    assert all(abs(one - two) <= 2 for one, two in zip((left, top, right, bottom), (100, 722, 340, 792), strict=True))
    assert "".join("".join(text(file, tmp_path)[1:]).split()) == "".join((long + "Х" * 120).split())


def test_a_machine_without_a_font_is_told_so(signer: Signer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from agent.pdf import signing

    monkeypatch.setattr(font, "PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path))  # no fontconfig either
    with pytest.raises(FontAbsent):
        prepare(
            pdf.plain(), certificate=signer.holder.description, chain=(), algorithm=signer.algorithm,
            moment=signer.holder.description.not_before, options=PdfOptions(visible=Visible(10, 10, 200, 60)),
            perform=signing.perform,
        )  # fmt: skip


def test_without_the_usual_places_fontconfig_finds_the_font(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = font.find_font()
    monkeypatch.setattr(font, "PLACES", ())
    assert font.find_font().resolve() == usual.resolve()
