"""Return codes of PKCS#11 as our errors. The binding's own table of names is the judge."""

from __future__ import annotations

import PyKCS11
import pytest

from agent.errors import PeroError, PinIncorrect, PinLocked, PinNotSet, TokenAbsent, TokenFailed
from agent.tokens import return_codes


def test_every_name_is_the_standards_own() -> None:
    wrong = {code: name for code, name in return_codes.NAMES.items() if PyKCS11.CKR.get(code) != name}
    assert wrong == {}


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (0xA0, PinIncorrect),
        (0xA4, PinLocked),
        (0x102, PinNotSet),
        (0xE0, TokenAbsent),
        (0xB3, TokenAbsent),
        (0x30, TokenFailed),
    ],
)
def test_codes_become_errors(code: int, error: type[PeroError]) -> None:
    assert type(return_codes.from_return_code(code, operation="C_Login", module="m", token="t")) is error


@pytest.mark.parametrize("code", [0x80000123, 0x80000123 - (1 << 32), 0xFFFFFFFF80000123])
def test_a_vendors_code_is_the_same_whatever_width_it_came_in(code: int) -> None:
    assert return_codes.name(code) == "CKR_VENDOR_DEFINED+0x123"


def test_an_unknown_code_keeps_its_number() -> None:
    error = return_codes.from_return_code(0x7777, operation="C_Sign", module="m")
    assert error.facts == {"operation": "C_Sign", "return_code": "0x00007777", "module": "m"}
