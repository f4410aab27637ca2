"""What is kept in clear about a key file: its name, and how old its passphrase is. Read by the agent too, without a
worker."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec

from agent.config import write_private

ABOUT = "about.json"
MAX_ABOUT = 1 << 16  # bytes
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class About(msgspec.Struct, frozen=True, omit_defaults=True):
    """`weak`: whether the passphrase was found easy to guess when it was typed for Pero to keep (`ipc.passphrase`). It
    tells a thief nothing that a first minute of guessing would not."""

    file: str
    added: Moment  # UTC
    passphrase_set: Moment | None = None  # UTC; None: not by Pero, so it is at least as old as `added` says
    weak: bool | None = None  # None: it was not judged

    @property
    def since(self) -> datetime:
        """How long the passphrase has been the same, as far as Pero knows."""
        return self.passphrase_set or self.added


def read(folder: Path) -> About | None:
    """Of the key file in this folder; None where nothing can be read, and the key file is one all the same."""
    try:
        with (folder / ABOUT).open("rb") as file:
            return msgspec.json.decode(file.read(MAX_ABOUT), type=About)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def write(folder: Path, about: About) -> None:
    """Raises FileUnwritable."""
    write_private(folder / ABOUT, msgspec.json.encode(about))
