"""Which new passphrases of key files are taken (R39)."""

from __future__ import annotations

import pytest

from agent.consent.new_pin import passphrase_fault
from agent.ipc.passphrase import FAULTS, LEAST, faults
from agent.texts.catalogue import text

NAMES = ("Макетова Анна Игоревна", "ooo_romashka_2026.pfx")


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ("short", "few")),
        ("мышь1", ("short",)),
        ("Qwerty12345!", ("known", "row")),
        ("password1234", ("known",)),
        ("ParolParol2026", ()),  # what is known is known by its spelling
        ("парольпароль1", ("known",)),
        ("correct horse battery staple", ("known",)),  # a sentence that stands in every list
        ("абабабабабаб", ("few",)),
        ("aaaaaaaaaaaa", ("few",)),
        ("qwertyuiopasdfghjkl", ("row",)),
        ("абвгдежзийкл", ("row",)),
        ("asdfghasdfgh", ("row",)),
        ("1234567890", ("row", "digits")),
        ("481516234210", ("digits",)),
        ("48151623424815162342", ()),
        ("макетова любит чай", ("name",)),
        ("Romashka-forever", ("name",)),
        ("анна", ("short", "few", "name")),
    ],
)
def test_everything_that_is_wrong_is_found(typed: str, found: tuple[str, ...]) -> None:
    assert faults(typed, NAMES) == found


@pytest.mark.parametrize(
    "typed", ["корова на луне", "ascii-words", "s3cret-7-Wolken", "Zm9vYmFyIQ-x", "дождь и 3 зонта"]
)
def test_sentences_are_taken(typed: str) -> None:
    assert faults(typed, NAMES) == ()


def test_short_parts_of_names_and_years_are_no_part_of_a_name() -> None:
    assert faults("2026 был неплох", NAMES) == ()
    assert faults("ООО на луне и в траве", ("ООО Ли.p12",)) == ()


def test_a_name_of_the_greatest_length_takes_no_time() -> None:
    assert faults("корова на луне", ["x" * 100_000, "слово " * 100_000]) == ()


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_rule_says_all_that_is_missing(language: str) -> None:
    words = passphrase_fault("1234", (), language)
    for fault in ("short", "few", "row", "digits"):
        assert text(f"passphrase.fault.{fault}", language, minimum=LEAST) in words
    assert passphrase_fault("корова на луне", (), language) == ""
    assert all(
        text(f"passphrase.fault.{fault}", language, minimum=LEAST) != f"passphrase.fault.{fault}" for fault in FAULTS
    )
