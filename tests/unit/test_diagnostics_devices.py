"""What is plugged in, the PC/SC service and the modules: broken one by one on a machine of files, and mended.

The trees follow sysfs-bus-usb of the kernel's documentation, proc(5) and os-release(5); ids and ATRs are those of
CCID's and pcsc-tools' lists. Real devices were not there.
"""

from __future__ import annotations

import plistlib
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.diagnostics.base import Check
from agent.diagnostics.checks import (
    hardware_reader,
    hardware_usb,
    modules_copies,
    modules_device,
    modules_speed,
    pcsc_readers,
    pcsc_service,
    providers_present,
    remote_session,
    tokens_container,
)
from agent.diagnostics.probes.cards import Outcome, PcscCards, Reader, View
from agent.diagnostics.probes.drivers import LinuxDrivers
from agent.diagnostics.probes.logins import LinuxLogins
from agent.diagnostics.probes.policies import LinuxPolicies
from agent.diagnostics.probes.products import LinuxProducts
from agent.diagnostics.probes.system import LinuxSystem
from agent.diagnostics.probes.usb import LinuxUsb
from tests.harness.diagnosed import Fake, FakeCards, module, token

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
        return [(finding.case, finding.status) for finding in await check.examine(self.fake)]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


async def test_a_token_that_is_well_is_found_so(made: Made) -> None:
    assert await made.found(hardware_usb.CHECK) == [("seen", "ok")]
    assert await made.found(hardware_reader.CHECK) == [("present", "ok")]
    assert await made.found(pcsc_service.CHECK) == [("running", "ok")]
    assert await made.found(pcsc_readers.CHECK) == [("card", "ok")]
    assert await made.found(modules_device.CHECK) == [("sees_it", "ok")]
    assert await made.found(modules_copies.CHECK) == [("in_order", "ok")]


async def test_other_things_on_usb_are_nobodys_business(made: Made) -> None:
    made.plug("1-2", "046d", "c31c", "Logitech", "Keyboard", klass="03")
    assert await made.found(hardware_usb.CHECK) == [("seen", "ok")]


async def test_a_device_that_the_system_keeps_out_is_told(made: Made) -> None:
    made.write("sys/bus/usb/devices/1-1/authorized", "0\n")
    assert await made.found(hardware_usb.CHECK) == [("not_authorized", "error")]
    assert await made.found(hardware_reader.CHECK) == [("no_device", "not_applicable")], "one red line"


def no_driver(made: Made) -> None:
    (made.root / "usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist").unlink()


def old_driver(made: Made) -> None:
    made.driver("24DC:0101")


def own_driver(made: Made) -> None:
    made.plug("1-1", "0a89", "0020", "Aktiv", "Rutoken S", klass="ff")


def taken(made: Made) -> None:
    made.write("proc/77/comm", "scdaemon\n")
    (made.root / "proc/77/fd").mkdir()
    (made.root / "proc/77/fd/5").symlink_to("/dev/bus/usb/001/007")


def forbidden(made: Made) -> None:
    made.service(user=4242)
    made.write("dev/bus/usb/001/007", "").chmod(0o600)


@pytest.mark.parametrize(
    ("fault", "case"),
    [
        (no_driver, "no_driver"),
        (old_driver, "driver_too_old"),
        (own_driver, "own_driver"),
        (taken, "taken"),
        (forbidden, "forbidden"),
        (lambda _made: None, "not_listed"),
    ],
)
async def test_why_a_device_is_no_reader(made: Made, fault: Callable[[Made], None], case: str) -> None:
    fault(made)
    made.show()
    assert await made.found(hardware_reader.CHECK) == [(case, "error")]
    made.show(Reader(RUTOKEN, PRESENT, RUTOKEN_ATR))
    assert await made.found(hardware_reader.CHECK) == [("present", "ok")]


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ("ID=debian", "sudo apt install libccid"),
        ("ID=ubuntu\nID_LIKE=debian", "sudo apt install libccid"),
        ('ID="redos"', "sudo dnf install pcsc-lite-ccid"),
        ("ID=altlinux", "sudo apt-get install pcsc-lite-ccid"),
        ("ID=strange", "libccid"),
    ],
)
async def test_the_advice_names_the_package_of_this_system(made: Made, release: str, command: str) -> None:
    made.write("etc/os-release", release)
    no_driver(made)
    made.show()
    (finding,) = await hardware_reader.CHECK.examine(made.fake)
    assert finding.facts["install"] == command


@pytest.mark.parametrize(
    ("outcome", "case", "status"),
    [
        ("no_library", "no_library", "error"),
        ("no_socket", "not_installed", "error"),
        ("stopped", "stopped", "error"),
        ("refused", "refused", "error"),
        ("failed", "failed", "error"),
    ],
)
async def test_what_keeps_us_from_the_service(made: Made, outcome: Outcome, case: str, status: str) -> None:
    made.show(outcome=outcome, code=0x80100003)
    assert await made.found(pcsc_service.CHECK) == [(case, status)]


async def test_a_service_that_is_installed_or_died_meanwhile_is_told_so(made: Made) -> None:
    made.write("usr/sbin/pcscd", "")
    made.show(outcome="no_socket")
    assert await made.found(pcsc_service.CHECK) == [("not_running", "error")]
    made.show(outcome="failed", code=0x8010001E)
    assert await made.found(pcsc_service.CHECK) == [("died", "error")]


async def test_without_a_device_a_missing_service_is_no_error(made: Made) -> None:
    (made.root / "sys/bus/usb/devices/1-1/idVendor").unlink()
    made.show(outcome="no_socket")
    assert await made.found(pcsc_service.CHECK) == [("not_installed", "warning")]


async def test_why_the_service_refuses_is_told_apart(made: Made) -> None:
    made.show(outcome="refused")
    made.look(SSH_CONNECTION="192.0.2.1 1 192.0.2.2 22")
    assert await made.found(pcsc_service.CHECK) == [("refused_remote", "error")]
    made.write("proc/self/mounts", "proc /proc proc rw,nosuid,hidepid=2 0 0\n")
    assert await made.found(pcsc_service.CHECK) == [("processes_hidden", "error")]
    made.write("proc/self/mounts", "proc /proc proc rw,nosuid,hidepid=0 0 0\n")
    made.look()
    assert await made.found(pcsc_service.CHECK) == [("refused", "error")]


async def test_a_sandbox_without_the_socket_is_told(made: Made) -> None:
    made.show(outcome="no_socket")
    made.write(".flatpak-info", "")
    assert await made.found(pcsc_service.CHECK) == [("sandbox", "error")]


@pytest.mark.parametrize(
    ("state", "found"),
    [
        (EMPTY, ("empty", "warning")),
        (MUTE, ("mute", "error")),
        (EXCLUSIVE, ("taken", "error")),
        (PRESENT, ("card", "ok")),
    ],
)
async def test_states_of_a_reader(made: Made, state: int, found: tuple[str, str]) -> None:
    made.show(Reader(RUTOKEN, state, b""))
    assert await made.found(pcsc_readers.CHECK) == [found]


async def test_an_empty_slot_beside_a_token_is_fine_and_the_usual_taker_is_named(made: Made) -> None:
    made.show(Reader("Built-in 00 00", EMPTY, b""), Reader(RUTOKEN, EXCLUSIVE, RUTOKEN_ATR))
    made.write("proc/77/comm", "scdaemon\n")
    made.write("proc/77/status", "Uid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\nGroups:\t1\n")
    assert await made.found(pcsc_readers.CHECK) == [("empty", "ok"), ("taken_by", "error")]


async def test_the_module_for_a_device_is_missing_or_blind(made: Made) -> None:
    rutoken = "/usr/lib/librtpkcs11ecp.so"
    made.fake.known_modules = [module(path="/usr/lib/softhsm/libsofthsm2.so")]
    assert await made.found(modules_device.CHECK) == [("missing", "error")]
    made.fake.known_modules = [module(path=rutoken, error="module_unloadable")]
    assert await made.found(modules_device.CHECK) == [("missing", "error")]
    made.fake.known_modules = [module(path=rutoken, tokens=0)]
    assert await made.found(modules_device.CHECK) == [("sees_nothing", "error")]
    made.fake.known_modules = [module(path=rutoken, tokens=0), module(path="/usr/lib/opensc-pkcs11.so")]
    assert await made.found(modules_device.CHECK) == [("generic", "ok")]


async def test_a_device_in_no_reader_is_known_by_its_usb_id(made: Made) -> None:
    made.show()
    made.fake.known_modules = []
    (finding,) = await modules_device.CHECK.examine(made.fake)
    assert (finding.case, finding.facts["vendor"]) == ("missing", "Rutoken")


async def test_copies_of_a_module_count_when_they_differ(made: Made) -> None:
    real = made.write("usr/lib/librtpkcs11ecp.so", "new")
    copy = made.write("opt/kontur/plugin/pkcs11/librtpkcs11ecp.so", "new")
    (made.write("usr/lib64/x", "").parent / "librtpkcs11ecp.so").symlink_to(real)
    assert await made.found(modules_copies.CHECK) == [("in_order", "ok")]
    copy.write_text("old")
    assert await made.found(modules_copies.CHECK) == [("differ", "warning")]


async def test_a_module_without_its_parts_and_a_proxy_are_told(made: Made) -> None:
    main = made.write("esmart/isbc_pkcs11_main.dll", "")
    made.fake.known_modules = [module(path=str(main)), module(path="/usr/lib/p11-kit-proxy.so")]
    assert await made.found(modules_copies.CHECK) == [("incomplete", "error"), ("proxy", "warning")]
    for part in ("isbc_esmart_token_mod.dll", "isbc_esmart_token_192k_mod.dll", "esmart_token_gost_mod.dll"):
        made.write(f"esmart/{part}", "")
    assert await made.found(modules_copies.CHECK) == [("proxy", "warning")]


async def test_containers_speed_providers_and_remote_sessions(made: Made) -> None:
    assert await made.found(tokens_container.CHECK) == [("none", "not_applicable")]
    made.fake.tokens = [token(foreign_container="CryptoPro CSP")]
    assert await made.found(tokens_container.CHECK) == [("foreign", "warning")]
    assert await made.found(modules_speed.CHECK) == [("quick", "ok")]
    made.fake.seconds = 12.0
    assert await made.found(modules_speed.CHECK) == [("slow", "warning")]
    assert await made.found(providers_present.CHECK) == [("none", "not_applicable")]
    made.write("opt/cprocsp/sbin/x", "")
    assert await made.found(providers_present.CHECK) == [("one", "ok")]
    made.write("opt/itcs/x", "")
    assert await made.found(providers_present.CHECK) == [("several", "warning")]
    assert await made.found(remote_session.CHECK) == [("local", "ok")]
    made.look(XRDP_SESSION="1")
    assert await made.found(remote_session.CHECK) == [("remote_with_readers", "ok")]
    made.show()
    assert await made.found(remote_session.CHECK) == [("remote", "warning")]


def test_a_socket_of_the_service_that_nobody_serves_is_told_from_one_that_refuses(tmp_path: Path) -> None:
    path = tmp_path / "pcscd.comm"
    cards = PcscCards({"PCSCLITE_CSOCK_NAME": str(path)})
    no_service = 0x8010001D
    assert cards._why(no_service) == "no_socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert cards._why(no_service) == "stopped"
        listener.listen()
        assert cards._why(no_service) == "refused"
    assert cards._why(0x8010006A) == "refused"
