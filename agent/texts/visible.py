"""Text that others wrote, made safe to show: what cannot be seen, reorders or imitates is written as ⟨U+202E⟩.

Used for names of documents, sites, certificates and tokens, and for previews. What comes out is plain text, and is
itself shown unchanged (``visible(visible(x)) == visible(x)``). Letters written from right to left are left alone:
whoever shows them fixes the direction of the line from left to right.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator

_PLAIN_TEXT = re.compile(r"[ -~№«»—–…А-Яа-яЁё]*")  # where letters of two scripts may stand in one word
_PLAIN = re.compile(r"[ -~№«»—–…]*|[ -.0-@\[-`{-~А-Яа-яЁё№«»—–…]*")
_MOST_MARKS = 30  # combining marks in a row that are put in order together
_MARKS = 2  # combining marks that a letter may carry ; stacks of them cover the lines above

# Assigned, printable as nothing: fillers and joiners that no general category gives away (Default_Ignorable).
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
# Signs that pass for the dots, slashes, colons and quotes of file names and addresses (Unicode UTS 39, confusables).
_FALSE_SIGNS = frozenset(
    "\u0589\u05c3\u0701\u0702\u2024\u2044\u2215\u2216\u2236\u2571\u2572\u27cb\u29f8\u29f9\u3002\ua4f8\ua789"
)
# Letters of other scripts that pass for Latin ones, and the other way round; looked at only in words of mixed script.
_TWINS = frozenset(
    "АВЕКМНОРСТУХЅІЈԚԜҮҺаеорсухѕіјһԁԛԝүӏ"  # Cyrillic
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧανορτυχι"  # Greek
    "ABCEHIJKMNOPQSTUWXYZacdehijlnopqrsuvwxy"  # Latin
)
_WORD = re.compile(r"[^\W\d_]+")


def visible(text: str, *, keep: str = "") -> str:
    """`text` with everything deceptive written out by its code point.

    `keep`: control characters and spaces that stay, such as "\\n\\t" for a text of many lines; in such a text the
    look-alike letters stay too, since it is read as a text and not compared as a name.
    """
    if _PLAIN.fullmatch(text) or (keep and _PLAIN_TEXT.fullmatch(text.translate(dict.fromkeys(map(ord, keep))))):
        return text
    text = "".join(unicodedata.normalize("NFC", part) for part in _parts(text))
    if not keep:
        text = _WORD.sub(_mixed, text)
    return "".join(_marks(_escape(character, keep) for character in text))


def _parts(text: str) -> Iterator[str]:
    """The text, cut where so many marks stand on one letter that putting them in order would take the square of their
    number (Unicode UAX 15 section 13, stream-safe text)."""
    start = marks = 0
    for index, character in enumerate(text):
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > _MOST_MARKS:
            yield text[start:index]
            start, marks = index, 1
    yield text[start:]


def code_point(character: str) -> str:
    """How a character is written out."""
    return f"⟨U+{ord(character):04X}⟩"


@functools.lru_cache(maxsize=4096)
def _escape(character: str, keep: str) -> str:
    if character in keep or (keep and character == "\u00a0") or " " <= character <= "~":
        return character
    category = unicodedata.category(character)
    hidden = category[0] == "C" or category in ("Zl", "Zp", "Zs", "Me") or character in _BLANK
    variation = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    if hidden or variation or (not keep and _imitates(character)):
        return code_point(character)
    return character


def _imitates(character: str) -> bool:
    """Whether a sign stands for an ASCII one in another dress: full width, mathematical, a false slash."""
    if character in _FALSE_SIGNS:
        return True
    dressed = unicodedata.decomposition(character)
    plain = unicodedata.normalize("NFKC", character)
    return dressed.startswith(("<font>", "<wide>", "<small>", "<compat>")) and len(plain) == 1 and plain.isascii()


def _mixed(match: re.Match[str]) -> str:
    """A word of two scripts: the look-alike letters of its smaller part are written out."""
    word = match.group()
    scripts = [_script(letter) for letter in word]
    counts = {script: scripts.count(script) for script in ("LATIN", "CYRILLIC", "GREEK") if script in scripts}
    if len(counts) < 2:
        return word
    main = max(counts, key=lambda script: counts[script])
    return "".join(
        code_point(letter) if script in counts and script != main and letter in _TWINS else letter
        for letter, script in zip(word, scripts, strict=True)
    )


@functools.lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def _marks(characters: Iterable[str]) -> Iterator[str]:
    """Characters with at most a few combining marks on each letter; the rest, and marks on nothing, are written out."""
    carried = _MARKS
    for character in characters:
        if len(character) == 1 and unicodedata.category(character) == "Mn":
            carried += 1
            yield character if carried <= _MARKS else code_point(character)
        else:
            carried = 0 if len(character) == 1 and character.isalnum() else _MARKS
            yield character
