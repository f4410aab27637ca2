"""The remedy for an issuer that is not at hand: its certificate out of where the one below says it lies.

What is fetched is kept only where the signature of the certificate below verifies with it. Being kept makes nothing
trusted: it is a stone of the way up to a root, and roots are the system's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from agent.certificates import extensions
from agent.certificates.chain import MAX_CHAIN, chain_for, is_signed_by
from agent.certificates.description import Description, describe
from agent.config import secure_folder, write_private
from agent.diagnostics.base import Finding
from agent.diagnostics.mending.base import Ground, Kept, Step, Told
from agent.errors import CertificateDamaged, FileUnwritable, MendFailed, PeroError
from agent.trust import bundle

_MAX_ADDRESSES = 3
_SUFFIX = ".cer"
_STEP = "issuer"


def fetch(finding: Finding, _ground: Ground) -> tuple[Step, ...]:
    return (FetchIssuer(str(finding.facts.get("below", "")), str(finding.facts.get("address", ""))),)


@dataclass(frozen=True)
class FetchIssuer:
    """`below`: thumbprint of the certificate whose issuer is wanted; its own words say where that lies."""

    below: str
    address: str  # as the finding told it; it is shown, and asked only if the certificate names it
    kind: ClassVar[str] = "issuer"
    administrator: ClassVar[bool] = False

    def told(self, ground: Ground) -> Told:
        return "issuer", {"address": self.address, "path": str(ground.locations.issuers)}

    def keep(self, ground: Ground) -> Kept | None:
        return {"before": "\n".join(_kept(ground.locations.issuers))}

    async def do(self, ground: Ground) -> Kept | None:
        known = await ground.certificates()
        below = next((one for one in map(_read, known) if one and one.thumbprint == self.below), None)
        if below is None:
            raise MendFailed(step=_STEP, reason="the certificate is no longer there")
        issuers = [await _fetched(below, ground)]
        while issuers[-1].issuer_der != issuers[-1].subject_der and len(issuers) < MAX_CHAIN:
            try:
                issuers.append(await _fetched(issuers[-1], ground))
            except PeroError:
                break  # the one that was missing is there; what is above it may be at hand
        _write(ground.locations.issuers, issuers)
        return {"added": "\n".join(_name(one) for one in issuers)}


async def undo(kept: Mapping[str, str | int | None], ground: Ground) -> None:
    """What it added goes, and nothing that came there since. Where it broke off and did not say: all that came."""
    folder, before = ground.locations.issuers, set(str(kept["before"]).split("\n"))
    added = kept.get("added")
    try:
        for name in _kept(folder):
            if name not in before and (added is None or name in str(added).split("\n")):
                (folder / name).unlink()
    except OSError as error:
        raise FileUnwritable(path=str(folder), reason=error.strerror or "unwritable") from error


def undo_told(_kept: Mapping[str, str | int | None], ground: Ground) -> list[Told]:
    return [("issuer", {"path": str(ground.locations.issuers)})]


async def _fetched(below: Description, ground: Ground) -> Description:
    """Raises what the last address came to, MendFailed where none is named."""
    error: PeroError = MendFailed(step=_STEP, reason="no address")
    for url in _addresses(below):
        try:
            return await asyncio.to_thread(_issuer_in, await ground.fetch(url), below)
        except PeroError as failed:
            error = failed
    raise error


def _issuer_in(content: bytes, below: Description) -> Description:
    """Raises MendFailed where what was fetched did not sign `below`."""
    try:
        found = chain_for(below.der, bundle.certificates(content))
    except ValueError as error:
        raise MendFailed(step=_STEP, reason="damaged") from error
    if not found or is_signed_by(below.der, describe(found[0]).public_key) is not True:
        raise MendFailed(step=_STEP, reason="not the issuer")
    return describe(found[0])


def _addresses(certificate: Description) -> list[str]:
    try:
        named = extensions.access(extensions.of_certificate(certificate.der), extensions.ISSUERS_ACCESS)
    except (ValueError, StopIteration):
        return []
    return [url for url in dict.fromkeys(named) if url.startswith(("http://", "https://"))][:_MAX_ADDRESSES]


def _write(folder: Path, issuers: list[Description]) -> None:
    secure_folder(folder)
    for issuer in issuers:
        write_private(folder / _name(issuer), issuer.der)


def _name(issuer: Description) -> str:
    return f"{issuer.thumbprint}{_SUFFIX}"


def _kept(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []


def _read(der: bytes) -> Description | None:
    try:
        return describe(der)
    except CertificateDamaged:
        return None
