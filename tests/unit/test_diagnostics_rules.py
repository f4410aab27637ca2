"""Rules of the system, sessions and other vendors' products: on a machine of files, broken one by one and mended.

Nothing of CryptoPro, IFCPlugin, Kontur or USBGuard was there: paths and words are those that others published.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.diagnostics.base import run
from agent.diagnostics.checks import (
    CHECKS,
    pcsc_service,
    policy_confinement,
    policy_pcsc,
    policy_processes,
    policy_usb,
    providers_ifc,
    providers_intact,
    providers_plugins,
    providers_present,
    providers_user,
    remote_session,
    remote_users,
    tokens_several,
)
from agent.diagnostics.probes.journal import heard
from agent.diagnostics.probes.policies import LinuxPolicies
from agent.diagnostics.probes.products import LinuxProducts, numbers
from agent.diagnostics.probes.system import LinuxSystem
from agent.diagnostics.report import advice
from tests.harness.diagnosed import token
from tests.harness.machine_of_files import Made

IFC_ROW = '{ name = "CryptoPro CSP"; type = "pkcs11"; model = "CPPKCS 3"; \nlib_linux = "libcppkcs11.so"; },\n'
REFUSED = "auth.c:143:IsClientAuthorized() Process 4711 (user: 1000) is NOT authorized for action: access_{}"


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


async def test_a_remote_session_is_known_by_its_environment_and_by_logind(made: Made) -> None:
    made.log_in("3", 1000)
    made.look(XDG_SESSION_ID="3")
    assert await made.found(remote_session.CHECK) == [("local", "ok")]
    made.look(XRDP_SESSION="1")
    assert await made.found(remote_session.CHECK) == [("remote_with_readers", "ok")]
    made.log_in("3", 1000, REMOTE="1", TYPE="unspecified")
    made.look(XDG_SESSION_ID="3")
    made.show()
    assert await made.found(remote_session.CHECK) == [("remote", "warning")]
    made.show(outcome="refused")
    assert await made.found(pcsc_service.CHECK) == [("refused_remote", "error")]


async def test_a_session_that_is_not_in_front_is_told_while_it_sees_nothing(made: Made) -> None:
    made.log_in("3", 1000, ACTIVE="0", STATE="online")
    made.look(XDG_SESSION_ID="3")
    assert await made.found(remote_session.CHECK) == [("local", "ok")]
    made.show()
    assert await made.found(remote_session.CHECK) == [("inactive", "warning")]


async def test_others_who_see_the_token_are_counted_once_each(made: Made) -> None:
    made.log_in("3", 1000)
    assert await made.found(remote_users.CHECK) == [("alone", "ok")]
    made.log_in("5", 1001)
    made.log_in("6", 1001, TYPE="tty")
    made.log_in("c1", 115, CLASS="greeter")
    made.log_in("7", 1002, STATE="closing")
    (finding,) = await remote_users.CHECK.examine(made.fake)
    assert (finding.case, finding.facts) == ("token_shared", {"count": 1})
    made.show()
    assert await made.found(remote_users.CHECK) == [("others", "ok")]


async def test_cards_that_are_refused_are_told_by_the_services_words(made: Made) -> None:
    assert await made.found(policy_pcsc.CHECK) == [("admitted", "ok")]
    made.hear(*heard(REFUSED.format("card")))
    assert await made.found(policy_pcsc.CHECK) == [("card_refused", "error")]
    made.hear(*heard(REFUSED.format("pcsc")))
    made.look(SSH_CONNECTION="192.0.2.1 1 192.0.2.2 22")
    assert await made.found(policy_pcsc.CHECK) == [("admitted_remote", "ok")]
    made.fake.policies = LinuxPolicies(made.root, user=0)
    assert await made.found(policy_pcsc.CHECK) == [("as_root", "unknown")]


async def test_a_service_that_cannot_see_processes_is_known_by_its_words_too(made: Made) -> None:
    made.show(outcome="refused")
    made.hear(*heard("GDBus.Error:org.freedesktop.PolicyKit1.Error.Failed: Error opening '/proc/4711/status'"))
    assert await made.found(pcsc_service.CHECK) == [("processes_hidden", "error")]


async def test_hidden_processes_that_nobody_minds_are_no_fault(made: Made) -> None:
    assert await made.found(policy_processes.CHECK) == [("visible", "ok")]
    made.write("proc/self/mounts", "proc /proc proc rw 0 0\nproc /proc proc rw,hidepid=invisible 0 0\n")
    assert await made.found(policy_processes.CHECK) == [("hidden_harmless", "ok")]
    made.write("proc/self/mounts", "proc /proc proc rw,hidepid=2 0 0\nproc /proc proc rw 0 0\n")
    assert await made.found(policy_processes.CHECK) == [("visible", "ok")], "what was mounted last is what is seen"


async def test_usb_rules_that_let_nothing_in_are_told(made: Made) -> None:
    assert await made.found(policy_usb.CHECK) == [("open", "ok")]
    made.write("proc/80/comm", "usbguard-daemon\n")
    assert await made.found(policy_usb.CHECK) == [("guarded", "ok")]
    made.unplug()
    assert await made.found(policy_usb.CHECK) == [("nothing_let_in", "warning")]
    (made.root / "proc/80/comm").unlink()
    assert await made.found(policy_usb.CHECK) == [("open", "ok")]
    made.write("sys/bus/usb/devices/usb1/authorized_default", "0\n")
    assert await made.found(policy_usb.CHECK) == [("nothing_let_in", "warning")]


async def test_sandboxes_and_profiles_that_hold_pero_are_told(made: Made) -> None:
    assert await made.found(policy_confinement.CHECK) == [("none", "ok")]
    made.look(SNAP_NAME="pero")
    assert await made.found(policy_confinement.CHECK) == [("sandbox", "warning")]
    made.look()
    made.write("proc/self/attr/apparmor/current", "pero (enforce)\n")
    assert await made.found(policy_confinement.CHECK) == [("profile", "warning")]
    made.write("proc/self/attr/apparmor/current", "pero (complain)\n")
    assert await made.found(policy_confinement.CHECK) == [("none", "ok")]
    made.write("proc/self/attr/apparmor/current", "unconfined\n")
    made.write(".dockerenv", "")
    assert await made.found(policy_confinement.CHECK) == [("container", "ok")]


async def test_providers_are_named_with_their_versions(made: Made) -> None:
    assert await made.found(providers_present.CHECK) == [("none", "not_applicable")]
    made.install("lsb-cprocsp-base", "5.0.13000-7", "opt/cprocsp/sbin/x")
    (finding,) = await providers_present.CHECK.examine(made.fake)
    assert finding.case == "one"
    assert finding.facts == {
        "provider": "CryptoPro CSP",
        "named": "CryptoPro CSP 5.0.13000-7",
        "version": "5.0.13000-7",
    }
    made.write("opt/itcs/x", "")
    assert await made.found(providers_present.CHECK) == [("one", "ok"), ("one", "ok"), ("several", "warning")]


async def test_a_plugin_that_browsers_no_longer_take_is_told(made: Made) -> None:
    assert await made.found(providers_plugins.CHECK) == [("none", "not_applicable")]
    made.install("cprocsp-pki-plugin-64", "2.0.14589-1", "opt/cprocsp/bin/amd64/nmcades")
    assert await made.found(providers_plugins.CHECK) == [("outdated", "warning")]
    (made.root / "var/lib/dpkg/status").unlink()
    assert await made.found(providers_plugins.CHECK) == [("present", "ok")], "its version is not known"
    made.install("cprocsp-pki-plugin-64", "2.0.15500-1")
    made.install("kontur.plugin", "4.13.0.4561", "opt/kontur.plugin/x")
    assert await made.found(providers_plugins.CHECK) == [("present", "ok"), ("present", "ok")]
    made.fake.tokens = [token(), token(serial="2")]
    assert await made.found(tokens_several.CHECK) == [("several_with_plugins", "warning")]
    shutil.rmtree(made.root / "opt")
    assert await made.found(tokens_several.CHECK) == [("several", "ok")]
    made.fake.tokens = [token(), token(serial="2", module="keyfiles")]
    assert await made.found(tokens_several.CHECK) == [("one_or_none", "not_applicable")]


@pytest.mark.parametrize(
    ("version", "read"),
    [("2.0.15500-1", (2, 0, 15500)), ("1:0.23.0-0.3+deb12u2", (0, 23, 0)), ("", ()), ("4.x", (4,)), ("soon", ())],
)
def test_versions_are_read_as_far_as_they_are_numbers(version: str, read: tuple[int, ...]) -> None:
    assert numbers(version) == read


async def test_what_keeps_the_plugin_of_gosuslugi_from_cryptopro_is_told(made: Made) -> None:
    assert await made.found(providers_ifc.CHECK) == [("none", "not_applicable")]
    made.write("opt/cprocsp/sbin/x", "")
    made.write("etc/ifc.cfg", 'params = (\n# lib_linux = "libcppkcs11.so";\n)\n')
    assert await made.found(providers_ifc.CHECK) == [("without_cryptopro", "warning")]
    made.write("etc/ifc.cfg", f"params = (\n{IFC_ROW})\n")
    assert await made.found(providers_ifc.CHECK) == [("module_absent", "warning")]
    made.write("usr/lib/mozilla/plugins/lib/libcppkcs11.so", "")
    assert await made.found(providers_ifc.CHECK) == [("in_order", "ok")]
    (made.root / "usr/lib/mozilla/plugins/lib/libcppkcs11.so").unlink()
    made.write("opt/cprocsp/lib/amd64/libcppkcs11.so", "")
    made.write("etc/ifc.cfg", IFC_ROW.replace('"lib', '"/opt/cprocsp/lib/amd64/lib'))
    assert await made.found(providers_ifc.CHECK) == [("in_order", "ok")]


async def test_a_log_that_the_plugin_cannot_write_is_told(made: Made) -> None:
    made.write("etc/ifc.cfg", "params = ()\n")
    made.write("var/log/ifc/engine_logs/engine.log", "").parent.chmod(0o755)
    assert await made.found(providers_ifc.CHECK) == [("logs_closed", "warning")]
    (made.root / "var/log/ifc/engine_logs").chmod(0o1777)
    assert await made.found(providers_ifc.CHECK) == [("in_order", "ok")]


async def test_keys_that_were_put_there_for_others_alone_are_told(made: Made) -> None:
    user = made.fake.system.user()
    made.write("var/opt/cprocsp/keys/administrator/le-0001.000/header.key", "")
    assert await made.found(providers_user.CHECK) == [("others_keys", "warning")]
    made.write(f"var/opt/cprocsp/keys/{user}/le-0002.000/header.key", "")
    assert await made.found(providers_user.CHECK) == [("none", "not_applicable")]


async def test_a_changed_library_is_told_by_what_its_package_brought(made: Made) -> None:
    """OpenSC as Debian packed it, with the list that dpkg keeps of it."""
    listed = "var/lib/dpkg/info/opensc-pkcs11:amd64.md5sums"
    told = subprocess.run(["dpkg", "-L", "opensc-pkcs11"], capture_output=True, text=True, check=True).stdout
    modules = [Path(name) for name in told.splitlines() if name.endswith("opensc-pkcs11.so") and "onepin" not in name]
    real = next(path for path in modules if path.is_file() and not path.is_symlink())
    copy = made.write(str(real.relative_to("/")), "")
    shutil.copy(real, copy)
    made.write(listed, Path("/", listed).read_text())
    assert await made.found(providers_intact.CHECK) == [("intact", "ok")]
    with copy.open("r+b") as file:
        file.seek(5000)
        file.write(b"changed")
    (finding,) = await providers_intact.CHECK.examine(made.fake)
    assert (finding.case, finding.facts) == ("changed", {"path": str(real)})
    shutil.copy(real, copy)
    assert await made.found(providers_intact.CHECK) == [("intact", "ok")]


def test_a_package_that_is_not_watched_or_not_there_is_nobodys_business(made: Made) -> None:
    digest = hashlib.md5(b"other", usedforsecurity=False).hexdigest()
    made.write("var/lib/dpkg/info/libother.md5sums", f"{digest}  usr/lib/libother.so\n")
    made.write("usr/lib/libother.so", "changed")
    made.write("var/lib/dpkg/info/kontur.plugin.md5sums", f"{digest}  opt/kontur.plugin/gone.so\n")
    assert LinuxProducts(made.root).changed() == []


async def test_every_check_of_these_areas_holds_on_an_empty_machine(tmp_path: Path, made: Made) -> None:
    """Where nothing is known nothing is red, and no check breaks."""
    made.root = tmp_path / "empty"
    made.look()
    made.show()
    findings = await run(CHECKS, made.fake, areas=("hardware", "pcsc", "providers", "remote", "policy"))
    assert {finding.status for finding in findings} <= {"ok", "not_applicable"}


@pytest.mark.parametrize(("platform", "word"), [("win32", "services.msc"), ("darwin", "macOS"), ("linux", "systemctl")])
async def test_advice_names_the_menus_of_the_system(made: Made, platform: str, word: str) -> None:
    made.fake.system = LinuxSystem({}, made.root, platform)
    made.show(outcome="stopped")
    (finding,) = await pcsc_service.CHECK.examine(made.fake)
    assert all(word in advice(finding, language) for language in ("ru", "en"))


async def test_a_remote_session_of_windows_is_told_where_to_hand_cards_on(made: Made) -> None:
    made.fake.system = LinuxSystem({"SM_REMOTESESSION": "1"}, made.root, "win32")
    made.show()
    (finding,) = await remote_session.CHECK.examine(made.fake)
    assert "Смарт-карты" in advice(finding, "ru")
