"""OpenSC's own ways, as far as they cannot be told through PKCS#11 (version 0.23, framework-pkcs15.c).

Its cards have a PUK and rarely a security officer: C_Login of one that a card has not is always right, and says
nothing. The PUK is taken by C_SetPIN or C_InitPIN only where `user_pin_unblock_style` of opensc.conf says in which of
them, and in a fresh installation it does not. There we let it read the same file with that one line more.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from agent.tokens import vendors

if TYPE_CHECKING:
    from agent.tokens.writing import WritableSession

CONF = "OPENSC_CONF"  # environment variable with the path of the file
_CONFS = (
    "/etc/opensc/opensc.conf",
    "/etc/opensc.conf",
    "/usr/local/etc/opensc.conf",
    "/Library/OpenSC/etc/opensc.conf",
)
_CONF_LIMIT = 1 << 20  # bytes
UNLOGGED, CONTEXT, OFFICER = "set_pin_in_unlogged_session", "set_pin_in_specific_context", "init_pin_in_so_session"
_STYLE = re.compile(r"\buser_pin_unblock_style\s*=\s*\"?(\w+)")
_BLOCK = re.compile(r"\bpkcs11\b[^;{]*\{|\bapp\s+\"?opensc-pkcs11\b")
_OURS = f"\napp opensc-pkcs11 {{\n\tpkcs11 {{\n\t\tuser_pin_unblock_style = {UNLOGGED};\n\t}}\n}}\n"


def is_opensc(path: str) -> bool:
    return vendors.vendor_of(path) == "OpenSC"


@contextlib.contextmanager
def prepared(path: str) -> Iterator[str]:
    """While OpenSC's module is loaded: the way in which it will take a PUK; empty where in none, and for others."""
    if not is_opensc(path):
        yield ""
        return
    text = _configuration()
    active = re.sub(r"#[^\n]*", "", text)
    style = _STYLE.search(active)
    if style or _BLOCK.search(active):  # the person's own settings stand
        yield style[1] if style and style[1] in (UNLOGGED, CONTEXT, OFFICER) else ""
        return
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text + _OURS)
        file.flush()
        before = os.environ.get(CONF)
        os.environ[CONF] = file.name
        try:
            yield UNLOGGED
        finally:
            if before is None:
                del os.environ[CONF]
            else:
                os.environ[CONF] = before


def _configuration() -> str:
    """The file that OpenSC would read; empty where there is none."""
    named = os.environ.get(CONF)
    for path in (named,) if named else _CONFS:
        with contextlib.suppress(OSError), Path(path).open(encoding="utf-8", errors="surrogateescape") as file:
            return file.read(_CONF_LIMIT)
    return ""


def unblock(session: WritableSession, style: str, puk: bytes, new: bytes) -> None:
    """Raises PinIncorrect and PinLocked of the PUK."""
    if style == UNLOGGED:
        session.set_pin(puk, new)
    elif style == CONTEXT:
        session.login(None, context_specific=True)  # no login: it says what C_SetPIN means
        session.set_pin(puk, new)
    else:
        session.login(puk, officer=True)
        try:
            session.init_pin(new)
        finally:
            session.logout()
