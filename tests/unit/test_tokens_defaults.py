"""PINs that vendors give to every token, as the public documents of the vendors have them."""

from __future__ import annotations

import pytest

from agent.tokens.defaults import DEFAULTS, is_default
from agent.tokens.pkcs11 import TokenInfo


def token(manufacturer: str, model: str) -> TokenInfo:
    return TokenInfo("label", "serial", manufacturer, model, 0, 4, 16)


RUTOKEN = token("Aktiv Co.", "Rutoken ECP")


@pytest.mark.parametrize(
    ("secret", "officer", "known"),
    [(b"12345678", False, True), (b"87654321", True, True), (b"87654321", False, False), (b"12345678", True, False),
     (b"1234567", False, False), (b"", False, False), ("пин".encode(), False, False)],
)  # fmt: skip
def test_a_rutokens_own_pins_are_known(secret: bytes, officer: bool, known: bool) -> None:
    assert is_default(RUTOKEN, secret, officer=officer) is known


@pytest.mark.parametrize("manufacturer", ["", "SoftHSM project", "Interaktiv"])
def test_a_vendor_of_whom_nothing_is_known_has_none(manufacturer: str) -> None:
    assert not is_default(token(manufacturer, "any"), b"12345678")


def test_the_first_row_that_fits_counts() -> None:
    assert is_default(token("Aladdin R.D.", "JaCarta Laser"), b"11111111")
    assert not is_default(token("Aladdin R.D.", "JaCarta Laser"), b"1234567890")
    assert is_default(token("aladdin r.d.", "JACARTA GOST 2.0"), b"1234567890")


def test_no_row_is_out_of_reach() -> None:
    for place, row in enumerate(DEFAULTS):
        for earlier in DEFAULTS[:place]:
            hidden = row.manufacturer.startswith(earlier.manufacturer) and row.model.startswith(earlier.model)
            assert not hidden, (earlier, row)
