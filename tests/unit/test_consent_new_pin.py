"""New PINs that are refused before they reach a token."""

from __future__ import annotations

import pytest

from agent.consent.new_pin import fits, weakness


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("12345678", "default"),  # Rutoken's user PIN, 87654321 its administrator's, as Aktiv's documentation has them
        ("87654321", "default"),
        ("1234567890", "default"),  # SafeNet, JaCarta
        ("PASSWORD", "default"),
        ("00000000", "same"),
        ("ааааааа", "same"),
        ("456789", "row"),
        ("9876543", "row"),
        ("asdfgh", "row"),
        ("фывапрол", "row"),
    ],
)
def test_a_pin_that_is_guessed_first_is_refused(typed: str, why: str) -> None:
    assert weakness(typed) == why


@pytest.mark.parametrize("typed", ["81649275", "s3cret-7", "корова на луне", "19771204", "12345679", "112233445566"])
def test_others_are_taken(typed: str) -> None:
    assert weakness(typed) is None


def test_lengths_are_those_of_utf_8() -> None:
    assert fits("пероперо", 6, 16)
    assert not fits("пероперо1", 6, 16)
    assert not fits("12345", 6, 16)
    assert fits("", None, None)
