"""Who is logged in here, as systemd-logind keeps it in files (/run/systemd/sessions). Nobody is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

_FOLDER = Path("run/systemd/sessions")
_PEOPLE = "user"  # CLASS of sessions of people; others are of greeters and services


class Login(NamedTuple):
    """One session of a person."""

    id: str
    user: int
    active: bool  # in the foreground of its seat; what polkit calls active
    remote: bool
    kind: str  # "x11", "wayland", "tty", "unspecified"


class Logins(Protocol):
    def own(self) -> Login | None:
        """The session of this process; None where it has none, or this system does not tell."""
        ...

    def others(self, user: int) -> int:
        """How many other people are logged in."""
        ...


class LinuxLogins:
    def __init__(self, environment: Mapping[str, str], root: Path = Path("/")) -> None:
        self._own = environment.get("XDG_SESSION_ID", "")
        self._folder = root / _FOLDER

    def own(self) -> Login | None:
        return next((login for login in self._all() if login.id == self._own), None)

    def others(self, user: int) -> int:
        return len({login.user for login in self._all()} - {user})

    def _all(self) -> Iterator[Login]:
        try:
            paths = sorted(path for path in self._folder.iterdir() if path.is_file())
        except OSError:
            return
        for path in paths:
            try:
                lines = path.read_text("utf-8", "replace").splitlines()
            except OSError:
                continue
            values = dict(line.partition("=")[::2] for line in lines)
            if (
                values.get("CLASS") == _PEOPLE
                and values.get("STATE") != "closing"
                and values.get("UID", "").isdecimal()
            ):
                yes = {name for name in ("ACTIVE", "REMOTE") if values.get(name) == "1"}
                yield Login(path.name, int(values["UID"]), "ACTIVE" in yes, "REMOTE" in yes, values.get("TYPE", ""))
