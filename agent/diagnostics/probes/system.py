"""The system around us: its kind, how programs are installed on it, processes, sandboxes, the kind of session."""

from __future__ import annotations

import contextlib
import os
import pwd
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from agent.errors import Fact

_DEBIAN, _REDHAT, _ALT, _ARCH, _SUSE = "debian", "redhat", "alt", "arch", "suse"
_FAMILIES: tuple[tuple[str, tuple[str, ...]], ...] = (  # ID or ID_LIKE of os-release(5)
    (_ALT, ("altlinux", "alt")),
    (_DEBIAN, ("debian", "ubuntu", "astra", "linuxmint")),
    (_REDHAT, ("fedora", "rhel", "centos", "redos", "rosa", "rocky", "almalinux")),
    (_SUSE, ("suse", "opensuse")),
    (_ARCH, ("arch",)),
)
_INSTALL = {
    _DEBIAN: "sudo apt install {}",
    _REDHAT: "sudo dnf install {}",
    _ALT: "sudo apt-get install {}",
    _SUSE: "sudo zypper install {}",
    _ARCH: "sudo pacman -S {}",
}
# What holds it, by family; a name that all families share stands under "".
_PACKAGES: dict[str, dict[str, str]] = {
    "pcscd": {"": "pcscd", _REDHAT: "pcsc-lite", _ALT: "pcsc-lite", _SUSE: "pcsc-lite", _ARCH: "pcsclite"},
    "pcsc_library": {"": "libpcsclite1", _REDHAT: "pcsc-lite-libs", _ALT: "libpcsclite", _ARCH: "pcsclite"},
    "ccid": {"": "libccid", _REDHAT: "pcsc-lite-ccid", _ALT: "pcsc-lite-ccid", _SUSE: "pcsc-ccid", _ARCH: "ccid"},
    "opensc": {"": "opensc"},
    "chrony": {"": "chrony"},
}
_PROGRAMS = ("usr/sbin", "usr/bin", "usr/local/sbin", "usr/local/bin")
_HYPERVISORS = ("QEMU", "VMware", "innotek", "Xen", "Parallels")  # sys_vendor of SMBIOS
_ANCHORS = "/etc/pki/ca-trust/source/anchors/"
_STORE = {
    _DEBIAN: "sudo cp ROOT.crt /usr/local/share/ca-certificates/ && sudo update-ca-certificates",
    _REDHAT: f"sudo cp ROOT.crt {_ANCHORS} && sudo update-ca-trust",
    _ALT: f"sudo cp ROOT.crt {_ANCHORS} && sudo update-ca-trust",
    _SUSE: "sudo cp ROOT.crt /etc/pki/trust/anchors/ && sudo update-ca-certificates",
    _ARCH: "sudo trust anchor ROOT.crt",
}
SYSTEMS = {"win32": "windows", "darwin": "macos"}  # whose ways differ from those of Linux
_REMOTE = ("SSH_CONNECTION", "XRDP_SESSION", "SM_REMOTESESSION")


class Process(NamedTuple):
    pid: int
    name: str
    user: int  # effective
    groups: frozenset[int]


class System(Protocol):
    def name(self) -> str:
        """What the system calls itself."""
        ...

    def differs(self) -> dict[str, Fact]:
        """The fact `system` where it is none of Linux: advice then names its menus."""
        ...

    def user(self) -> str:
        """The name of this user; empty where the system does not know it."""
        ...

    def virtual(self) -> bool:
        """Whether this machine is played by a hypervisor."""
        ...

    def has_program(self, name: str) -> bool:
        """Whether a program of the system is installed ("pcscd")."""
        ...

    def install(self, part: str) -> str:
        """The command that installs a part of the table, here; the bare name where the system is not known."""
        ...

    def store(self) -> str:
        """The command that puts a root among those that the system trusts, here."""
        ...

    def remote(self) -> str:
        """What says that the session is somebody's from elsewhere ("SSH_CONNECTION"); empty: it is local."""
        ...

    def sandbox(self) -> str:
        """ "flatpak", "snap", "container" or nothing."""
        ...

    def hides_processes(self) -> bool:
        """Whether /proc is mounted with hidepid: pcscd then cannot ask polkit about its clients."""
        ...

    def running(self) -> frozenset[str]:
        """The names of all processes that we may see, as comm in proc(5) has them."""
        ...

    def processes(self, name: str) -> list[Process]:
        """Those of this name that we may see."""
        ...


class LinuxSystem:
    def __init__(self, environment: Mapping[str, str], root: Path = Path("/"), platform: str = sys.platform) -> None:
        self._platform = platform
        self._environment = environment
        self._root = root

    def name(self) -> str:
        return self._release().get("PRETTY_NAME", sys.platform)

    def differs(self) -> dict[str, Fact]:
        return {"system": SYSTEMS[self._platform]} if self._platform in SYSTEMS else {}

    def user(self) -> str:
        try:
            return pwd.getpwuid(os.geteuid()).pw_name
        except KeyError:
            return ""

    def virtual(self) -> bool:
        """By the flag that x86 has for it, and by what firmware and device tree say (systemd-detect-virt(1))."""
        for line in _text(self._root / "proc/cpuinfo").splitlines():
            if line.startswith("flags"):
                return "hypervisor" in line.split()
        maker = _text(self._root / "sys/class/dmi/id/sys_vendor").strip()
        return maker.startswith(_HYPERVISORS) or (self._root / "proc/device-tree/hypervisor").exists()

    def has_program(self, name: str) -> bool:
        return any((self._root / folder / name).exists() for folder in _PROGRAMS)

    def install(self, part: str) -> str:
        family = self._family()
        names = _PACKAGES[part]
        package = names.get(family) or names[""]
        return _INSTALL.get(family, "{}").format(package)

    def store(self) -> str:
        return _STORE.get(self._family(), _STORE[_ARCH])

    def remote(self) -> str:
        return next((name for name in _REMOTE if self._environment.get(name)), "")

    def sandbox(self) -> str:
        if (self._root / ".flatpak-info").exists():
            return "flatpak"
        if self._environment.get("SNAP_NAME"):
            return "snap"
        marks = (".dockerenv", "run/.containerenv")
        return "container" if any((self._root / mark).exists() for mark in marks) else ""

    def hides_processes(self) -> bool:
        hidden = False
        for line in _text(self._root / "proc/self/mounts").splitlines():
            fields = line.split()
            if len(fields) > 3 and fields[1:3] == ["/proc", "proc"]:  # the last one mounted is the one that is seen
                options = dict(option.partition("=")[::2] for option in fields[3].split(","))
                hidden = options.get("hidepid", "0") in ("1", "2", "noaccess", "invisible", "4", "ptraceable")
        return hidden

    def running(self) -> frozenset[str]:
        return frozenset(_text(path).strip() for path in (self._root / "proc").glob("[0-9]*/comm"))

    def processes(self, name: str) -> list[Process]:
        found = []
        for folder in (self._root / "proc").glob("[0-9]*"):
            if _text(folder / "comm").strip() == name:
                found += list(_process(int(folder.name), name, _text(folder / "status")))
        return found

    def _family(self) -> str:
        release = self._release()
        said = f"{release.get('ID', '')} {release.get('ID_LIKE', '')}".split()
        return next((family for family, names in _FAMILIES if set(names) & set(said)), "")

    def _release(self) -> dict[str, str]:
        text = _text(self._root / "etc/os-release") or _text(self._root / "usr/lib/os-release")
        values = {}
        for line in text.splitlines():
            name, equals, value = line.partition("=")
            if equals:
                with contextlib.suppress(ValueError):
                    values[name] = " ".join(shlex.split(value))
        return values


def _process(pid: int, name: str, status: str) -> Iterator[Process]:
    """Out of /proc/PID/status (proc(5)): the second number of Uid and Gid is the effective one."""
    rows = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    if "Uid" in rows and "Gid" in rows:
        groups = {int(rows["Gid"].split()[1]), *map(int, rows.get("Groups", "").split())}
        yield Process(pid, name, int(rows["Uid"].split()[1]), frozenset(groups))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
