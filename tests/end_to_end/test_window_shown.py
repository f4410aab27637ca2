"""What the windows show, as a screen reader and an eye see it; small screens; the keyboard's state."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.harness import prompts
from tests.harness.display import Display
from tests.harness.person import Person, signing_window


@pytest.fixture(scope="module")
def display() -> Iterator[Display]:
    with Display() as display:
        yield display


async def test_a_screen_reader_hears_everything_in_russian(display: Display) -> None:
    async with signing_window(display, prompts.signing("ru")) as signing:
        await signing.person.wait_for_accessible("PIN-код", state="focused")
        shown = {(node["role"], node["name"]) for node in display.accessible.tree()}
        for expected in (
            ("dialog", "Подписать документ? — Pero"),
            ("label", "Сайт: https://sign.example"),
            ("label", "Договор № 17.txt"),
            ("text", "Содержание документа"),
            ("list", "Сертификат"),
            ("password text", "PIN-код"),
            ("push button", "Отказать"),
            ("push button", "Подписать"),
        ):
            assert expected in shown
        items = [name for role, name in shown if role == "list item"]
        assert any("срок действия истёк 31.01.2025" in name for name in items)
        focusable = [node for node in display.accessible.tree() if "focusable" in node["states"]]
        assert [node for node in focusable if not node["name"]] == []


async def test_a_preview_is_plain_text(display: Display) -> None:
    page = "<h1>Big</h1><img src='http://127.0.0.1/x'><script>alert(1)</script>\n&amp; **bold**"
    async with signing_window(display, prompts.signing(document=prompts.document(text=page))):
        (preview,) = display.accessible.find(name="Content of the document")
        assert preview["text"] == page


async def test_a_name_with_tricks_is_shown_with_its_tricks(display: Display) -> None:
    document = prompts.document(name="<b>invoice</b>\u202efdp.exe")
    owner = prompts.certificate(owner="Mаria\u200b\nSigned: bank", token_label="<i>t</i>")
    prompt = prompts.signing(document=document, certificates=(owner,), shown_origin="https://sign.example\u202e")
    async with signing_window(display, prompt) as signing:
        names = "\n".join(await signing.person.names())
        assert "<b>invoice</b>⟨U+202E⟩fdp.exe" in names
        assert "M⟨U+0430⟩ria⟨U+200B⟩⟨U+000A⟩Signed: bank" in names
        assert "Site: https://sign.example⟨U+202E⟩" in names
        assert "\u202e" not in names


async def test_an_empty_document_says_that_it_is_empty(display: Display) -> None:
    async with signing_window(display, prompts.signing(document=prompts.document(text=""))) as signing:
        await signing.person.reads("The document is empty")


async def test_a_bare_digest_says_that_its_content_cannot_be_shown(display: Display) -> None:
    document = prompts.document(digest_only=True, preview=None, size=None, media_type="")
    async with signing_window(display, prompts.signing(document=document)) as signing:
        await signing.person.reads("The document's content cannot be shown")


async def test_a_command_of_this_computer_is_no_site(display: Display) -> None:
    async with signing_window(display, prompts.signing(origin="", shown_origin="")) as signing:
        await signing.person.reads("Pero's window, or a command on this computer")


async def test_an_address_in_another_script_is_shown_in_both_forms(display: Display) -> None:
    prompt = prompts.signing(origin="https://xn--80ak6aa92e.example", shown_origin="https://подпись.example")
    async with signing_window(display, prompt) as signing:
        await signing.person.reads("https://подпись.example")
        await signing.person.reads("https://xn--80ak6aa92e.example")


async def test_a_long_name_can_be_reached_and_read_whole_by_keyboard(display: Display) -> None:
    name = "long-" * 60 + "end.pdf"
    async with signing_window(display, prompts.signing(document=prompts.document(name=name))) as signing:
        node = await signing.person.wait_for_accessible(name)
        assert "focusable" in node["states"]
        assert node["extents"][2] < display.size[0]


async def test_an_old_file_size_of_text_is_laid_out_in_time(display: Display) -> None:
    document = prompts.document(text="x" * 400_000)  # one line
    async with signing_window(display, prompts.signing(document=document)) as signing:
        await signing.person.reads("Only the beginning of the document is shown.")


async def test_details_open_by_keyboard_and_the_window_grows_with_them(display: Display) -> None:
    certificate = prompts.certificates()[0]
    async with signing_window(display, prompts.signing(certificates=(certificate,))) as signing:
        await signing.person.press("shift+Tab", "space")
        thumbprint = f"SHA-256 thumbprint: {certificate.thumbprint}"
        await signing.person.reads(thumbprint)

        def seen() -> bool:
            """AT-SPI tells where a thing lies, also of what is scrolled out of sight."""
            _, top, _, height = display.accessible.find(name=thumbprint)[0]["extents"]
            return bool(top + height <= display.accessible.find(name="Refuse")[0]["extents"][1])

        await signing.person.until(seen, "the window to grow with the details")


async def test_caps_lock_and_layout_are_told(display: Display) -> None:
    subprocess.run(["setxkbmap", "us,ru"], env=display.environment, check=True)
    try:
        async with signing_window(display, prompts.signing()) as signing:
            await signing.person.reads("Keyboard layout: English (US)")
            assert not display.accessible.find(name="Caps Lock is on")
            await signing.person.press("Caps_Lock")
            await signing.person.reads("Caps Lock is on")
            await signing.person.press("Caps_Lock")
            await signing.person.lock_layout(1)
            await signing.person.reads("Keyboard layout: Russian")
    finally:
        subprocess.run(["setxkbmap", "us"], env=display.environment, check=True)


async def test_a_small_screen_at_double_size_is_enough() -> None:
    with Display(size=(1024, 600)) as small:
        person = Person(small)
        async with signing_window(small, prompts.signing("ru"), QT_SCALE_FACTOR="2") as signing:
            for name in ("Отказать", "Подписать"):
                x, y, width, height = (await person.wait_for_accessible(name))["extents"]
                assert x >= 0
                assert y >= 0
                assert x + width <= 512  # AT-SPI tells logical pixels
                assert y + height <= 300
            await person.focus_is_on("Сертификат")  # read first what does not fit at once
            _, y, _, height = (await person.wait_for_accessible("Сайт: https://sign.example"))["extents"]
            assert y >= 0  # who asks is seen before anything else
            assert y + height <= 300
            await person.press("Return")
            _, y, _, height = (await person.wait_for_accessible("PIN-код", state="focused"))["extents"]
            assert y + height <= 300
            await person.type_keys("12345678")
            await person.press("Return")
            assert await signing.confirmed()
