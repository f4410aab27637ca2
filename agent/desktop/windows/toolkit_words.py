"""Words of the toolkit that its own translation lacks, as a message file (.qm) that a translator reads from memory.

A translator written in Python would be asked from threads of the toolkit, which then wait for the interpreter.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from agent.texts.catalogue import text


class _Word(NamedTuple):
    context: str  # the toolkit's class
    source: str
    key: str


_WORDS = (
    _Word("QFileDialog", "&Look in:", "toolkit.look_in"),
    _Word("QFileDialog", "Files of &type:", "toolkit.files_of_type"),
    _Word("QAbstractFileIconProvider", "Folder", "toolkit.folder"),
    _Word("QAbstractFileIconProvider", "File", "toolkit.file"),
    _Word("QAbstractFileIconProvider", "%1 File", "toolkit.file_of_kind"),
    _Word("QAbstractFileIconProvider", "Drive", "toolkit.drive"),
)
_MAGIC = bytes.fromhex("3cb86418caef9c95cd211cbf60a1bddd")
_HASHES, _MESSAGES = b"\x42", b"\x69"  # sections
_END, _TRANSLATION, _SOURCE, _CONTEXT = b"\x01", b"\x03", b"\x06", b"\x07"  # parts of a message


def message_file(language: str) -> bytes:
    """As qtranslator.cpp reads it: numbers are big-endian, sources UTF-8, translations UTF-16."""
    messages, places = b"", []
    for word in _WORDS:
        source = word.source.encode()
        places.append((_hashed(source), len(messages)))
        messages += _part(_TRANSLATION, text(word.key, language).encode("utf-16-be"))
        messages += _part(_SOURCE, source) + _part(_CONTEXT, word.context.encode()) + _END
    hashes = b"".join(struct.pack(">II", *place) for place in sorted(places))
    return _MAGIC + _part(_HASHES, hashes) + _part(_MESSAGES, messages)


def _part(tag: bytes, content: bytes) -> bytes:
    return tag + struct.pack(">I", len(content)) + content


def _hashed(source: bytes) -> int:
    """The hash of names in ELF (System V ABI), never 0."""
    value = 0
    for octet in source:
        value = ((value << 4) + octet) & 0xFFFFFFFF
        top = value & 0xF0000000
        value = (value ^ (top >> 24)) & ~top & 0xFFFFFFFF
    return value or 1
