"""Streebog by the libraries of the system, through ctypes. Each function gives a maker of digests, or raises OSError,
AttributeError or ValueError where the library is not there, has no Streebog, or will not start.

Calls into a library release the interpreter's lock, so that another thread goes on meanwhile.
"""

from __future__ import annotations

import ctypes
import hashlib
import sys
import weakref
from collections.abc import Callable
from ctypes import POINTER, byref, c_char, c_char_p, c_int, c_size_t, c_uint, c_void_p
from typing import Protocol, TypeAlias


class Running(Protocol):
    """A digest in the making. After `digest` more may be added, as with an object of hashlib."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


Maker: TypeAlias = Callable[[int], Running]  # of a digest of 32 or 64 bytes

# Names that the loader of the system resolves in its own folders, never in the current one.
_GCRYPT = {"win32": "libgcrypt-20.dll", "darwin": "libgcrypt.20.dylib"}.get(sys.platform, "libgcrypt.so.20")
_GNUTLS = {"win32": "libgnutls-30.dll", "darwin": "libgnutls.30.dylib"}.get(sys.platform, "libgnutls.so.30")
_NETTLE = {"win32": "libnettle-8.dll", "darwin": "libnettle.8.dylib"}.get(sys.platform, "libnettle.so.8")

_DISABLE_SECMEM, _FINISHED, _IS_FINISHED = 37, 38, 39  # GCRYCTL_...
_GCRYPT_ALGORITHMS = {32: 309, 64: 310}  # GCRY_MD_STRIBOG256, GCRY_MD_STRIBOG512
_GNUTLS_ALGORITHMS = {32: 16, 64: 17}  # GNUTLS_DIG_STREEBOG_256, GNUTLS_DIG_STREEBOG_512
_NETTLE_CONTEXT = 1024  # bytes; struct streebog512_ctx of nettle 3.8 takes 272
_OPENSSL_NAMES = {32: "md_gost12_256", 64: "md_gost12_512"}  # of gost-engine's provider


def _call(library: ctypes.CDLL, name: str, result: object, *arguments: object) -> Callable[..., int]:
    function = library[name]
    function.restype, function.argtypes = result, arguments  # type: ignore[assignment]  # ctypes takes its own types
    return function


def gcrypt() -> Maker:
    """libgcrypt 1.7 and newer."""
    library = ctypes.CDLL(_GCRYPT)
    check_version = _call(library, "gcry_check_version", c_char_p, c_char_p)
    control = _call(library, "gcry_control", c_uint, c_int, c_int)
    opened = _call(library, "gcry_md_open", c_uint, POINTER(c_void_p), c_int, c_uint)
    write = _call(library, "gcry_md_write", None, c_void_p, c_char_p, c_size_t)
    copy = _call(library, "gcry_md_copy", c_uint, POINTER(c_void_p), c_void_p)
    read = _call(library, "gcry_md_read", c_void_p, c_void_p, c_int)
    close = _call(library, "gcry_md_close", None, c_void_p)
    if not check_version(None):
        raise OSError("libgcrypt does not start")
    if not control(_IS_FINISHED, 0):  # nobody in this process did it before; no secrets are held here
        control(_DISABLE_SECMEM, 0)
        control(_FINISHED, 0)

    class Digest:
        def __init__(self, size: int) -> None:
            self._size = size
            self._handle = c_void_p()
            _check(opened(byref(self._handle), _GCRYPT_ALGORITHMS[size], 0))
            weakref.finalize(self, close, self._handle).atexit = False

        def update(self, data: bytes) -> None:
            write(self._handle, data, len(data))

        def digest(self) -> bytes:
            final = c_void_p()
            _check(copy(byref(final), self._handle))
            try:
                return ctypes.string_at(read(final, _GCRYPT_ALGORITHMS[self._size]), self._size)
            finally:
                close(final)

    return Digest


def gnutls() -> Maker:
    """GnuTLS 3.6.9 and newer."""
    library = ctypes.CDLL(_GNUTLS)
    init = _call(library, "gnutls_hash_init", c_int, POINTER(c_void_p), c_int)
    add = _call(library, "gnutls_hash", c_int, c_void_p, c_char_p, c_size_t)
    copy = _call(library, "gnutls_hash_copy", c_void_p, c_void_p)
    deinit = _call(library, "gnutls_hash_deinit", None, c_void_p, c_void_p)

    class Digest:
        def __init__(self, size: int) -> None:
            self._size = size
            self._handle = c_void_p()
            _check(init(byref(self._handle), _GNUTLS_ALGORITHMS[size]))
            weakref.finalize(self, deinit, self._handle, None).atexit = False

        def update(self, data: bytes) -> None:
            _check(add(self._handle, data, len(data)))

        def digest(self) -> bytes:
            value = ctypes.create_string_buffer(self._size)
            final = copy(self._handle)
            if not final:
                raise OSError("gnutls_hash_copy")
            deinit(final, value)
            return value.raw

    return Digest


def nettle() -> Maker:
    """Nettle 3.8 (soname 8)."""
    library = ctypes.CDLL(_NETTLE)
    context = c_char * _NETTLE_CONTEXT
    update = _call(library, "nettle_streebog512_update", None, c_void_p, c_size_t, c_char_p)  # of both sizes
    init = {size: _call(library, f"nettle_streebog{8 * size}_init", None, c_void_p) for size in (32, 64)}
    final = {
        size: _call(library, f"nettle_streebog{8 * size}_digest", None, c_void_p, c_size_t, c_void_p)
        for size in (32, 64)
    }

    class Digest:
        def __init__(self, size: int) -> None:
            self._size = size
            self._context = context()
            init[size](self._context)

        def update(self, data: bytes) -> None:
            update(self._context, len(data), data)

        def digest(self) -> bytes:
            value = ctypes.create_string_buffer(self._size)
            final[self._size](context.from_buffer_copy(self._context), self._size, value)
            return value.raw

    return Digest


def openssl() -> Maker:
    """hashlib, where this Python's OpenSSL was configured with gost-engine's provider."""
    for name in _OPENSSL_NAMES.values():
        hashlib.new(name)
    return lambda size: hashlib.new(_OPENSSL_NAMES[size])


def _check(status: int) -> None:
    if status:
        raise OSError(f"status {status}")
