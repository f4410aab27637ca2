"""ACTIONS: all that is ever done with administrator rights. Programs of the system with fixed words; what they are
about (a device, a user) is checked letter by letter before it stands in one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from agent.diagnostics.mending.base import Command
from agent.errors import MendFailed

UDEV_RULES, POLKIT_RULES = "/etc/udev/rules.d", "/etc/polkit-1/rules.d"
_USB = re.compile(r"([0-9A-F]{4}):([0-9A-F]{4})")
_USER = re.compile(r"([0-9]{1,10}):([a-z_][a-z0-9_.-]{0,31})")
_POLKIT = """// Written by Pero: lets {name} use the smart-card service from every session, remote ones too.
polkit.addRule(function(action, subject) {{
    if ((action.id == "org.debian.pcsc-lite.access_pcsc" || action.id == "org.debian.pcsc-lite.access_card") &&
            subject.user == "{name}") {{
        return polkit.Result.YES;
    }}
}});
"""
_UDEV = """# Written by Pero: lets the smart-card service use this device.
ACTION!="remove", SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", ATTR{{idVendor}}=="{vendor}", \
ATTR{{idProduct}}=="{product}", GROUP="pcscd", MODE="0660"
"""


class Action(NamedTuple):
    """Both get the subject; raise MendFailed where it is none that fits."""

    do: Callable[[str], Command]
    undo: Callable[[str], tuple[Command, ...]]
    path: Callable[[str], str] | None = None  # of the file that `do` writes from what it is given


def udev_path(subject: str) -> str:
    vendor, product = _parts(_USB, subject)
    return f"{UDEV_RULES}/92-pero-{vendor}-{product}.rules".lower()


def polkit_path(subject: str) -> str:
    """Before the distribution's own rules, after those that an administrator numbered lower."""
    number, _name = _parts(_USER, subject)
    return f"{POLKIT_RULES}/45-pero-pcsc-{number}.rules"


def _udev_rule(subject: str) -> Command:
    vendor, product = _parts(_USB, subject)
    return _put(udev_path(subject), _UDEV.format(vendor=vendor.lower(), product=product.lower()))


def _udev_trigger(subject: str) -> Command:
    vendor, product = (part.lower() for part in _parts(_USB, subject))
    return Command(("udevadm", "trigger", "--action=change", "--subsystem-match=usb", f"--attr-match=idVendor={vendor}",
                    f"--attr-match=idProduct={product}"))  # fmt: skip


def _polkit_rule(subject: str) -> Command:
    return _put(polkit_path(subject), _POLKIT.format(name=_parts(_USER, subject)[1]))


def _put(path: str, content: str) -> Command:
    return Command(("install", "-m", "0644", "/dev/stdin", path), content.encode())


def _parts(pattern: re.Pattern[str], subject: str) -> tuple[str, str]:
    match = pattern.fullmatch(subject)
    if match is None:
        raise MendFailed(step="subject", reason="not a name or number of the expected form")
    return match[1], match[2]


def _plain(*words: str) -> Callable[[str], Command]:
    """An action that is about nothing in particular."""
    return lambda _subject: Command(words)


def _then(*commands: tuple[str, ...]) -> Callable[[str], tuple[Command, ...]]:
    return lambda _subject: tuple(Command(words) for words in commands)


ACTIONS: Mapping[str, Action] = {
    "pcscd_enable": Action(
        _plain("systemctl", "enable", "--now", "pcscd.socket"), _then(("systemctl", "disable", "--now", "pcscd.socket"))
    ),
    "pcscd_start": Action(
        _plain("systemctl", "start", "pcscd.socket"), _then(("systemctl", "stop", "pcscd.socket", "pcscd.service"))
    ),
    "pcscd_restart": Action(_plain("systemctl", "restart", "pcscd.socket", "pcscd.service"), _then()),
    "time_kept": Action(_plain("timedatectl", "set-ntp", "true"), _then(("timedatectl", "set-ntp", "false"))),
    "udev_rule": Action(_udev_rule, lambda subject: (Command(("rm", "-f", udev_path(subject))),), udev_path),
    "udev_trigger": Action(_udev_trigger, _then()),
    "polkit_rule": Action(_polkit_rule, lambda subject: (Command(("rm", "-f", polkit_path(subject))),), polkit_path),
}
