"""What the administrator of the machine decided; the person cannot change it. A missing file allows all of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from agent.config import Portal, Settings, TimestampAuthority, check_networks
from agent.errors import SettingsDamaged

POLICY_FILE = Path("/etc/pero/policy.json")
RIGHTS = ("view", "sign", "manage")
_DIAGNOSED = ("clock_hosts", "clock_pages", "portals", "expiry_days")  # what `pero diagnose` goes by

# What those who may not manage can still set: it changes what they see and hear, and nothing that Pero does
PERSONAL = ("language", "expiry_thresholds", "quiet_hours", "passphrase_days")
# Settings that policy can decide
_OVER = ("timestamp_authorities", "proxy", "certificate_networks", "passphrase_days", *_DIAGNOSED)

Right = Literal["view", "sign", "manage"]
Exported = Literal["owner", "label", "serial", "reader", "device", "path", "host", "issuer"]


class PolicyModule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A PKCS#11 module that the administrator adds. With `sha256` it is loaded only as this very file."""

    path: str  # absolute
    sha256: Annotated[str, msgspec.Meta(pattern="^([0-9a-fA-F]{64})?$")] = ""  # of the file, in hex


class Rights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may do what. What is said of a user counts before what is said of their groups, and that before the rest."""

    everybody: tuple[Right, ...] = RIGHTS  # type: ignore[assignment] # a tuple of three literals
    users: dict[str, tuple[Right, ...]] = {}  # by login name
    groups: dict[str, tuple[Right, ...]] = {}  # a member of several has the rights of all

    def of(self, user: str, groups: Iterable[str]) -> frozenset[str]:
        """Whoever may sign or manage may also look."""
        named = [self.groups[group] for group in groups if group in self.groups]
        given = {right for rights in named for right in rights} if named else set(self.everybody)
        if user in self.users:
            given = set(self.users[user])
        return frozenset(given | {"view"} if given else given)


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    allow_unattended: bool = True  # `--pin-fd` signs without the window
    allow_loopback: bool = True  # the WebSocket on 127.0.0.1 and ::1
    modules: tuple[PolicyModule, ...] = ()
    only_listed_modules: bool = False  # nothing but `modules` is loaded, whatever is installed or added
    timestamp_authorities: tuple[TimestampAuthority, ...] | None = None  # these and no other; null: the person's own
    proxy: str | None = None  # as in the settings, and in their place
    certificate_networks: tuple[str, ...] | None = None  # as in the settings, and in their place
    clock_hosts: tuple[str, ...] | None = None  # the same
    clock_pages: tuple[str, ...] | None = None  # the same
    portals: tuple[Portal, ...] | None = None  # the same
    expiry_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] | None = None  # the same
    passphrase_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] | None = None  # the same
    rights: Rights = Rights()
    locked: tuple[str, ...] = ()  # further settings that stay as Pero has them, whatever the person's file says
    journal_days: Annotated[int, msgspec.Meta(ge=1, le=36500)] | None = None  # older entries are archived; null: never
    journal_archive: str = ""  # the folder of archives, absolute; empty: one beside the journal
    exported: tuple[Exported, ...] = ()  # facts of findings that administrators' tools get besides the harmless ones

    def __post_init__(self) -> None:
        check_networks(self.certificate_networks or ())
        unknown = set(self.locked) - {*Settings.__struct_fields__, "autostart"}
        if unknown:
            raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")

    def module(self, path: str) -> PolicyModule | None:
        """What is said of a module, by whatever name of its file."""
        wanted = os.path.realpath(path)
        return next((module for module in self.modules if os.path.realpath(module.path) == wanted), None)

    def over(self, settings: Settings) -> Settings:
        """The settings, with what the administrator decided in place of the person's own."""
        defaults = Settings()
        decided = {name: getattr(defaults, name) for name in self.locked if name in Settings.__struct_fields__}
        decided |= {name: value for name in _OVER if (value := getattr(self, name)) is not None}
        return msgspec.structs.replace(settings, **decided) if decided else settings

    def decides(self, setting: str) -> bool:
        """Whether the person cannot change it. "autostart" is one too, though it is no line of the settings file."""
        if setting == "modules" and self.only_listed_modules:
            return True
        return setting in self.locked or (setting in _OVER and getattr(self, setting) is not None)


def this_user() -> tuple[str, list[str]]:
    """The login name of whoever this process runs as, and the names of their groups; of a user without a name the
    number. On Windows the name alone."""
    try:
        import grp
        import pwd
    except ImportError:
        return os.environ.get("USERNAME", ""), []
    number = os.getuid()
    try:
        entry = pwd.getpwuid(number)
    except KeyError:
        return str(number), []
    groups = []
    for group in os.getgrouplist(entry.pw_name, entry.pw_gid):
        try:
            groups.append(grp.getgrgid(group).gr_name)
        except KeyError:
            groups.append(str(group))
    return entry.pw_name, groups


def load_policy(path: Path = POLICY_FILE) -> Policy:
    """Raises SettingsDamaged: a policy that cannot be read is never taken for none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Policy)
    except (FileNotFoundError, NotADirectoryError):
        return Policy()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsDamaged(path=str(path), detail=str(error)) from error
