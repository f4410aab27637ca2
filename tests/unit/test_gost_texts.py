"""GOST by its name in each language."""

from __future__ import annotations

import pytest

from agent.algorithms import DIGESTS
from agent.texts.standards import digest_title, standard


def test_keys_are_named_as_the_language_writes_the_standard() -> None:
    key = "GOST R 34.10-2012 256 (CryptoPro-A)"
    assert standard(key, "ru") == "ГОСТ Р 34.10-2012 256 (CryptoPro-A)"
    assert standard(key, "en") == key
    assert standard("RSA 2048", "ru") == "RSA 2048"


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_digest_has_a_title(language: str) -> None:
    titles = [digest_title(digest.name, language) for digest in DIGESTS]
    assert len({*titles, *(digest.name for digest in DIGESTS)}) == 2 * len(DIGESTS)
    assert digest_title("streebog512", "ru") == "ГОСТ Р 34.11-2012 512"
    assert digest_title("other", language) == "other"
