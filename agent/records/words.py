"""The words of an entry, by which it is found: of its facts, and of what it is called in each language.

Letters and digits are parted ("Act12" is "act" and "12"): so the terms of names that are counted through stay few. Of a
digest or thumbprint the first HEX_DIGITS digits count. Kind, site and outcome have terms of their own, for filters.
"""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from collections.abc import Mapping

from agent.errors import Fact
from agent.texts.catalogue import LANGUAGES, text

HEX_DIGITS = 16
SHORTEST_BEGINNING = 3  # characters of a word that also finds longer ones
_SHORTEST_HEX = 8  # digits that are taken for the beginning of a digest
_PARTS = re.compile(r"[^\W\d_]+|\d+")
_DIGEST = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128}")
_HEX = re.compile(r"[0-9a-f]+")
_CODES = ("asked_by", "outcome", "transport")  # facts whose values are names of ours; they are found by their wordings
_SITES = ("origin", "audience")


@functools.lru_cache(maxsize=4096)
def words_of(value: str) -> frozenset[str]:
    plain = _folded(value)
    if _DIGEST.fullmatch(plain):
        return frozenset({_digest(plain)})
    return frozenset(_PARTS.findall(plain))


def terms_of(kind: str, facts: Mapping[str, Fact]) -> frozenset[str]:
    """Every term of an entry, those of filters too."""
    terms = {filter_term("kind", kind), *_wording_words(f"journal.kind.{kind}")}
    for name, value in facts.items():
        if name == "entry" or isinstance(value, bool) or value is None:
            continue
        if name in _CODES:
            terms |= _wording_words(f"journal.{name}.{value}")
        else:
            terms |= words_of(str(value))
        if name == "outcome" or name in _SITES:
            terms.add(filter_term("site" if name in _SITES else name, str(value)))
    return frozenset(terms)


def carried(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """The facts of an intention by which its outcome is found too."""
    return {name: value for name, value in facts.items() if name in ("document", "file", "token", *_SITES)}


def filter_term(name: str, value: str) -> str:
    """A term that no text has: digits follow letters in it."""
    return f"z{name[0]}{hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()[:12]}0"


def asked_terms(sought: str) -> list[tuple[str, ...]]:
    """What a person typed, as terms that must all be there; of a tuple, one of them. A term that ends in * is a
    beginning."""
    asked: list[tuple[str, ...]] = []
    for word in _folded(sought).split():
        parts = _PARTS.findall(word)
        if _HEX.fullmatch(word) and len(word) >= _SHORTEST_HEX and (len(parts) > 1 or len(word) >= HEX_DIGITS):
            asked.append((_digest(word) + ("*" if len(word) < HEX_DIGITS else ""),))
            continue
        asked.extend((part,) for part in parts[:-1])
        if parts:
            last = parts[-1]
            asked.append((last + "*",) if len(last) >= SHORTEST_BEGINNING else (last,))
    return list(dict.fromkeys(asked))


def fits(terms: frozenset[str], asked: list[tuple[str, ...]]) -> bool:
    """Whether an entry of these terms is sought."""
    return all(any(_is_there(term, terms) for term in choice) for choice in asked)


def _is_there(term: str, terms: frozenset[str]) -> bool:
    if term.endswith("*"):
        return any(one.startswith(term[:-1]) for one in terms)
    return term in terms


@functools.cache
def _wording_words(key: str) -> frozenset[str]:
    wordings = (text(key, language) for language in LANGUAGES)
    return frozenset(word for wording in wordings if wording != key for word in words_of(wording))


def _digest(digits: str) -> str:
    return f"x{digits[:HEX_DIGITS]}"


def _folded(value: str) -> str:
    """One form for what looks the same: case, width, and how marks are joined to letters; Ё and Е are one."""
    return unicodedata.normalize("NFKC", value).casefold().replace("ё", "е")
