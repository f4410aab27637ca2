"""Which key is taken for which certificate."""

from __future__ import annotations

from agent.tokens.matching import CKK, TokenKey, find, has_key
from agent.tokens.public_key import PublicKey

RSA, EC = PublicKey("rsa", b"modulus"), PublicKey("ec", b"point", 32)


def key(kind: str, identifier: bytes, value: bytes = b"") -> TokenKey:
    return TokenKey(object(), identifier, CKK[kind], value)


def test_the_value_decides_against_the_identifier() -> None:
    stranger, own = key("rsa", b"1", b"other modulus"), key("rsa", b"2", b"modulus")
    assert find(RSA, b"1", [stranger, own], []) is own


def test_the_identifier_decides_where_no_value_is_shown() -> None:
    other, own = key("ec", b"2"), key("ec", b"1")
    assert find(EC, b"1", [other, own], []) is own


def test_a_public_key_with_the_right_value_lends_its_identifier() -> None:
    wrong, own = key("ec", b"1"), key("ec", b"2")
    public = [key("ec", b"1", b"other point"), key("ec", b"2", b"point")]
    assert find(EC, b"1", [wrong, own], public) is own


def test_an_identifier_whose_public_key_is_a_strangers_is_not_taken() -> None:
    assert find(EC, b"1", [key("ec", b"1")], [key("ec", b"1", b"other point")]) is None


def test_an_empty_identifier_matches_nothing() -> None:
    assert find(EC, b"", [key("ec", b"")], []) is None


def test_a_key_of_another_kind_is_not_taken() -> None:
    assert find(EC, b"1", [key("rsa", b"1")], []) is None


def test_before_login_a_public_key_is_a_promise_and_silence_is_no_answer() -> None:
    assert has_key(EC, b"1", [], [key("ec", b"7", b"point")]) is True
    assert has_key(EC, b"1", [], []) is None
    assert has_key(EC, b"1", [], [key("ec", b"2", b"other")]) is None
    assert has_key(EC, b"1", [key("ec", b"2")], []) is False
    assert has_key(EC, b"1", [key("ec", b"1")], []) is True
