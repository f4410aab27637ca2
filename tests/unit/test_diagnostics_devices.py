"""What is plugged in, the PC/SC service and the modules: broken one by one on a machine of files, and mended.

Real devices were not there.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.diagnostics.base import run
from agent.diagnostics.checks import (
    CHECKS,
    hardware_passive,
    hardware_reader,
    hardware_usb,
    hardware_virtual,
    modules_copies,
    modules_device,
    pcsc_readers,
    pcsc_service,
    tokens_seen,
)
from agent.diagnostics.probes.cards import Outcome, PcscCards, Reader
from agent.diagnostics.probes.journal import heard
from tests.harness.diagnosed import module
from tests.harness.machine_of_files import EMPTY, EXCLUSIVE, MUTE, PRESENT, RUTOKEN, RUTOKEN_ATR, Made


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
        ("failed", "faulty", "error"),
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
    made.write("usr/sbin/pcscd", "")
    assert await made.found(pcsc_service.CHECK) == [("sandbox_not_running", "error")], "it may be meant to run inside"


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


async def test_a_device_that_keeps_files_alone_is_told(made: Made) -> None:
    assert await made.found(hardware_passive.CHECK) == [("none", "ok")]
    made.plug("1-1", "0a89", "0025", "Aktiv", "Rutoken lite")
    assert await made.found(hardware_passive.CHECK) == [("passive", "warning")]
    made.unplug()
    assert await made.found(hardware_passive.CHECK) == [("no_device", "not_applicable")]


async def test_a_port_at_which_something_fails_and_one_that_is_kept_out_are_told_by_the_kernels_words(
    made: Made,
) -> None:
    made.unplug()
    assert await made.found(hardware_usb.CHECK) == [("none", "not_applicable")]
    made.hear(*heard("usb 1-1: device descriptor read/64, error -71\nusb usb1-port1: unable to enumerate USB device"))
    assert await made.found(hardware_usb.CHECK) == [("port_fault", "error")]
    made.hear(*heard("usb 1-1: Device is not authorized for usage"))
    assert await made.found(hardware_usb.CHECK) == [("kept_out", "error")]


async def test_why_the_driver_could_not_open_the_device_is_told_by_its_own_words(made: Made) -> None:
    made.show()
    made.hear(*heard("ccid_usb.c:669:OpenUSBByName() Can't libusb_open(1/7): LIBUSB_ERROR_ACCESS"))
    assert await made.found(hardware_reader.CHECK) == [("forbidden", "error")]
    made.hear(*heard("ccid_usb.c:793:OpenUSBByName() Can't claim interface 1/7: LIBUSB_ERROR_BUSY"))
    assert await made.found(hardware_reader.CHECK) == [("taken_unknown", "error")]
    made.write("sys/bus/usb/devices/1-1/power/runtime_status", "suspended\n")
    assert await made.found(hardware_reader.CHECK) == [("asleep", "error")]
    made.write("sys/bus/usb/devices/1-1/power/runtime_status", "active\n")
    made.hear()
    assert await made.found(hardware_reader.CHECK) == [("not_listed", "error")]


async def test_a_reader_that_the_service_did_not_see_go_is_told(made: Made) -> None:
    (made.root / "sys/bus/usb/devices/1-1/idVendor").unlink()
    assert await made.found(pcsc_readers.CHECK) == [("gone", "warning")]
    made.look(SSH_CONNECTION="192.0.2.1 1 192.0.2.2 22")
    assert await made.found(pcsc_readers.CHECK) == [("card", "ok")], "it is plugged in at the other end"
    made.look()
    made.show(Reader("Gemalto PC Twin Reader 00 00", PRESENT, RUTOKEN_ATR))
    assert await made.found(pcsc_readers.CHECK) == [("card", "ok")], "a card of that maker in another's reader"


async def test_a_virtual_machine_is_told_when_nothing_was_handed_to_it(made: Made) -> None:
    assert await made.found(hardware_virtual.CHECK) == [("real", "not_applicable")]
    made.write("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme hypervisor lahf_lm\n")
    assert await made.found(hardware_virtual.CHECK) == [("has_devices", "ok")]
    made.unplug()
    assert await made.found(hardware_virtual.CHECK) == [("has_devices", "ok")], "a token that needs no reader"
    made.fake.tokens = []
    assert await made.found(hardware_virtual.CHECK) == [("nothing_passed", "warning")]


async def test_without_a_service_it_is_not_said_that_tokens_are_missing(made: Made) -> None:
    made.fake.tokens = []
    assert await made.found(tokens_seen.CHECK) == [("none", "warning")]
    made.show(outcome="stopped")
    findings = await run(CHECKS, made.fake, areas=("pcsc", "modules", "tokens", "hardware", "remote", "policy"))
    assert [finding.id for finding in findings if finding.status == "error"] == ["pcsc.service"]
    assert {finding.status for finding in findings if finding.area == "tokens"} == {"unknown"}


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


def unauthorized(made: Made) -> None:
    made.write("sys/bus/usb/devices/1-1/authorized", "0\n")
    made.show()


def unread(made: Made) -> None:
    no_driver(made)
    made.show()


def exclusive(made: Made) -> None:
    made.show(Reader(RUTOKEN, EXCLUSIVE, RUTOKEN_ATR))


def mute(made: Made) -> None:
    made.show(Reader(RUTOKEN, MUTE, b""))


def stopped(made: Made) -> None:
    made.show(outcome="stopped")


def without_module(made: Made) -> None:
    made.fake.known_modules = []


@pytest.mark.parametrize(
    ("fault", "red"),
    [
        (unauthorized, "hardware.usb"),
        (unread, "hardware.reader"),
        (exclusive, "pcsc.readers"),
        (mute, "pcsc.readers"),
        (stopped, "pcsc.service"),
        (without_module, "modules.device"),
    ],
)
async def test_one_broken_thing_is_one_red_line(made: Made, fault: Callable[[Made], None], red: str) -> None:
    """The token is seen by nobody then."""
    made.fake.known_modules = [module(path="/usr/lib/librtpkcs11ecp.so", tokens=0)]
    made.fake.tokens, made.fake.certificates = [], []
    fault(made)
    findings = await run(CHECKS, made.fake)
    assert [finding.id for finding in findings if finding.status == "error"] == [red]
