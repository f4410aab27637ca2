"""What a library is built for, read from its header before anything loads it: ELF, PE and Mach-O, both word sizes.

Sources: System V gABI chapter 4 (ELF header), Microsoft's PE format (COFF file header), Apple's <mach-o/loader.h> and
<mach-o/fat.h>. Only the header is read: whether the library is whole and finds its own libraries, the loader tells.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import platform
import struct
import sys
from pathlib import Path
from typing import NamedTuple

from agent.errors import ModuleForbidden, ModuleUnloadable

_HEADER = 4096  # bytes that are read
_MACHINES = {3: "x86", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390", 40: "arm", 43: "sparc64", 62: "x86_64",
             183: "arm64", 243: "riscv", 258: "loongarch", 0xAF: "e2k"}  # fmt: skip
_PE_MACHINES = {0x014C: "x86", 0x8664: "x86_64", 0xAA64: "arm64", 0x01C0: "arm", 0x01C4: "arm", 0x0200: "ia64"}
_CPU_TYPES = {7: "x86", 0x01000007: "x86_64", 12: "arm", 0x0100000C: "arm64", 18: "ppc", 0x01000012: "ppc64"}
_ELF_SHARED = 3  # ET_DYN
_PE_DLL = 0x2000  # IMAGE_FILE_DLL
_MACH_LIBRARIES = (6, 8)  # MH_DYLIB, MH_BUNDLE
_MACH_THIN = {b"\xfe\xed\xfa\xce": ">", b"\xfe\xed\xfa\xcf": ">", b"\xce\xfa\xed\xfe": "<", b"\xcf\xfa\xed\xfe": "<"}
_MACH_FAT = {b"\xca\xfe\xba\xbe": 20, b"\xca\xfe\xba\xbf": 32}  # bytes of an entry
_MOST_ARCHITECTURES = 20  # Java classes begin with the same bytes, and their version stands where this count does
_FORMATS = {"linux": "ELF", "win32": "PE", "darwin": "Mach-O"}


class Binary(NamedTuple):
    """`architectures` are our names for them (``x86_64``), several in a universal file; unknown ones as numbers."""

    format: str  # "ELF", "PE", "Mach-O"
    architectures: tuple[str, ...]
    library: bool  # and not a program

    def __str__(self) -> str:
        return f"{self.format} {', '.join(self.architectures)}"


def inspect(header: bytes) -> Binary | None:
    """What the first bytes of a file say; None where it is none of the formats."""
    try:
        if header[:4] == b"\x7fELF":
            return _elf(header)
        if header[:2] == b"MZ":
            return _pe(header)
        if header[:4] in _MACH_THIN:
            return _mach(header)
        return _universal(header) if header[:4] in _MACH_FAT else None
    except (struct.error, IndexError):
        return None


def check(path: str, sha256: str = "") -> None:
    """Raises ModuleUnloadable where this process cannot load the library. Facts: module, reason, found, needed.

    With `sha256` (hex) also ModuleForbidden where the file has another: whoever can replace it between here and the
    loading is stopped by the file's own rights only.

    `reason`: ``format`` (no library of this system), ``architecture``, ``no_library`` (a program), or why the file
    cannot be read. A name without a folder is left to the loader's own search.
    """
    if not any(separator in path for separator in "/\\"):
        return
    try:
        with Path(path).open("rb") as file:
            header = file.read(_HEADER)
    except OSError as error:
        raise ModuleUnloadable(module=path, reason=error.strerror or "unreadable") from error
    if sha256 and not _has_digest(path, sha256):
        raise ModuleForbidden(module=path, reason="changed")
    found, needed = inspect(header), ours()
    reason = _reason(found, needed)
    if reason:
        raise ModuleUnloadable(module=path, reason=reason, found=str(found) if found else "", needed=str(needed))


def _has_digest(path: str, sha256: str) -> bool:
    with Path(path).open("rb") as file:
        return hmac.compare_digest(hashlib.file_digest(file, "sha256").hexdigest(), sha256.casefold())


def _reason(found: Binary | None, needed: Binary) -> str:
    if found is None or found.format != needed.format:
        return "format"
    if not set(found.architectures) & set(needed.architectures):
        return "architecture"
    return "" if found.library else "no_library"


@functools.cache
def ours() -> Binary:
    """What this process can load: the format of the system, and the architecture that its own program runs as."""
    own = None
    if sys.platform != "darwin":  # there a universal program runs as one of its architectures
        with Path(sys.executable).open("rb") as file:
            own = inspect(file.read(_HEADER))
    if own:
        return own._replace(library=True)
    return Binary(_FORMATS.get(sys.platform, "ELF"), (platform.machine().casefold(),), True)


def _elf(header: bytes) -> Binary:
    order = "<" if header[5] == 1 else ">"
    kind, machine = struct.unpack_from(f"{order}HH", header, 16)
    name = _MACHINES.get(machine, f"machine {machine}")
    long = header[4] == 2
    if name in ("mips", "riscv", "loongarch") and long:
        name += "64"
    elif name == "x86_64" and not long:
        name = "x32"
    if name == "ppc64" and order == "<":
        name = "ppc64le"
    return Binary("ELF", (name,), kind == _ELF_SHARED)


def _pe(header: bytes) -> Binary | None:
    (start,) = struct.unpack_from("<I", header, 0x3C)
    if header[start : start + 4] != b"PE\0\0":
        return None
    (machine,) = struct.unpack_from("<H", header, start + 4)
    (characteristics,) = struct.unpack_from("<H", header, start + 22)
    return Binary("PE", (_PE_MACHINES.get(machine, f"machine {machine}"),), bool(characteristics & _PE_DLL))


def _mach(header: bytes) -> Binary:
    cpu, _, kind = struct.unpack_from(f"{_MACH_THIN[header[:4]]}III", header, 4)
    return Binary("Mach-O", (_CPU_TYPES.get(cpu, f"cpu {cpu}"),), kind in _MACH_LIBRARIES)


def _universal(header: bytes) -> Binary | None:
    """The parts' own headers lie anywhere in the file; whether they are libraries, the loader tells."""
    (count,) = struct.unpack_from(">I", header, 4)
    if not 0 < count <= _MOST_ARCHITECTURES:
        return None
    size = _MACH_FAT[header[:4]]
    cpus = [struct.unpack_from(">I", header, 8 + size * part)[0] for part in range(count)]
    return Binary("Mach-O", tuple(_CPU_TYPES.get(cpu, f"cpu {cpu}") for cpu in cpus), True)
