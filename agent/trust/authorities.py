"""Authorities that the person trusts where signatures are verified: certificates in a folder, each by its thumbprint.

They say who signed, on this computer alone; nothing is signed by them, and no other program learns of them. Whoever may
write into the state folder may put one there: the journal says which ones were added by way of Pero.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from agent.certificates.description import MAX_CERTIFICATE, Description, describe
from agent.config import secure_folder, write_private
from agent.errors import CertificateDamaged, FileUnwritable
from agent.trust.anchors import read_anchors

MAX_FILE = 1 << 20  # bytes that are added at once
MAX_AUTHORITIES = 500
_ENDING = ".cer"


class Authorities:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> tuple[Description, ...]:
        """By owner. A file that is not what its name says is left out."""
        found = [_read(path) for path in sorted(self._folder.glob(f"*{_ENDING}"))[:MAX_AUTHORITIES]]
        return tuple(sorted((one for one in found if one is not None), key=lambda one: one.owner.casefold()))

    def read(self, content: bytes) -> tuple[Description, ...]:
        """The certificates in a file, PEM or DER, each once. Raises CertificateDamaged."""
        found = tuple(describe(der) for der in dict.fromkeys(read_anchors(content)))
        if len(found) > MAX_AUTHORITIES:
            raise CertificateDamaged(detail="too many certificates")
        return found

    def add(self, authority: Description) -> None:
        """Raises FileUnwritable, StateUnsafe."""
        secure_folder(self._folder)
        if len(list(self._folder.glob(f"*{_ENDING}"))) >= MAX_AUTHORITIES:
            raise FileUnwritable(path=str(self._folder), reason=f"more than {MAX_AUTHORITIES} files")
        write_private(self._folder / f"{authority.thumbprint}{_ENDING}", authority.der)

    def remove(self, thumbprint: str) -> bool:
        """False where it is not among them. Raises FileUnwritable."""
        path = self._folder / f"{thumbprint}{_ENDING}"
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise FileUnwritable(path=str(path), reason=error.strerror or "unwritable") from error
        return True


def _read(path: Path) -> Description | None:
    with contextlib.suppress(OSError, CertificateDamaged):
        with path.open("rb") as file:
            content = file.read(MAX_CERTIFICATE + 1)
        if hashlib.sha256(content).hexdigest() == path.stem:
            return describe(content)
    return None
