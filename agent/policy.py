"""What the administrator of the machine decided; the person cannot change it. A missing file allows all of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from agent.config import Portal, Settings, TimestampAuthority, check_networks
from agent.errors import SettingsDamaged

POLICY_FILE = Path("/etc/pero/policy.json")
_DIAGNOSED = ("clock_hosts", "clock_pages", "portals", "expiry_days")  # what `pero diagnose` goes by

Exported = Literal["owner", "label", "serial", "reader", "device", "path", "host", "issuer"]


class PolicyModule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A PKCS#11 module that the administrator adds. With `sha256` it is loaded only as this very file."""

    path: str  # absolute
    sha256: Annotated[str, msgspec.Meta(pattern="^([0-9a-fA-F]{64})?$")] = ""  # of the file, in hex


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
    exported: tuple[Exported, ...] = ()  # facts of findings that administrators' tools get besides the harmless ones

    def __post_init__(self) -> None:
        check_networks(self.certificate_networks or ())

    def module(self, path: str) -> PolicyModule | None:
        """What is said of a module, by whatever name of its file."""
        wanted = os.path.realpath(path)
        return next((module for module in self.modules if os.path.realpath(module.path) == wanted), None)

    def over(self, settings: Settings) -> Settings:
        """The settings, with what the administrator decided in place of the person's own."""
        names = ("timestamp_authorities", "proxy", "certificate_networks", *_DIAGNOSED)
        decided = {name: value for name in names if (value := getattr(self, name)) is not None}
        return msgspec.structs.replace(settings, **decided) if decided else settings


def load_policy(path: Path = POLICY_FILE) -> Policy:
    """Raises SettingsDamaged: a policy that cannot be read is never taken for none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Policy)
    except (FileNotFoundError, NotADirectoryError):
        return Policy()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsDamaged(path=str(path), detail=str(error)) from error
