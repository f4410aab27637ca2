"""Before and around a login: the token found again, its flags put into words, the length of a PIN, what a try cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from agent.errors import (
    LastTryUnconfirmed,
    PeroError,
    PinIncorrect,
    PinLength,
    PinLocked,
    PinNotSet,
    SoPinIncorrect,
    SoPinLocked,
    TokenAbsent,
    TokenFailed,
    TokenReadOnly,
)
from agent.ipc.pin import Ask, Pin, Purpose
from agent.model import TokenState
from agent.tokens import defaults, pkcs11
from agent.tokens.backend import Accept

# CK_TOKEN_INFO flags, PKCS#11 v2.40 section 3.2
WRITE_PROTECTED, LOGIN_REQUIRED, PIN_INITIALIZED, PROTECTED_PATH, TOKEN_INITIALIZED = 0x2, 0x4, 0x8, 0x100, 0x400
PIN_COUNT_LOW, PIN_FINAL_TRY, PIN_LOCKED, PIN_TO_BE_CHANGED = 0x10000, 0x20000, 0x40000, 0x80000
SO_COUNT_LOW, SO_FINAL_TRY, SO_LOCKED = 0x100000, 0x200000, 0x400000

_PIN_SANE = 4096  # bytes; above it a module's ulMaxPinLen says nothing


def find_token(module: pkcs11.Module, wanted: TokenState) -> tuple[int, pkcs11.TokenInfo]:
    """It may have been moved to another slot meanwhile. Raises TokenAbsent."""
    for slot in sorted(module.slots(), key=lambda number: number != wanted.slot):
        with suppress(TokenAbsent, TokenFailed):  # some modules have no better word for a token that was pulled out
            info = module.token_info(slot)
            if (info.label, info.serial, info.model) == (wanted.label, wanted.serial, wanted.model):
                return slot, info
    raise TokenAbsent(token=wanted.label, module=module.path)


def ask_user(info: pkcs11.TokenInfo, *, retry: bool = False) -> Ask:
    """The question for the user PIN. Raises PinLocked, PinNotSet."""
    flags = info.flags
    if flags & PIN_LOCKED:
        raise PinLocked(token=info.label)
    if flags & LOGIN_REQUIRED and not flags & PIN_INITIALIZED:
        raise PinNotSet(token=info.label)
    return _ask(info, "pin", retry, bool(flags & PIN_COUNT_LOW), bool(flags & PIN_FINAL_TRY))


def ask_officer(info: pkcs11.TokenInfo, purpose: Purpose, *, retry: bool = False) -> Ask:
    """The question for the security officer's PIN, or for the PUK. Raises SoPinLocked."""
    if info.flags & SO_LOCKED:
        raise SoPinLocked(token=info.label)
    return _ask(info, purpose, retry, bool(info.flags & SO_COUNT_LOW), bool(info.flags & SO_FINAL_TRY))


def ask_new(info: pkcs11.TokenInfo) -> Ask:
    return _ask(info, "new_pin", False, False, False)


def _ask(info: pkcs11.TokenInfo, purpose: Purpose, retry: bool, low: bool, final: bool) -> Ask:
    minimum, maximum = limits(info)
    return Ask(
        purpose=purpose,
        retry=retry,
        count_low=low,
        final_try=final,
        protected_path=bool(info.flags & PROTECTED_PATH),
        minimum=minimum,
        maximum=maximum,
    )


def check_writable(info: pkcs11.TokenInfo) -> None:
    """Raises TokenReadOnly."""
    if info.flags & WRITE_PROTECTED:
        raise TokenReadOnly(token=info.label)


def limits(info: pkcs11.TokenInfo) -> tuple[int, int]:
    """The shortest and the longest PIN in bytes."""
    maximum = info.maximum_pin if 0 < info.maximum_pin <= _PIN_SANE else _PIN_SANE
    return max(1, info.minimum_pin), maximum


def secret_of(pin: Pin, info: pkcs11.TokenInfo) -> bytes | None:
    """What C_Login takes; None where the PIN is typed at the reader. Raises PinLength, so that no try is spent."""
    if info.flags & PROTECTED_PATH:
        return None
    minimum, maximum = limits(info)
    if not minimum <= len(pin) <= maximum:
        raise PinLength(minimum=minimum, maximum=maximum)
    return pin.reveal()


def check_last_try(agreed: bool, info: pkcs11.TokenInfo, *, officer: bool = False) -> None:
    """Right before a secret is tried: tries may have been spent elsewhere since it was asked for. `agreed`: to spend
    the last one. Raises LastTryUnconfirmed."""
    if info.flags & (SO_FINAL_TRY if officer else PIN_FINAL_TRY) and not agreed:
        raise LastTryUnconfirmed(token=info.label, officer=officer)


@contextmanager
def logged_in(
    session: pkcs11.Session, info: pkcs11.TokenInfo, secret: bytes | None, accepted: Accept, *, officer: bool = False
) -> Iterator[None]:
    """The login lasts as long as the block. Raises PinIncorrect, SoPinIncorrect, PinLength, ... (see `judged`)."""
    try:
        session.login(secret, officer=officer)
    except PeroError as error:
        raise _length(error, info) from error
    try:
        accepted(default_pin=secret is not None and defaults.is_default(info, secret, officer=officer))
        yield
    finally:
        session.logout()


def _length(error: PeroError, info: pkcs11.TokenInfo) -> PeroError:
    if error.facts.get("return_code") == "CKR_PIN_LEN_RANGE":
        minimum, maximum = limits(info)
        return PinLength(minimum=minimum, maximum=maximum)
    return error


def judged(module: pkcs11.Module, slot: int, *, officer: bool = False) -> PeroError:
    """After a wrong PIN: what the token says of its tries now; it may have locked itself with this one."""
    info = module.token_info(slot)
    flags = info.flags >> 4 if officer else info.flags  # the officer's flags stand four bits higher
    if flags & PIN_LOCKED:
        return SoPinLocked(token=info.label) if officer else PinLocked(token=info.label)
    low, final = bool(flags & PIN_COUNT_LOW), bool(flags & PIN_FINAL_TRY)
    left = 1 if final else None
    if officer:
        return SoPinIncorrect(token=info.label, tries_left=left, count_low=low, final_try=final)
    return PinIncorrect(tries_left=left, count_low=low, final_try=final)
