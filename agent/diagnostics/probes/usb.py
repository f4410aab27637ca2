"""What is plugged in, by what the kernel says (Linux: /sys/bus/usb/devices). Nothing is opened.

KNOWN: USB ids out of CCID's supported_readers.txt. Rows marked [unverified] are general knowledge.
"""

from __future__ import annotations

import contextlib
import os
import plistlib
import re
from pathlib import Path
from typing import NamedTuple, Protocol

_DEVICES = Path("sys/bus/usb/devices")
_CCID_BUNDLE = Path("usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist")
_SHORTEST = 4  # letters of a word that tells something
_COMMON_WORDS = frozenset({"token", "reader", "card", "smart", "smartcard", "device"})
_CCID_CLASS = "0b"  # bInterfaceClass of smart-card devices (USB CCID 1.1 section 4.3)


class Known(NamedTuple):
    """A kind of device. `vendor` is of `tokens.vendors`, empty for readers and for tokens whose module is not known;
    `passive`: keeps files alone; keys need a provider."""

    name: str
    vendor: str
    driver: str = "ccid"  # else the package of the vendor's own PC/SC driver
    passive: bool = False


KNOWN: dict[str, Known] = {
    "0A89:0030": Known("Rutoken ECP", "Rutoken"),
    "0A89:0025": Known("Rutoken Lite", "Rutoken", passive=True),
    "0A89:0020": Known("Rutoken S", "Rutoken S", "ifd-rutokens"),  # [unverified]
    "0A89:0060": Known("Rutoken Magistra", "Rutoken"),
    "0A89:0082": Known("Rutoken PINPad", "Rutoken"),
    "24DC:0101": Known("JaCarta", "JaCarta"),
    "24DC:0102": Known("JaCarta LT", "JaCarta", passive=True),
    "24DC:0402": Known("JaCarta-2", "JaCarta"),
    "24DC:0428": Known("JaCarta-3", "JaCarta"),
    "2CE4:7479": Known("ESMART Token GOST", "ESMART"),
    "0529:0620": Known("SafeNet eToken", "SafeNet eToken"),
    "0529:0602": Known("SafeNet eToken 7300", "SafeNet eToken"),
    **{f"08E6:{product}": Known("SafeNet eToken", "SafeNet eToken") for product in ("34CC", "34CE", "34CF", "34D2")},
    **{f"1050:{product}": Known("YubiKey", "YubiKey")
       for product in ("0111", "0112", "0115", "0116", "0404", "0405", "0406", "0407")},
    **{f"096E:{product}": Known("Feitian ePass", "Feitian") for product in ("0807", "080A", "080F")},
    **{f"25DD:{product}": Known("Bit4id", "Bit4id") for product in ("2341", "2371", "2354", "2361")},
    "0DC3:0900": Known("Athena IDProtect", "Athena"),
    "1059:0017": Known("StarSign", "SafeSign"),
    "1059:0019": Known("StarSign", "SafeSign"),
    **{f"20A0:{product}": Known("Nitrokey", "OpenSC") for product in ("4108", "4109", "4211", "4230", "42B2")},
    "04E6:5816": Known("SmartCard-HSM", "SmartCard-HSM"),  # [unverified]
    "234B:0000": Known("Gnuk", "OpenSC"),
    **{f"09C3:{product}": Known("HID Crescendo", "OpenSC") for product in ("0028", "0029", "002B", "002D")},
    **{f"0A89:{product}": Known("Rutoken SCR", "") for product in ("0069", "006A")},
    **{f"24DC:{product}": Known("Aladdin reader", "") for product in ("0201", "0420")},
    **{f"2CE4:{product}": Known("ESMART reader", "") for product in ("5001", "5020")},
    **{f"23A0:{product}": Known("BIFIT iToken", "") for product in ("0001", "0003")},
    **{f"15CF:{product}": Known("Avtor SecureToken", "") for product in ("0019", "0020")},
    "2FB0:003A": Known("Infocrypt Token++ lite", ""),
    "2A0C:0021": Known("ANGARA token", ""),
    "C1A6:0131": Known("AvestKey", ""),
}  # fmt: skip


class UsbDevice(NamedTuple):
    """`id` is VID:PID in upper-case hex; `node` the device file below /dev."""

    id: str
    name: str  # manufacturer and product as the device says them, else the name in KNOWN
    authorized: bool
    smart_card: bool  # has a CCID interface, or is in KNOWN
    node: Path
    asleep: bool = False  # the system took its power and did not give it back

    @property
    def words(self) -> set[str]:
        """By which its reader is known: names of readers are made of what the device says of itself."""
        return words_of(f"{self.name} {self.known.name if self.known else ''}")

    @property
    def known(self) -> Known | None:
        return KNOWN.get(self.id)


class CcidDriver(NamedTuple):
    version: str
    ids: frozenset[str]  # VID:PID that its list names


class Usb(Protocol):
    def devices(self) -> list[UsbDevice] | None:
        """Tokens and readers that are plugged in; None where this system does not tell."""
        ...

    def ccid(self) -> CcidDriver | None:
        """The free PC/SC driver; None where it is not installed."""
        ...

    def holders(self, node: Path) -> list[str]:
        """Names of the programs that hold a device file open, as far as we may see them."""
        ...

    def accessible(self, node: Path, user: int, groups: frozenset[int]) -> bool:
        """Whether a process with these rights may use a device file, by its mode."""
        ...


class LinuxUsb:
    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def devices(self) -> list[UsbDevice] | None:
        folder = self._root / _DEVICES
        try:
            places = sorted(place for place in folder.iterdir() if (place / "idVendor").is_file())
        except OSError:
            return None
        return [device for place in places if (device := self._device(place)).smart_card]

    def ccid(self) -> CcidDriver | None:
        try:
            with (self._root / _CCID_BUNDLE).open("rb") as file:
                listed = plistlib.load(file)
            pairs = zip(listed["ifdVendorID"], listed["ifdProductID"], strict=False)
            ids = frozenset(f"{int(vendor, 16):04X}:{int(product, 16):04X}" for vendor, product in pairs)
            return CcidDriver(str(listed.get("CFBundleShortVersionString", "")), ids)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, plistlib.InvalidFileException):
            return CcidDriver("", frozenset())

    def holders(self, node: Path) -> list[str]:
        found = set()
        for process in (self._root / "proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if any(os.readlink(link) == str(node) for link in (process / "fd").iterdir()):  # noqa: PTH115
                    found.add((process / "comm").read_text().strip())
        return sorted(found)

    def accessible(self, node: Path, user: int, groups: frozenset[int]) -> bool:
        try:
            status = (self._root / node.relative_to("/")).stat()
        except OSError:
            return True  # nothing is known against it
        bits = 0o600 if status.st_uid == user else 0o060 if status.st_gid in groups else 0o006
        return user == 0 or status.st_mode & bits == bits

    def _device(self, place: Path) -> UsbDevice:
        identifier = f"{_line(place / 'idVendor')}:{_line(place / 'idProduct')}".upper()
        said = f"{_line(place / 'manufacturer')} {_line(place / 'product')}".strip()
        classes = {_line(path) for path in place.glob("*:*/bInterfaceClass")}
        known = KNOWN.get(identifier)
        return UsbDevice(
            identifier,
            said or (known.name if known else identifier),
            _line(place / "authorized") != "0",
            known is not None or _CCID_CLASS in classes,
            Path(f"/dev/bus/usb/{_number(place / 'busnum')}/{_number(place / 'devnum')}"),
            _line(place / "power/runtime_status") == "suspended",
        )


def words_of(name: str) -> set[str]:
    """The words of a name that tell one device from another."""
    words = re.findall(r"[^\W\d_]+", name.casefold())
    return {word for word in words if len(word) >= _SHORTEST} - _COMMON_WORDS


def _line(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> str:
    return _line(path).zfill(3)
