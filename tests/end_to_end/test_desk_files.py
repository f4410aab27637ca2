"""The pages on which files are signed and verified: Pero's window under Xvfb, driven by keys (R8, R32).

openssl judges what was signed, and makes what is verified.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.harness.command_line import PERO, CommandLine
from tests.harness.display import Display
from tests.harness.keyfiles import PASSPHRASE, KeyFile, make_key_file
from tests.harness.openssl import Infrastructure, sign
from tests.harness.screen_reader import DisplayError
from tests.unit.test_pdf_drawing import pdf as written_pdf

_SHOWN = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "NO_AT_BRIDGE")
SIGN = "Sign — Pero"
VERIFY = "Verify — Pero"
DOCUMENT = b"To be judged\n"


@pytest.fixture
def display() -> Iterator[Display]:
    with Display() as display:
        yield display


@pytest.fixture
def pero(tmp_path: Path, display: Display) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line, contextlib.ExitStack() as stack:
        line.environment |= {name: display.environment[name] for name in _SHOWN}
        stack.enter_context(line.agent())
        yield line


@pytest.fixture
def key_file(pero: CommandLine) -> KeyFile:
    made = make_key_file(pero.folder, "p256")
    assert pero.run("keyfile", "add", made.path, pin=PASSPHRASE).status == 0
    return made


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Infrastructure:
    return Infrastructure(tmp_path_factory.mktemp("pki"))


def written(folder: Path, *names: str) -> list[str]:
    for name in names:
        (folder / name).write_bytes(DOCUMENT)
    return list(names)


def is_signature_of(signature: Path, document: Path) -> bool:
    """By openssl, whoever vouches for the signer."""
    command = ["openssl", "cms", "-verify", "-inform", "DER", "-binary", "-noverify", "-out", "/dev/null"]
    done = subprocess.run(
        [*command, "-in", str(signature), "-content", str(document)], capture_output=True, timeout=60, check=False
    )
    return done.returncode == 0


def reads(display: Display, part: str) -> None:
    """Wait until this can be read in the window by a screen reader."""
    display.until(
        lambda: any(part in (node["name"] or "") or part in (node["text"] or "") for node in display.accessible.tree()),
        f"the words {part!r}",
    )


def agree(display: Display, title: str = "Sign this") -> None:
    """In the agent's window, whose title is not the desk's."""
    display.wait_for_window(title)
    display.wait_until_ready("Refuse")
    display.until(display._pin_field_is_ready, "a PIN field that takes keys")
    display.until(lambda: _typed(display), "the passphrase in its field")
    display.wait_until_ready("Sign")
    display.press("Return")


def _typed(display: Display) -> bool:
    """A window that comes up on a machine under load may swallow keys a second time; then they are typed again."""
    display.press("ctrl+a")
    display.type_keys(PASSPHRASE)
    with contextlib.suppress(DisplayError):
        display.until(lambda: any(_is_full(node) for node in display.accessible.find(role="password text")), "", 3)
        return True
    return False


def _is_full(field: dict[str, Any]) -> bool:
    return len(field["text"] or "") == len(PASSPHRASE)


def to_sign(display: Display, pero: CommandLine, *names: str) -> None:
    """The page with these files; the keyboard is on its button."""
    assert pero.run("desk", "sign", *names).status == 0
    display.wait_for_window(SIGN)
    display.wait_for_accessible("Sign", role="push button", state="focused")


def to_verify(display: Display, pero: CommandLine, *names: str) -> None:
    assert pero.run("desk", "verify", *names).status == 0
    display.wait_for_window(VERIFY)


def test_one_file_is_signed_by_keys_alone_and_its_signature_is_not_overwritten_unasked(
    display: Display, pero: CommandLine, key_file: KeyFile
) -> None:
    written(pero.folder, "contract.txt")
    to_sign(display, pero, "contract.txt")
    display.press("space")
    agree(display)
    reads(display, "Signed: contract.txt.p7s")
    assert is_signature_of(pero.folder / "contract.txt.p7s", pero.folder / "contract.txt")
    before = (pero.folder / "contract.txt.p7s").read_bytes()
    to_sign(display, pero, "contract.txt")
    display.press("space")
    display.wait_for_window("Signatures are there already")
    display.press("Return")
    reads(display, "Nothing to sign")
    assert (pero.folder / "contract.txt.p7s").read_bytes() == before


def test_many_files_are_one_confirmation_and_one_that_cannot_be_signed_stops_no_other(
    display: Display, pero: CommandLine, key_file: KeyFile
) -> None:
    written(pero.folder, "a.txt", "b.txt", "c.txt")
    to_sign(display, pero, "a.txt", "b.txt", "c.txt")
    (pero.folder / "b.txt").unlink()
    display.press("space")
    agree(display, "Sign these")
    reads(display, "Signed: 2 of 3.")
    assert is_signature_of(pero.folder / "a.txt.p7s", pero.folder / "a.txt")
    assert is_signature_of(pero.folder / "c.txt.p7s", pero.folder / "c.txt")


def test_cancel_takes_the_question_back(display: Display, pero: CommandLine, key_file: KeyFile) -> None:
    written(pero.folder, "contract.txt")
    to_sign(display, pero, "contract.txt")
    display.press("space")
    display.wait_for_window("Sign this")
    display.wait_for_window(SIGN)  # the keyboard is on its button meanwhile
    display.press("space")
    display.wait_for_no_window("Sign this")
    reads(display, "Cancelled")
    reads(display, "Signed: 0 of 1.")
    assert not (pero.folder / "contract.txt.p7s").exists()


def test_a_detached_signature_finds_its_document_and_says_who_signed(
    display: Display, pero: CommandLine, pki: Infrastructure
) -> None:
    holder = pki.signer("p-256")
    chain = (pki.intermediate.der,)
    written(pero.folder, "contract.txt")
    (pero.folder / "contract.txt.p7s").write_bytes(sign(holder, "sha256", DOCUMENT, attached=False, chain=chain))
    to_verify(display, pero, "contract.txt.p7s")
    reads(display, "The document was not changed since it was signed.")
    reads(display, "Signed by: signer-p-256")
    (pero.folder / "contract.txt").write_bytes(b"Something else\n")
    to_verify(display, pero, "contract.txt")  # the document: its signature is found
    reads(display, "The signature is invalid.")
    reads(display, "The document is not the one that was signed")


def test_many_files_are_verified_and_each_is_told_in_words(
    display: Display, pero: CommandLine, pki: Infrastructure
) -> None:
    holder = pki.signer("p-256")
    (pero.folder / "good.p7m").write_bytes(sign(holder, "sha256", DOCUMENT, attached=True))
    (pero.folder / "alone.p7s").write_bytes(sign(holder, "sha256", DOCUMENT, attached=False))
    (pero.folder / "plain.xml").write_bytes(b"<a/>")
    (pero.folder / "hostile.xml").write_bytes(b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>')
    (pero.folder / "noise.p7s").write_bytes(b"\x30\x84" + bytes(100))
    to_verify(display, pero, "good.p7m", "alone.p7s", "plain.xml", "hostile.xml", "noise.p7s", "missing.p7s")
    for words in (
        "The document was not changed since it was signed.",
        "The signature lies apart from its document.",
        "There is no signature in this document.",
        "This is no signature, or it is damaged.",
        "1 thing was left out",
    ):
        reads(display, words)
    assert "root:" not in str(display.accessible.tree())


def test_pages_of_a_pdf_are_seen_before_it_is_signed(display: Display, pero: CommandLine, key_file: KeyFile) -> None:
    (pero.folder / "contract.pdf").write_bytes(written_pdf(7, drawn=b"1 0 0 rg 0 0 600 800 re f"))
    to_sign(display, pero, "contract.pdf")
    display.press("space")
    window = display.wait_for_window("Sign this")
    reads(display, "Page 5 of 7")
    reads(display, "The first pages are shown: 5 of 7.")
    shot = Image.open(display.screenshot(pero.folder / "seen.png", window=window)).convert("RGB")
    assert any(colour == (255, 0, 0) for _, colour in shot.getcolors(shot.width * shot.height) or ())


SMALL = 1 << 20  # bytes of a disk


@contextlib.contextmanager
def agent_with_a_small_disk(pero: CommandLine, small: Path) -> Iterator[Path]:
    """The agent and its windows see a disk of SMALL bytes in that folder; where the test sees the same."""
    with contextlib.ExitStack() as stack:
        script = f'mount -t tmpfs -o size={SMALL} none "$1" && exec "$0" run'
        process = subprocess.Popen(
            ["unshare", "--map-root-user", "--mount", "sh", "-c", script, PERO, str(small)],
            env=pero.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        stack.callback(process.wait, 60)
        stack.callback(process.terminate)
        assert process.stdout is not None
        stack.callback(process.stdout.close)
        assert "running" in process.stdout.readline()
        yield Path(f"/proc/{process.pid}/root{small}")


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))


def test_a_full_disk_is_told_before_the_question_and_after_it_and_leaves_nothing_behind(
    tmp_path: Path, display: Display
) -> None:
    with CommandLine(tmp_path) as pero:
        pero.environment |= {name: display.environment[name] for name in _SHOWN}
        made = make_key_file(tmp_path, "p256")
        assert pero.run("keyfile", "add", made.path, pin=PASSPHRASE).status == 0
        small = tmp_path / "small"
        small.mkdir()
        written(small, "contract.txt")  # behind the disk, for the command that names it
        with agent_with_a_small_disk(pero, small) as disk:
            written(disk, "contract.txt")
            fill(disk)
            to_sign(display, pero, "small/contract.txt")
            display.press("space")
            reads(display, "No space left on device")
            assert not display.windows("Sign this")
            (disk / "filler").unlink()
            to_sign(display, pero, "small/contract.txt")
            display.press("space")
            display.wait_for_window("Sign this")
            fill(disk)
            agree(display)
            reads(display, "No space left on device")
            assert {path.name for path in disk.iterdir()} == {"contract.txt", "filler"}
            (disk / "filler").unlink()
            to_sign(display, pero, "small/contract.txt")
            display.press("space")
            agree(display)
            reads(display, "Signed: contract.txt.p7s")
            assert is_signature_of(disk / "contract.txt.p7s", disk / "contract.txt")


def test_an_authority_is_trusted_by_keys_alone_after_a_question_and_until_it_is_removed(
    display: Display, pero: CommandLine, pki: Infrastructure
) -> None:
    holder = pki.signer("p-256")
    signature = sign(holder, "sha256", DOCUMENT, attached=True, chain=(pki.intermediate.der,))
    (pero.folder / "contract.p7m").write_bytes(signature)
    root = pero.folder / "root.pem"
    root.write_bytes(pki.root.certificate.read_bytes())
    to_verify(display, pero, "contract.p7m")
    reads(display, "Who signed it is not confirmed by anybody whom you trust.")
    display.press("alt+t")
    display.wait_for_window("Certificates of authorities that you trust")
    display.press("alt+a")
    display.wait_for_window("Certificate of an authority")
    display.wait_for_accessible(None, role="text", state="focused")
    display.type_keys(str(root))
    display.press("Return")
    reads(display, "Compare the thumbprint")
    reads(display, pki.root.description.owner)
    display.press("alt+t")
    display.wait_for_accessible("Certificates of authorities that you trust", role="list", state="focusable")
    reads(display, f"{pki.root.description.owner}")
    display.wait_for_window("Certificates of authorities that you trust")
    display.press("alt+c")
    reads(display, "The signature is valid.")
    assert f"{pki.root.description.thumbprint}" in pero.run("authorities", "list").output
    assert pero.run("verify", "contract.p7m").status == 0
    display.press("alt+t")
    display.wait_for_window("Certificates of authorities that you trust")
    display.wait_for_accessible(None, role="list item")
    display.press("Tab", "Tab", "Tab", "Down")
    display.wait_until_ready("Remove")
    display.press("alt+r")
    display.wait_until_ready("Remove", enabled=False)
    display.press("Escape")
    reads(display, "Who signed it is not confirmed by anybody whom you trust.")
    assert pero.run("verify", "contract.p7m").status == 2
