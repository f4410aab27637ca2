"""A machine of files: what the kernel, the system and its products say, one Rutoken ECP that pcscd shows, and all well.

The trees follow sysfs-bus-usb of the kernel's documentation, proc(5), os-release(5) and dpkg(1); ids and ATRs are those
of CCID's and pcsc-tools' lists. Real devices were not there.
"""

from __future__ import annotations

import plistlib
from pathlib import Path

from agent.diagnostics.base import Check
from agent.diagnostics.probes.cards import Outcome, Reader, View
from agent.diagnostics.probes.drivers import LinuxDrivers
from agent.diagnostics.probes.journal import Said
from agent.diagnostics.probes.logins import LinuxLogins
from agent.diagnostics.probes.policies import LinuxPolicies
from agent.diagnostics.probes.products import LinuxProducts
from agent.diagnostics.probes.system import LinuxSystem
from agent.diagnostics.probes.usb import LinuxUsb
from agent.diagnostics.report import advice, why, wording
from agent.texts.catalogue import LANGUAGES
from tests.harness.diagnosed import Fake, FakeCards, FakeJournal, module

RUTOKEN_ATR = bytes.fromhex("3B8B015275746F6B656E20445320C1")
RUTOKEN = "Aktiv Rutoken ECP 00 00"
PRESENT, EMPTY, EXCLUSIVE, MUTE = 0x20, 0x10, 0xA0, 0x220  # SCARD_STATE_*, pcsclite.h


class Made:
    """A machine of files, with one Rutoken ECP that pcscd shows, until a test breaks something."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.fake = Fake()
        self.fake.known_modules = [module(path="/usr/lib/librtpkcs11ecp.so")]
        self.plug("1-1", "0a89", "0030", "Aktiv", "Rutoken ECP")
        self.write("etc/os-release", 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
        self.driver("0A89:0030")
        self.service()
        self.show(Reader(RUTOKEN, PRESENT, RUTOKEN_ATR))
        self.look()

    def look(self, **environment: str) -> None:
        self.fake.usb, self.fake.drivers = LinuxUsb(self.root), LinuxDrivers(self.root, environment)
        self.fake.products, self.fake.logins = LinuxProducts(self.root), LinuxLogins(environment, self.root)
        self.fake.policies = LinuxPolicies(self.root, user=1000)
        self.fake.system = LinuxSystem(environment, self.root)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def plug(self, place: str, vendor: str, product: str, maker: str, name: str, *, klass: str = "0b") -> None:
        values = {"idVendor": vendor, "idProduct": product, "manufacturer": maker, "product": name,
                  "authorized": "1", "busnum": "1", "devnum": "7", f"{place}:1.0/bInterfaceClass": klass}  # fmt: skip
        for file, value in values.items():
            self.write(f"sys/bus/usb/devices/{place}/{file}", f"{value}\n")

    def driver(self, *ids: str) -> None:
        path = self.write("usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist", "")
        vendors, products = zip(*(f"0x{one[:4]} 0x{one[5:]}".split() for one in ids), strict=True)
        listed = {"CFBundleShortVersionString": "1.5.2", "ifdVendorID": vendors, "ifdProductID": products}
        path.write_bytes(plistlib.dumps(listed))

    def service(self, user: int = 0) -> None:
        self.write("proc/300/comm", "pcscd\n")
        self.write(
            "proc/300/status", f"Name:\tpcscd\nUid:\t{user}\t{user}\t{user}\t{user}\nGid:\t9\t9\t9\t9\nGroups:\t\n"
        )

    def show(self, *readers: Reader, outcome: Outcome = "running", code: int = 0) -> None:
        self.fake.cards = FakeCards(View(outcome, code, readers))

    async def found(self, check: Check) -> list[tuple[str, str]]:
        """Case and status of what a check finds; that each is worded in both languages with all its facts is held."""
        findings = await check.examine(self.fake)
        for finding in findings:
            for language, words in ((language, words) for language in LANGUAGES for words in (wording, why, advice)):
                said = words(finding, language)
                assert "?" not in said, f"a fact is missing: {said}"
                assert not said.startswith("check."), said
                assert said or finding.well or words is why
        return [(finding.case, finding.status) for finding in findings]

    def hear(self, *said: Said) -> None:
        """What service and kernel complain of in their logs."""
        self.fake.journal = FakeJournal(*said)

    def unplug(self) -> None:
        """Nothing is on USB, and in no reader."""
        (self.root / "sys/bus/usb/devices/1-1/idVendor").unlink()
        self.show()

    def log_in(self, name: str, user: int, **values: str) -> None:
        """A session of systemd-logind."""
        rows = {
            "UID": str(user),
            "ACTIVE": "1",
            "REMOTE": "0",
            "STATE": "active",
            "CLASS": "user",
            "TYPE": "x11",
        } | values
        self.write(f"run/systemd/sessions/{name}", "".join(f"{key}={value}\n" for key, value in rows.items()))

    def install(self, package: str, version: str = "", *files: str) -> None:
        """A package of dpkg's database, with files whose content is their name."""
        status = self.root / "var/lib/dpkg/status"
        before = status.read_text() if status.exists() else ""
        if version:
            row = f"Package: {package}\nStatus: install ok installed\nVersion: {version}\nDescription: one\n more\n\n"
            self.write("var/lib/dpkg/status", before + row)
        for file in files:
            self.write(file, file)
