"""Files that commands and windows write: whole or not at all, and never over another one unasked.

Where the system can, the file has no name until it is whole (open(2), O_TMPFILE): a command that is killed leaves
nothing behind. Elsewhere it has one that begins with a dot.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from agent.errors import FileUnwritable

_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS})  # file systems without hard links
_NO_NAMELESS = frozenset({errno.EISDIR, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOENT})


def check_placeable(target: Path, force: bool) -> None:
    """Raises FileUnwritable where a folder stands in the file's place, or a file that may not be overwritten, and where
    no file can be made: before anybody types a PIN for a signature that nobody would get."""
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if is_there(target) and not force:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        with _beside(target):
            pass
    except OSError as error:
        raise _unwritable(target, error) from error


def is_there(target: Path) -> bool:
    """Whether anything has this name, a link to nothing too. Raises OSError for a name that no file can have."""
    try:
        target.lstat()
    except FileNotFoundError:
        return False
    return True


def same(target: Path, file: str) -> bool:
    """Whether the target would take the place of that file."""
    try:
        return target.samefile(file)
    except OSError:
        return False


def check_room(target: Path, size: int) -> None:
    """Raises FileUnwritable where the disk has no room for so many bytes."""
    try:
        free = shutil.disk_usage(target.parent).free
    except OSError as error:
        raise _unwritable(target, error) from error
    if free < size:
        raise FileUnwritable(path=str(target), reason=os.strerror(errno.ENOSPC))


def write(target: Path, content: bytes, force: bool) -> None:
    """Without `force` a file that came there meanwhile stays. Raises FileUnwritable."""
    write_by(target, lambda file: file.write(content), force)


class Begun(NamedTuple):
    """A new file in its target's folder, and what puts it in the target's place."""

    file: BinaryIO
    put: Callable[[bool], None]  # told whether it may overwrite


@contextlib.contextmanager
def begun(target: Path) -> Iterator[Begun | None]:
    """A file that has no name until `write_by` gives it one, to be written over a longer time: whatever ends this, it
    is gone with it. None where the system has no such files. Raises FileUnwritable."""
    try:
        nameless = _nameless(target.parent)
    except OSError as error:
        raise _unwritable(target, error) from error
    if nameless is None:
        yield None
        return
    with os.fdopen(nameless, "wb") as file:
        yield _named_later(file, target)


def write_by(target: Path, fill: Callable[[BinaryIO], object], force: bool, begun_before: Begun | None = None) -> None:
    """The same of a content that `fill` writes. Raises FileUnwritable, and what `fill` raises."""
    try:
        with contextlib.nullcontext(begun_before) if begun_before else _beside(target) as (file, put):
            fill(file)
            file.flush()
            os.fsync(file.fileno())
            put(force)
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(target: Path, error: OSError) -> FileUnwritable:
    return FileUnwritable(path=str(target), reason=error.strerror or str(error))


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Begun]:
    nameless = _nameless(target.parent)
    if nameless is not None:
        with os.fdopen(nameless, "wb") as file:
            yield _named_later(file, target)
        return
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o666 & ~_umask())
            yield Begun(file, lambda force: _put(name, target, force))
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108 - a name from mkstemp


def _named_later(file: BinaryIO, target: Path) -> Begun:
    return Begun(file, lambda force: _name(file.fileno(), target, force))


def _nameless(folder: Path) -> int | None:
    """A descriptor; None where the system or this file system has no such files."""
    kind = getattr(os, "O_TMPFILE", None)
    if kind is None or not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.open(folder, kind | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in _NO_NAMELESS:
            return None
        raise


def _name(descriptor: int, target: Path, force: bool) -> None:
    """linkat(2) follows the link in /proc. It never overwrites: where that is wanted, by way of a second name."""
    if not force:
        _link(descriptor, target)
        return
    second = target.with_name(f".{target.name}.{os.getpid()}")
    _link(descriptor, second)
    try:
        second.replace(target)
    except BaseException:
        second.unlink()
        raise


def _link(descriptor: int, name: Path) -> None:
    folder = os.open(name.parent, os.O_RDONLY)
    try:  # given a folder's descriptor, Python calls linkat; else it calls link, which does not follow
        os.link(f"/proc/self/fd/{descriptor}", name, src_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _put(name: str, target: Path, force: bool) -> None:
    if not force:
        try:
            os.link(name, target)  # refuses to overwrite, which rename does not
            return
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    os.replace(name, target)  # noqa: PTH105


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
