"""Names made safe to show."""

import unicodedata

import pytest

from agent.texts.visible import visible

# From Unicode: UAX 9 section 2 (explicit directional formatting), and the general categories.
BIDIRECTIONAL = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize("character", BIDIRECTIONAL)
def test_every_bidirectional_control_is_written_out(character: str) -> None:
    assert visible(f"a{character}b") == f"a⟨U+{ord(character):04X}⟩b"


def test_a_reversed_extension_is_seen() -> None:
    assert visible("invoice\u202efdp.exe") == "invoice⟨U+202E⟩fdp.exe"


@pytest.mark.parametrize(
    "character",
    [
        "\0",
        "\n",
        "\t",
        "\x1b",
        "\x7f",
        "\x85",
        "\u200b",
        "\u00ad",
        "\ufeff",
        "\u2028",
        "\U000e0041",
        "\u3164",
        "\u2800",
        "\u00a0",
        "\ue000",
        "\ufe0f",
    ],
)
def test_nothing_invisible_stays_in_a_name(character: str) -> None:
    assert visible(f"a{character}b") == f"a⟨U+{ord(character):04X}⟩b"


def test_no_format_or_control_character_of_unicode_gets_through() -> None:
    hidden = [
        chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]
    assert [character for character in hidden if character in visible(f"a{character}a")] == []


@pytest.mark.parametrize(
    "name",
    [
        "contract.pdf",
        "Договор № 5 «Ромашка» — копия.docx",
        "Wi-Fi счёт.pdf",
        "PDF-файл",
        "Ёлка²",
        "Müller & Søn",
        "日本語.txt",
        "דוח.pdf",
        "Ünïté",
        "x⟨1⟩",
    ],
)
def test_honest_names_stay_as_they_are(name: str) -> None:
    assert visible(name) == name


def test_a_letter_of_another_script_inside_a_word_is_seen() -> None:
    assert visible("pаypal") == "p⟨U+0430⟩ypal"  # Cyrillic а
    assert visible("Cбербанк") == "⟨U+0043⟩бербанк"  # Latin C
    assert visible("gοοgle") == "g⟨U+03BF⟩⟨U+03BF⟩gle"  # Greek omicron


@pytest.mark.parametrize("character", ["／", "．", "\u2215", "\u2044", "\u2024", "Ａ", "𝐀"])
def test_signs_in_another_dress_are_seen(character: str) -> None:
    assert visible(f"a{character}b") == f"a⟨U+{ord(character):04X}⟩b"


def test_decomposed_russian_letters_are_put_together_and_towers_of_marks_are_written_out() -> None:
    assert visible("и\u0306") == "й"
    assert visible("x" + "\u0335" * 4).count("⟨U+0335⟩") == 2
    assert visible("\u0335x") == "⟨U+0335⟩x"


def test_a_text_keeps_its_lines_and_loses_its_tricks() -> None:
    assert visible("a\tb\nc\u202ed", keep="\n\t") == "a\tb\nc⟨U+202E⟩d"
    assert visible("pаypal\n", keep="\n\t") == "pаypal\n"


@pytest.mark.parametrize("text", ["a\u202eb", "pаypal", "x\u0335\u0335\u0335\u0335", "Ａ\u00a0"])
def test_what_was_made_visible_stays(text: str) -> None:
    assert visible(visible(text)) == visible(text)
