"""p11-kit's registry: which PKCS#11 modules the packages of a Linux system announce (pkcs11.conf(5)).

p11-kit itself is never loaded: its proxy would put all modules into one process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGES = Path("/usr/share/p11-kit/modules")
SYSTEM = Path("/etc/pkcs11/modules")
_USER = Path("pkcs11", "modules")  # in XDG_CONFIG_HOME
_SUFFIX = ".module"
_LARGEST = 1 << 16  # bytes of a file of the registry
# Where a `module:` without a folder lies; p11-kit has one such folder compiled in, each system another.
_FOLDERS = (
    "/usr/lib/x86_64-linux-gnu/pkcs11",
    "/usr/lib/aarch64-linux-gnu/pkcs11",
    "/usr/lib64/pkcs11",
    "/usr/lib/pkcs11",
)


def registered(platform: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Absolute paths in the order of their files' names; what stands in a user's folder replaces the system's."""
    if platform in ("win32", "darwin"):
        return ()
    entries: dict[str, tuple[str, ...]] = {}
    for folder in (PACKAGES, SYSTEM, *_own(environment)):
        entries |= dict(_entries(folder))
    return tuple(path for name in sorted(entries) for path in entries[name])


def _own(environment: Mapping[str, str]) -> tuple[Path, ...]:
    configuration, home = environment.get("XDG_CONFIG_HOME"), environment.get("HOME")
    if configuration:
        return (Path(configuration) / _USER,)
    return (Path(home) / ".config" / _USER,) if home else ()


def _entries(folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """File names with the paths they announce; a file that cannot be read announces none."""
    try:
        files = sorted(folder.glob(f"*{_SUFFIX}"))
    except OSError:
        return
    for file in files:
        try:
            with file.open("rb") as stream:
                text = stream.read(_LARGEST).decode("utf-8", "replace")
        except OSError:
            continue
        yield file.name, _announced(text)


def _announced(text: str) -> tuple[str, ...]:
    """The paths in one file; none where it is trust anchors or another protocol (`remote:`)."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and not line.lstrip().startswith("#"):
            fields[name.strip()] = value.strip()
    module = fields.get("module", "")
    if not module or fields.get("trust-policy") == "yes" or "\0" in module:
        return ()
    if module.startswith("/"):
        return (module,)
    return tuple(f"{folder}/{module}" for folder in _FOLDERS) if "/" not in module else ()
