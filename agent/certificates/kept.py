"""Issuers' certificates that Pero keeps of its own: stones of a way up, never its end. Nothing here is trusted."""

from __future__ import annotations

from pathlib import Path

MAX_FILES = 256
MAX_FILE = 1 << 16  # octets; a certificate is some kilobytes


def kept_issuers(folder: Path) -> tuple[bytes, ...]:
    """DER of each file, not looked into; what cannot be read, and a folder that is not there, give nothing."""
    found = []
    try:
        for path in sorted(folder.iterdir())[:MAX_FILES]:
            if path.is_file() and path.stat().st_size <= MAX_FILE:
                found.append(path.read_bytes())
    except OSError:
        return tuple(found)
    return tuple(found)
