"""OpenSC's own ways, as far as they cannot be told through PKCS#11 (version 0.23, framework-pkcs15.c).

Its cards have a PUK and rarely a security officer: C_Login of one that a card has not is always right, and says
nothing. The PUK is taken by C_SetPIN in a session without a login, but only where `user_pin_unblock_style` of
opensc.conf says so; as it is installed it does not, and its other values work for few cards. So we let OpenSC read the
person's file with that one setting changed. A C_SetPIN after a login changes the PIN as ever.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from agent.tokens import vendors

CONF = "OPENSC_CONF"  # environment variable with the path of the file
_CONFS = (
    "/etc/opensc/opensc.conf",
    "/etc/opensc.conf",
    "/usr/local/etc/opensc.conf",
    "/Library/OpenSC/etc/opensc.conf",
)
_CONF_LIMIT = 1 << 20  # bytes
_SETTING = "user_pin_unblock_style = set_pin_in_unlogged_session"
_COMMENT = re.compile(r"(\"[^\"\n]*\")|#[^\n]*")
_STYLE = re.compile(r"\buser_pin_unblock_style\s*=\s*\"?\w+\"?")
_BLOCK = re.compile(r"(?<![-\w])pkcs11(?![-\w])[^;{}]*\{")
_APPLICATION = re.compile(r"\bapp\s+\"?opensc-pkcs11\"?\s*\{")


def is_opensc(path: str) -> bool:
    return vendors.vendor_of(path) == "OpenSC"


@contextlib.contextmanager
def prepared(path: str) -> Iterator[None]:
    """While OpenSC's module is loaded it reads settings with which it takes a PUK; for others nothing is done."""
    if not is_opensc(path):
        yield
        return
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8", errors="surrogateescape") as file:
        file.write(with_setting(_configuration()))
        file.flush()
        before = os.environ.get(CONF)
        os.environ[CONF] = file.name
        try:
            yield
        finally:
            if before is None:
                del os.environ[CONF]
            else:
                os.environ[CONF] = before


def with_setting(text: str) -> str:
    """A configuration with our one setting. OpenSC takes the first block of its own application, then that of
    `default`, so what is there must keep its place."""
    plain = _COMMENT.sub(lambda found: found[1] or "", text)
    if _STYLE.search(plain):
        return _STYLE.sub(_SETTING, plain)
    if _BLOCK.search(plain):
        return _BLOCK.sub(lambda found: f"{found[0]} {_SETTING};", plain)
    block = f"pkcs11 {{ {_SETTING}; }}"
    if _APPLICATION.search(plain):
        return _APPLICATION.sub(lambda found: f"{found[0]} {block}", plain)
    return f"{plain}\napp opensc-pkcs11 {{ {block} }}\n"


def _configuration() -> str:
    """The file that OpenSC would read; empty where there is none."""
    named = os.environ.get(CONF)
    for path in (named,) if named else _CONFS:
        with contextlib.suppress(OSError), Path(path).open(encoding="utf-8", errors="surrogateescape") as file:
            return file.read(_CONF_LIMIT)
    return ""
