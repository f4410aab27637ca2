"""One device, one entry: a token that several modules show is taken from the module that knows it best.

DEVICES says which vendor's module that is, by what the reader, the token and its answer to reset (ATR) say. Sources of
names and ATRs: pcsc-tools' smartcard_list.txt, CCID's supported_readers.txt, OpenSC's card drivers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from agent.model import KEY_FILES, TokenState
from agent.tokens.messages import TokenListing
from agent.tokens.vendors import GENERIC, vendor_of

# Names of PC/SC readers end so: pcsc-lite counts readers and their slots, Windows and macOS count readers.
_READER = re.compile(r".*\S \d\d|.*\S [0-9A-F]{2} [0-9A-F]{2}|.*\S \d", re.DOTALL)
_NO_READER = re.compile(r"\bslot\b", re.IGNORECASE)  # a module's own name for a place
_SHORTEST_SERIAL = 6  # characters; a shorter one tells nothing apart
_READER_SIZE = 60  # bytes of a reader's name that every module keeps (slotDescription holds 64)


# CKA_APPLICATION of other products' containers, and the vendor (of VENDORS) whose module can use them.
CONTAINERS: dict[str, str] = {"CryptoPro CSP": "CryptoPro"}


class Device(NamedTuple):
    """A family of devices. `names`: parts of what the reader, the manufacturer or the model is called, in lower case;
    `atrs`: how the ATR begins, upper-case hex, a dot for any digit; `vendors`: of VENDORS, the best first."""

    vendors: tuple[str, ...]
    names: tuple[str, ...]
    atrs: tuple[str, ...] = ()


DEVICES: tuple[Device, ...] = (
    Device(
        ("Rutoken", "Rutoken S"),
        ("rutoken", "aktiv"),
        ("3B8B015275746F6B656E", "3B888001527453437781", "3B8C8001505C4B71A1527453437781",
         "3B9C96005275746F6B656E", "3B9C94801140", "3B9E96005275746F6B656E", "3B88800152744D43",
         "3B6F00FF00567275546F6B6E73", "3B8B01527450494E"),
    ),
    Device(
        ("JaCarta",),
        ("jacarta", "aladdin r.d", "aladdin rd"),
        ("3BDC18FF8191FE1FC38073C821136601061159", "3BDC18FF8111FE8073C821136601060130"),
    ),
    Device(("ESMART",), ("esmart", "isbc"), ("3B7C95000045534D415254", "3BBE9600004206", "3BBE1800004206")),
    Device(
        ("YubiKey",),
        ("yubikey", "yubico"),
        ("3BFC1300008131FE15597562696B6579", "3BF81300008131FE15597562696B6579",
         "3BFD1300008131FE158073C021C057597562694B6579"),
    ),
    Device(
        ("IDPrime", "SafeNet eToken"),
        ("idprime", "gemalto", "thales"),
        ("3B7F..000080318065B0........120FFE829000",),
    ),
    Device(
        ("SafeNet eToken", "IDPrime"),
        ("etoken", "safenet"),
        ("3BD5180081313A7D8073C8211030", "3BFF9600008131FE4380318065B0"),
    ),
    Device(
        ("SmartCard-HSM",),
        ("smartcard-hsm", "cardcontact"),
        ("3BFE1800008131FE458031815448534D31", "3BDE98FF8191FE1FC38031815448534D31"),
    ),
    Device(("Feitian",), ("feitian", "epass"), ("3B9F958131FE9F0066465305",)),
    Device(("Bit4id",), ("bit4id", "tokenme", "digital-dna")),
    Device(("Athena",), ("athena", "idprotect")),
    Device(("Watchdata",), ("watchdata",)),
    Device(("CSSI",), ("charismathics",)),
    Device(("SafeSign",), ("safesign", "starsign", "a.e.t.")),
    Device(("SoftHSM",), ("softhsm",)),
    Device(("TPM",), ("tpm2", "infineon tpm")),
)  # fmt: skip


class Found(NamedTuple):
    """A token as one module shows it."""

    module: str
    listing: TokenListing


def best(found: Sequence[Found], atrs: Mapping[str, bytes], name: Callable[[str], str] = vendor_of) -> list[Found]:
    """What is left when each device is taken from one module; the order stays. `atrs`: by reader, as far as known.

    Listings without a token and key files stay as they are. `name` gives the vendor of a module.
    """
    order = {module: place for place, module in enumerate(dict.fromkeys(one.module for one in found))}
    taken: dict[int, str] = {}
    for group in _devices(found):
        modules = dict.fromkeys(found[index].module for index in group)
        members = [found[index] for index in group]
        chosen = min(modules, key=lambda module: (*_rank(module, members, atrs, name), order[module]))
        taken |= dict.fromkeys(group, chosen)
    return [one for index, one in enumerate(found) if taken.get(index, one.module) == one.module]


def _devices(found: Sequence[Found]) -> list[list[int]]:
    """Places in `found` of the tokens of each device."""
    groups: list[list[int]] = []
    for index, one in enumerate(found):
        if one.listing.token is None or one.module == KEY_FILES:
            continue
        same = [group for group in groups if any(_same(found[other], one) for other in group)]
        groups = [group for group in groups if group not in same]
        groups.append([*(other for group in same for other in group), index])
    return groups


def _same(one: Found, other: Found) -> bool:
    """Whether two rows are of one device: the same reader, or a serial number that is no accident."""
    first, second = one.listing.token, other.listing.token
    if first is None or second is None:
        return False
    if _reader(first) and _reader(first) == _reader(second):
        return True
    if one.module == other.module:
        return False
    serial = _serial(first)
    alike = (first.label == second.label, first.manufacturer == second.manufacturer, first.model == second.model)
    return bool(serial) and serial == _serial(second) and any(alike)


def _reader(token: TokenState) -> str:
    """The name of the PC/SC reader, for comparing; empty where the slot has none."""
    name = " ".join(token.reader.split())
    if _NO_READER.search(name) or (len(name) < _READER_SIZE and not _READER.fullmatch(name)):
        return ""
    return name.casefold().encode()[:_READER_SIZE].decode(errors="replace")


def _serial(token: TokenState) -> str:
    """For comparing: modules differ in case and leading zeros. Empty where it says nothing, such as all zeros."""
    serial = re.sub(r"[\s:-]", "", token.serial).casefold().lstrip("0")
    return serial if len(serial) >= _SHORTEST_SERIAL and len(set(serial)) > 1 else ""


def _rank(
    module: str, members: Sequence[Found], atrs: Mapping[str, bytes], name: Callable[[str], str]
) -> tuple[bool, bool, int, bool]:
    """The smallest is best: one that can read the token, whose product the container is of, that DEVICES prefers,
    and a vendor's own before a generic one."""
    own = [member.listing for member in members if member.module == module]
    vendor = name(module)
    tokens = [member.listing.token for member in members if member.listing.token]
    containers = {CONTAINERS.get(token.foreign_container) for token in tokens if token.foreign_container}
    wanted = preferred(tokens, atrs)
    return (
        all(listing.error for listing in own),
        bool(containers) and vendor not in containers,
        wanted.index(vendor) if vendor in wanted else len(wanted),
        vendor in GENERIC,
    )


def preferred(tokens: Sequence[TokenState], atrs: Mapping[str, bytes]) -> tuple[str, ...]:
    """The vendors whose modules know a device best, by all that is known of it."""
    said = " ".join(f"{token.reader} {token.manufacturer} {token.model}" for token in tokens).casefold()
    answers = [atrs[token.reader].hex().upper() for token in tokens if token.reader in atrs]
    rows = [
        row
        for row in DEVICES
        if any(part in said for part in row.names) or any(re.match(atr, one) for atr in row.atrs for one in answers)
    ]
    return tuple(dict.fromkeys(vendor for row in rows for vendor in row.vendors))
