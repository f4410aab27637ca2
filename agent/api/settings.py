"""Settings one by one, as windows and commands show and change them: their kind, their value in force, and locks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from agent.config import Settings, load_settings, save_settings
from agent.errors import FileUnwritable, SettingInvalid, SettingLocked
from agent.policy import PERSONAL, Policy

AUTOSTART = "autostart"  # no line of the file: it is an entry of the desktop's


class Setting(NamedTuple):
    """`kind`: text, number, switch, list (of texts or numbers), records (of named texts)."""

    name: str
    kind: str
    value: Any  # in force; what JSON can carry
    default: Any
    locked: str  # "policy": decided by the administrator; "right": takes the right to manage; empty: free


def kind_of(name: str) -> str:
    """Out of the default value, and what a list is a list of."""
    value = getattr(Settings(), name)
    if isinstance(value, bool):
        return "switch"
    if isinstance(value, int):
        return "number"
    if isinstance(value, str):
        return "text"
    field = next(field for field in msgspec.structs.fields(Settings) if field.name == name)
    item = msgspec.inspect.type_info(field.type).item_type  # type: ignore[attr-defined] # every other one is a tuple
    return "records" if isinstance(item, msgspec.inspect.StructType) else "list"


def listed(settings: Settings, policy: Policy, rights: frozenset[str]) -> list[Setting]:
    """Every setting of the file, in the order of the struct, with what policy decided in its place."""
    force, default = msgspec.to_builtins(policy.over(settings)), msgspec.to_builtins(Settings())
    return [
        Setting(name, kind_of(name), force[name], default[name], lock(name, policy, rights))
        for name in Settings.__struct_fields__
    ]


def lock(name: str, policy: Policy, rights: frozenset[str]) -> str:
    if policy.decides(name):
        return "policy"
    return "" if "manage" in rights or name in PERSONAL else "right"


def check_lock(name: str, policy: Policy, rights: frozenset[str]) -> None:
    """Raises SettingLocked."""
    if lock(name, policy, rights):
        raise SettingLocked(setting=name)


def changed(path: Path, name: str, value: Any) -> Settings:
    """The settings with this one changed; None: as Pero has it. Nothing is written.

    Raises SettingInvalid, SettingsDamaged.
    """
    if name not in Settings.__struct_fields__:
        raise SettingInvalid(setting=name, detail="no such setting")
    values = msgspec.to_builtins(load_settings(path))
    values[name] = msgspec.to_builtins(Settings())[name] if value is None else value
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise SettingInvalid(setting=name, detail=str(error)) from error


def keep(path: Path, settings: Settings) -> None:
    """Raises FileUnwritable."""
    save_settings(path, settings)


def set_aside(path: Path) -> Path:
    """A settings file that cannot be read gets another name, and Pero's own settings hold. Raises FileUnwritable."""
    for number in range(1, 1000):
        aside = path.with_name(f"{path.name}.damaged-{number}")
        if not aside.exists():
            break
    try:
        path.replace(aside)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise FileUnwritable(path=str(path), reason=error.strerror or "unwritable") from error
    return aside
