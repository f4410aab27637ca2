"""What is read from the header of a library. Headers are packed by the specifications of the formats, and programs
that compilers made for other systems are read too."""

from __future__ import annotations

import hashlib
import importlib.util
import struct
import subprocess
from pathlib import Path

import pytest

from agent.errors import ModuleForbidden, ModuleUnloadable
from agent.tokens.binaries import Binary, check, inspect, ours
from tests.harness.places import built_fault_module
from tests.harness.softhsm import MODULE


def elf(machine: int, *, bits: int = 64, order: str = "<", kind: int = 3) -> bytes:
    """System V gABI, chapter 4: e_ident, e_type, e_machine, e_version and the rest of the header as zeros."""
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    return ident + struct.pack(f"{order}HHI", kind, machine, 1) + bytes(40 if bits == 64 else 28)


def pe(machine: int, *, characteristics: int = 0x2022) -> bytes:
    """A DOS header with e_lfanew at 0x3C, the signature, the COFF file header."""
    dos = b"MZ" + bytes(0x3A) + struct.pack("<I", 0x80)
    coff = struct.pack("<HHIIIHH", machine, 3, 0, 0, 0, 0xF0, characteristics)
    return dos.ljust(0x80, b"\0") + b"PE\0\0" + coff


def mach(cpu: int, *, order: str = "<", kind: int = 6) -> bytes:
    """struct mach_header or mach_header_64; the 64-bit magic for CPU types with CPU_ARCH_ABI64."""
    magic = 0xFEEDFACF if cpu & 0x01000000 else 0xFEEDFACE
    return struct.pack(f"{order}IIIIIII", magic, cpu, 0, kind, 0, 0, 0)


def fat(*cpus: int, wide: bool = False) -> bytes:
    """struct fat_header and fat_arch or fat_arch_64, in big-endian order."""
    entry = (lambda cpu: struct.pack(">IIQQII", cpu, 0, 0x4000, 0x1000, 14, 0)) if wide else (
        lambda cpu: struct.pack(">IIIII", cpu, 0, 0x4000, 0x1000, 14)
    )  # fmt: skip
    return struct.pack(">II", 0xCAFEBABF if wide else 0xCAFEBABE, len(cpus)) + b"".join(map(entry, cpus))


X86, X86_64, ARM64 = 7, 0x01000007, 0x0100000C  # CPU_TYPE_... of <mach/machine.h>


@pytest.mark.parametrize(
    ("header", "system", "architectures"),
    [
        (elf(62), "ELF", ("x86_64",)),
        (elf(3, bits=32), "ELF", ("x86",)),
        (elf(62, bits=32), "ELF", ("x32",)),
        (elf(183), "ELF", ("arm64",)),
        (elf(40, bits=32), "ELF", ("arm",)),
        (elf(175), "ELF", ("e2k",)),
        (elf(21, order=">"), "ELF", ("ppc64",)),
        (elf(21), "ELF", ("ppc64le",)),
        (elf(9999), "ELF", ("machine 9999",)),
        (pe(0x8664), "PE", ("x86_64",)),
        (pe(0x014C), "PE", ("x86",)),
        (pe(0xAA64), "PE", ("arm64",)),
        (mach(X86_64), "Mach-O", ("x86_64",)),
        (mach(X86), "Mach-O", ("x86",)),
        (mach(18, order=">"), "Mach-O", ("ppc",)),
        (mach(ARM64, kind=8), "Mach-O", ("arm64",)),
        (fat(X86_64, ARM64), "Mach-O", ("x86_64", "arm64")),
        (fat(X86, X86_64, wide=True), "Mach-O", ("x86", "x86_64")),
    ],
)
def test_the_header_tells_format_and_architecture(header: bytes, system: str, architectures: tuple[str, ...]) -> None:
    assert inspect(header) == Binary(system, architectures, library=True)


@pytest.mark.parametrize(
    "header",
    [elf(62, kind=2), elf(62, kind=1), pe(0x8664, characteristics=0x22), mach(ARM64, kind=2)],
    ids=["ELF program", "ELF object", "PE program", "Mach-O program"],
)
def test_a_program_is_no_library(header: bytes) -> None:
    found = inspect(header)
    assert found
    assert not found.library


@pytest.mark.parametrize(
    "header",
    [
        b"", b"\x7fELF", elf(62)[:17], b"MZ", pe(0x8664)[:0x84], b"MZ" + b"\xff" * 0x50, b"\xcf\xfa\xed\xfe\1",
        struct.pack(">IHH", 0xCAFEBABE, 0, 65) + b"class",  # Java, version 65
        fat(X86_64)[:9], b"#!/bin/sh\n", b"INPUT(libother.so)", b"!<arch>\n",
    ],
)  # fmt: skip
def test_what_is_cut_off_or_something_else_is_none(header: bytes) -> None:
    assert inspect(header) is None


def test_real_programs_of_another_system_are_read() -> None:
    """pip carries launchers for Windows, which Microsoft's compiler made."""
    found = importlib.util.find_spec("pip")
    assert found
    assert found.origin
    launchers = Path(found.origin).parent / "_vendor" / "distlib"
    read = {name: inspect((launchers / f"{name}.exe").read_bytes()) for name in ("t32", "t64", "t64-arm")}
    assert read == {
        "t32": Binary("PE", ("x86",), library=False),
        "t64": Binary("PE", ("x86_64",), library=False),
        "t64-arm": Binary("PE", ("arm64",), library=False),
    }


def test_real_libraries_of_this_system_are_as_readelf_says() -> None:
    for path in (MODULE, built_fault_module()):
        said = subprocess.run(["readelf", "-h", path], capture_output=True, text=True, check=True).stdout
        found = inspect(Path(path).read_bytes())
        assert found
        assert f"Machine:{' ' * 27}{MACHINES[found.architectures[0]]}" in said
        assert "DYN (Shared object file)" in said
        check(path)


MACHINES = {"x86_64": "Advanced Micro Devices X86-64", "arm64": "AArch64"}


def test_what_the_compiler_makes_for_the_other_word_size_is_told_apart(tmp_path: Path) -> None:
    """An object for 32 bits needs no library of that size, so that every x86 compiler makes it."""
    if ours().architectures != ("x86_64",):
        return
    (tmp_path / "empty.c").write_text("int one(void) { return 1; }\n")
    subprocess.run(["gcc", "-m32", "-c", "empty.c", "-o", "empty.o"], cwd=tmp_path, check=True)
    subprocess.run(["ld", "-m", "elf_i386", "-shared", "empty.o", "-o", "empty.so"], cwd=tmp_path, check=True)
    with pytest.raises(ModuleUnloadable) as raised:
        check(str(tmp_path / "empty.so"))
    assert raised.value.facts == {
        "module": str(tmp_path / "empty.so"), "reason": "architecture", "found": "ELF x86", "needed": "ELF x86_64",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "reason", "found"),
    [
        (elf(9999), "architecture", "ELF machine 9999"),
        (pe(0x8664), "format", "PE x86_64"),
        (fat(X86_64, ARM64), "format", "Mach-O x86_64, arm64"),
        (b"just text", "format", ""),
        (b"", "format", ""),
    ],
)
def test_what_cannot_be_loaded_here_is_refused_with_its_reason(
    tmp_path: Path, content: bytes, reason: str, found: str
) -> None:
    path = tmp_path / "module.so"
    path.write_bytes(content)
    with pytest.raises(ModuleUnloadable) as raised:
        check(str(path))
    assert raised.value.facts == {"module": str(path), "reason": reason, "found": found, "needed": str(ours())}


def test_a_program_of_this_system_is_refused(tmp_path: Path) -> None:
    own = ours()
    machine = {"x86_64": 62, "arm64": 183}[own.architectures[0]]
    (tmp_path / "program").write_bytes(elf(machine, kind=2))
    with pytest.raises(ModuleUnloadable) as raised:
        check(str(tmp_path / "program"))
    assert raised.value.facts["reason"] == "no_library"


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModuleUnloadable) as raised:
        check(str(tmp_path / "missing.so"))
    assert raised.value.facts["reason"] == "No such file or directory"


def test_a_name_without_a_folder_is_left_to_the_loader() -> None:
    check("libc.so.6")


def test_another_digest_than_the_wanted_one_is_forbidden() -> None:
    right = hashlib.sha256(Path(MODULE).read_bytes()).hexdigest()
    check(MODULE, right)
    check(MODULE, right.upper())
    with pytest.raises(ModuleForbidden) as raised:
        check(MODULE, "0" * 64)
    assert raised.value.facts == {"module": MODULE, "reason": "changed"}
