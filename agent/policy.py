"""What the administrator of the machine decided; the person cannot change it. A missing file allows all of it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from agent.errors import SettingsDamaged

POLICY_FILE = Path("/etc/pero/policy.json")


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    allow_unattended: bool = True  # `--pin-fd` signs without the window
    allow_loopback: bool = True  # the WebSocket on 127.0.0.1 and ::1


def load_policy(path: Path = POLICY_FILE) -> Policy:
    """Raises SettingsDamaged: a policy that cannot be read is never taken for none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Policy)
    except (FileNotFoundError, NotADirectoryError):
        return Policy()
    except (OSError, msgspec.MsgspecError) as error:
        raise SettingsDamaged(path=str(path), detail=str(error)) from error
