"""`make demo`, as it runs where there is no display: the whole way, judged by openssl, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.display import Display

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 240  # seconds


def demo(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the driver as somebody with an empty home folder and no display."""
    kept = {
        name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "PERO_HOME")
    }
    home.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "tests.harness.demo", *arguments],
        cwd=ROOT,
        env=kept | {"HOME": str(home)} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def judged(folder: Path, document: Path) -> subprocess.CompletedProcess[bytes]:
    """openssl's opinion of the demo's signature over a document."""
    return subprocess.run(
        ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", folder / "out" / "signature.p7s",
         "-content", document, "-CAfile", folder / "authority" / "ca.pem"],
        capture_output=True,
        check=False,
    )  # fmt: skip


def processes_that_mention(folder: Path) -> list[str]:
    """Command lines of the processes in whose arguments or environment a folder is named."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal() or int(process.name) == os.getpid():
            continue
        try:
            arguments, environment = ((process / name).read_bytes() for name in ("cmdline", "environ"))
        except OSError:  # it ended, or it is somebody else's
            continue
        if os.fsencode(folder) in arguments + environment:
            found.append(arguments.replace(b"\0", b" ").decode(errors="replace"))
    return found


@pytest.mark.parametrize("arguments", [["--token=keyfile"], ["--token=softhsm"], ["--browser=firefox"]])
def test_the_demo_ends_in_a_signature_that_openssl_accepts_and_leaves_nothing_behind(
    tmp_path: Path, arguments: list[str]
) -> None:
    folder, home = tmp_path / "demo", tmp_path / "home"
    ran = demo(home, *arguments, "--folder", str(folder))
    assert ran.returncode == 0, ran.stdout
    assert "CMS Verification successful" in ran.stdout
    document = folder / "out" / "document.txt"
    verdict = judged(folder, document)
    assert verdict.returncode == 0, verdict.stderr
    assert verdict.stdout == document.read_bytes() != b""
    document.write_bytes(document.read_bytes() + b"!")
    assert judged(folder, document).returncode != 0
    assert processes_that_mention(folder) == []
    pin = (folder / "authority" / "pin.txt").read_bytes().strip()
    assert pin.decode() not in ran.stdout
    assert [path.name for path in folder.rglob("*") if path.is_file() and pin in path.read_bytes()] == ["pin.txt"]
    assert not (home / ".local/share/pero").exists()
    assert not (home / ".mozilla").exists()


def test_on_a_display_the_person_clicks_and_the_demo_waits_for_them(tmp_path: Path) -> None:
    folder, said = tmp_path / "demo", tmp_path / "said"
    with Display() as display, said.open("wb") as output:
        driver = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.demo", "--folder", str(folder)],
            cwd=ROOT, env=display.environment | {"HOME": str(tmp_path), "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            sign_as_a_person(display, folder, lambda words: wait_until_said(driver, said, words))
            assert driver.wait(DEADLINE) == 0, said.read_text()
        finally:
            if driver.poll() is None:
                driver.send_signal(signal.SIGINT)
                driver.wait(DEADLINE)
    assert judged(folder, folder / "out" / "document.txt").returncode == 0


def test_a_demo_that_is_stopped_leaves_nothing_running_and_does_not_claim_success(tmp_path: Path) -> None:
    folder, said = tmp_path / "demo", tmp_path / "said"
    with Display() as display, said.open("wb") as output:
        driver = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.demo", "--folder", str(folder)],
            cwd=ROOT, env=display.environment | {"HOME": str(tmp_path), "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        wait_until_said(driver, said, "Your turn")
        driver.send_signal(signal.SIGINT)
        assert driver.wait(DEADLINE) == 1
    assert "Stopped." in said.read_text()
    assert processes_that_mention(folder) == []


def sign_as_a_person(display: Display, folder: Path, until_said: Callable[[str], None]) -> None:
    """By keyboard: the page's buttons in the order of Tab (allow, choose, document, attached, sign), Pero's windows."""
    until_said("Your turn")
    display.wait_for_window("Pero - ")
    display.press("Tab", "Return")
    display.wait_for_window(" — Pero")
    display.click("Allow and remember")
    until_said("The site is allowed.")
    display.wait_for_window("Pero - ")
    display.press("Tab", "Tab", "Tab", "Tab", "Return")
    display.wait_for_window(" — Pero")
    display.sign((folder / "authority" / "pin.txt").read_text("ascii").strip())


def wait_until_said(driver: subprocess.Popen[bytes], said: Path, words: str) -> None:
    """Wait until the driver has printed these words."""
    end = time.monotonic() + DEADLINE
    while words not in said.read_text():
        assert driver.poll() is None, said.read_text()
        assert time.monotonic() < end, said.read_text()
        time.sleep(0.1)


def test_without_a_browser_the_demo_says_so_and_fails(tmp_path: Path) -> None:
    ran = demo(tmp_path / "home", "--folder", str(tmp_path / "demo"), PATH=str(Path(sys.executable).parent))
    assert ran.returncode == 1
    assert "There is neither chromium nor firefox-esr here." in ran.stdout
