"""Check digits of Russian numbers: those of well-known organisations, published examples, and counted by hand."""

from __future__ import annotations

import pytest

from agent.certificates import russian_numbers as numbers

# Sberbank, Gazprom, the Federal Tax Service, Yandex: ИНН and ОГРН as everybody publishes them
ORGANISATIONS = [
    ("7707083893", "1027700132195"),
    ("7736050003", "1027700070518"),
    ("7707329152", "1047707030513"),
    ("7736207543", "1027700229193"),
]
PERSONS = ["500100732259", "526317984689"]  # published examples of twelve digits
ENTREPRENEURS = ["304500116000157", "313132804400022"]
SNILS = ["11223344595", "08765430300", "08765430200"]  # the example of the fund; sums of 202 and 201


def changed(digits: str) -> list[str]:
    """The number with each digit in turn replaced by the next one."""
    return [digits[:at] + str((int(digits[at]) + 1) % 10) + digits[at + 1 :] for at in range(len(digits))]


@pytest.mark.parametrize(("inn", "ogrn"), ORGANISATIONS)
def test_numbers_of_organisations(inn: str, ogrn: str) -> None:
    assert numbers.is_inn_le(inn)
    assert numbers.is_ogrn(ogrn)
    assert numbers.is_inn("00" + inn)
    assert not any(map(numbers.is_inn_le, changed(inn)))
    assert not any(map(numbers.is_ogrn, changed(ogrn)))


@pytest.mark.parametrize("inn", PERSONS)
def test_numbers_of_persons(inn: str) -> None:
    assert numbers.is_inn(inn)
    assert not any(map(numbers.is_inn, changed(inn)))
    assert not numbers.is_inn_le(inn)


@pytest.mark.parametrize("ogrnip", ENTREPRENEURS)
def test_numbers_of_entrepreneurs(ogrnip: str) -> None:
    assert numbers.is_ogrnip(ogrnip)
    assert not numbers.is_ogrnip("1" + ogrnip[1:])


def test_a_rest_of_ten_to_twelve_counts_by_its_last_digit() -> None:
    """ОГРНИП is a rest modulo 13, of which a library or two forgets the last step."""
    counted = [first for first in range(30450011600000, 30450011600130) if first % 13 >= 10]
    assert counted
    for first in counted:
        assert numbers.is_ogrnip(f"{first}{first % 13 - 10}")


@pytest.mark.parametrize("snils", SNILS)
def test_numbers_of_the_pension_fund(snils: str) -> None:
    assert numbers.is_snils(snils)
    assert not numbers.is_snils(snils[:-1] + str((int(snils[-1]) + 1) % 10))


def test_the_first_numbers_of_the_fund_have_no_check_digits() -> None:
    assert numbers.is_snils("00100199800")
    assert numbers.is_snils("00100199899")
    assert not numbers.is_snils("00000000000")


@pytest.mark.parametrize(
    "check", [numbers.is_inn, numbers.is_inn_le, numbers.is_ogrn, numbers.is_ogrnip, numbers.is_snils]
)
@pytest.mark.parametrize("text", ["", "1", "x" * 10, "٧٧٠٧٠٨٣٨٩٣", "7707083893 ", "-707083893", "1" * 40])
def test_anything_else_is_no_number(check: numbers.Check, text: str) -> None:
    assert not check(text)
