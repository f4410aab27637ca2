"""`backup_key_file`: a kept key file, as it is to be written elsewhere: PKCS#12 under its passphrase, AES-256 (R16).

The caller writes it. Where it is to lie is said beforehand: not in a folder that goes to a cloud by itself.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import msgspec

from agent.api import wire
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.api.synchronised import synchronised
from agent.errors import BadParameters, CertificateUnknown, FileUnreadable, FolderSynchronised, PassphraseWeak
from agent.ipc.passphrase import LEAST
from agent.signing.intention import intention
from agent.tokens import about

MAX_REASON = 256  # characters
_KEY = "key.p12"


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    thumbprint: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    path: Annotated[str, msgspec.Meta(max_length=4096)]  # absolute; the file that is to be
    reason: Annotated[str, msgspec.Meta(max_length=MAX_REASON)] = ""  # in the person's words


async def backup_key_file(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises FolderSynchronised, CertificateUnknown, FileUnreadable, PassphraseWeak where the passphrase was found easy
    to guess when it was typed: a copy that lies elsewhere has nothing but that. The journal has date, reason, place."""
    path = Path(parameters.path)
    if not path.is_absolute():
        raise BadParameters(detail="path is not absolute")
    product = await asyncio.to_thread(synchronised, path.parent)
    if product:
        raise FolderSynchronised(path=str(path.parent), product=product)
    certificate = parameters.thumbprint
    facts = {
        "certificate": certificate,
        "file": str(path),
        "reason": parameters.reason,
        "asked_by": caller.prompter.kind,
    }
    with intention(services.journal, "backup_key_file", facts, certificate=certificate) as begun:
        folder = services.locations.key_files / certificate
        content = await asyncio.to_thread(_read, folder / _KEY, certificate)
        known = await asyncio.to_thread(about.read, folder)
        if known and known.weak:
            raise PassphraseWeak(faults="judged", minimum=LEAST)
        begun.ended("done", certificate=certificate)
    return {"content": wire.encoded(content)}


def _read(path: Path, certificate: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise CertificateUnknown(thumbprint=certificate) from error
    except OSError as error:
        raise FileUnreadable(path=str(path), reason=error.strerror or "unreadable") from error


METHOD = Method("backup_key_file", COMMAND, Parameters, backup_key_file)
