"""The PIN on a terminal, typed by a person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.harness.command_line import CommandLine
from tests.harness.keyfiles import PASSPHRASE, KeyFile, make_key_file
from tests.harness.openssl import openssl
from tests.harness.softhsm import PIN, make_softhsm

ASKED = "(not shown; an empty line cancels):"
NUMBER = "Number of the certificate (an empty line cancels):"


@pytest.fixture
def pero(tmp_path: Path) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        (tmp_path / "contract.txt").write_bytes(b"contract")
        yield line


@pytest.fixture
def key_file(pero: CommandLine) -> KeyFile:
    """A key file that was added."""
    made = make_key_file(pero.folder, "p256", common_name="Макетова")
    assert pero.run("keyfile", "add", made.path, pin=PASSPHRASE).status == 0
    return made


def accepted(pero: CommandLine, key_file: KeyFile) -> None:
    authority = pero.folder / "authority.pem"
    authority.write_bytes(key_file.identity.authority.public_bytes(Encoding.PEM))
    openssl(
        "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", pero.folder / "contract.txt.p7s",
        "-content", pero.folder / "contract.txt", "-CAfile", authority, "-purpose", "any",
    )  # fmt: skip


@pytest.mark.parametrize("running", [False, True], ids=["alone", "with an agent"])
def test_a_person_signs_after_a_wrong_try(pero: CommandLine, key_file: KeyFile, running: bool) -> None:
    if running:
        with pero.agent():
            sign_after_a_wrong_try(pero)
    else:
        sign_after_a_wrong_try(pero)
    accepted(pero, key_file)
    assert pero.holds(PASSPHRASE) == []


def sign_after_a_wrong_try(pero: CommandLine) -> None:
    with pero.on_terminal("sign", "contract.txt") as terminal:
        said = terminal.until(ASKED)
        assert "contract.txt" in said, "what is about to be signed is said before the PIN is asked for"
        assert "Макетова" in said
        assert not terminal.echoes
        terminal.type("wrong one")
        assert "The passphrase is incorrect." in terminal.until(ASKED)
        terminal.type(PASSPHRASE)
        assert terminal.ended() == 0
        assert "Signature written: contract.txt.p7s" in terminal.shown
        assert "wrong one" not in terminal.shown
        assert PASSPHRASE not in terminal.shown
        assert terminal.echoes


def test_an_empty_line_cancels(pero: CommandLine, key_file: KeyFile) -> None:
    with pero.on_terminal("sign", "contract.txt") as terminal:
        terminal.until(ASKED)
        terminal.type("")
        assert terminal.ended() == 3
        assert "was not given" in terminal.shown
    assert not list(pero.folder.glob("*.p7s"))


@pytest.mark.parametrize("command", [("sign",), ("keyfile", "add")], ids=" ".join)
def test_a_file_that_is_not_there_is_told_before_anything_is_asked(
    pero: CommandLine, key_file: KeyFile, command: tuple[str, ...]
) -> None:
    other = make_key_file(pero.folder, "rsa2048", name="other.p12")
    assert pero.run("keyfile", "add", other.path, pin=PASSPHRASE).status == 0
    for ask in ("terminal", "window"):
        with pero.on_terminal(*command, "nofile", "--ask", ask) as terminal:
            assert terminal.ended() == 3
            lines = terminal.shown.splitlines()
            assert lines[0].startswith("Error: The file cannot be read: "), terminal.shown
            assert len(lines) == 2, "nothing was asked"


def test_ctrl_c_ends_the_command_and_gives_the_terminal_back(pero: CommandLine, key_file: KeyFile) -> None:
    with pero.on_terminal("sign", "contract.txt") as terminal:
        terminal.until(ASKED)
        assert not terminal.echoes
        terminal.press(b"\x03")
        assert terminal.ended() == 130
        assert terminal.echoes
        assert "Traceback" not in terminal.shown
    assert not list(pero.folder.glob("*.p7s"))
    assert pero.run("journal", "list", "--json").json["entries"][-1]["facts"]["outcome"] == "cancelled"


def test_a_token_says_how_its_tries_stand(pero: CommandLine) -> None:
    """SoftHSM sets CKF_USER_PIN_COUNT_LOW after a wrong PIN."""
    directory = pero.folder / "token"
    directory.mkdir()
    make_softhsm(directory)
    pero.use_tokens(directory)
    with pero.on_terminal("sign", "contract.txt") as terminal:
        terminal.until(ASKED)
        terminal.type("00000000")
        said = terminal.until(ASKED)
        assert "is not right" in said
        assert "fewer tries than usual" in said
        terminal.type("1")
        assert "too short or too long" in terminal.until(ASKED)
        terminal.type(PIN)
        assert terminal.ended() == 0


def test_too_long_a_line_is_no_pin(pero: CommandLine, key_file: KeyFile) -> None:
    with pero.on_terminal("sign", "contract.txt") as terminal:
        terminal.until(ASKED)
        terminal.type("x" * 1000)
        assert terminal.ended() == 3


def test_among_several_certificates_the_person_is_asked(pero: CommandLine, key_file: KeyFile) -> None:
    other = make_key_file(pero.folder, "rsa2048", name="other.p12", common_name="Другая")
    assert pero.run("keyfile", "add", other.path, pin=PASSPHRASE).status == 0
    with pero.on_terminal("sign", "contract.txt") as terminal:
        said = terminal.until(NUMBER)
        (number,) = (line.split()[0] for line in said.splitlines() if "Другая" in line)
        terminal.type(number)
        assert "Другая" in terminal.until(ASKED)
        terminal.type(PASSPHRASE)
        assert terminal.ended() == 0
    accepted(pero, other)
    with pero.on_terminal("sign", "contract.txt", "--force") as terminal:
        terminal.until(NUMBER)
        terminal.type("7")
        assert "from 1 to 2" in terminal.until(NUMBER), "a slip of the finger is no refusal"
        terminal.type("")
        assert terminal.ended() == 3
        assert "You refused" in terminal.shown
    with pero.on_terminal("sign", "contract.txt", "--force") as terminal:
        terminal.until(NUMBER)
        terminal.press(b"\x03")
        assert terminal.ended() == 130
        assert "Traceback" not in terminal.shown


def test_a_passphrase_is_asked_for_in_the_persons_language(pero: CommandLine) -> None:
    made = make_key_file(pero.folder, "p256")
    pero.settings(clock_hosts=(), language="ru")
    with pero.on_terminal("keyfile", "add", made.path) as terminal:
        terminal.until("Пароль файла ключа (не отображается; пустая строка — отмена):")
        terminal.type(PASSPHRASE)
        assert terminal.ended() == 0
        assert "Файл ключа добавлен" in terminal.shown


def test_a_person_without_terminal_and_display_is_told(pero: CommandLine, key_file: KeyFile) -> None:
    import subprocess

    from tests.harness.command_line import PERO

    done = subprocess.run(
        [PERO, "sign", "contract.txt", "--json"], env=pero.environment, cwd=pero.folder, stdin=subprocess.DEVNULL,
        capture_output=True, start_new_session=True, timeout=60, check=False, text=True,
    )  # fmt: skip
    assert done.returncode == 3
    assert '"window_unavailable"' in done.stdout


def test_where_there_is_a_display_the_window_asks(pero: CommandLine, key_file: KeyFile) -> None:
    """A display that cannot be opened: the window is tried, and the terminal is not asked instead of it."""
    pero.environment["DISPLAY"] = ":987"
    with pero.on_terminal("sign", "contract.txt") as terminal:
        assert terminal.ended() == 3
        assert ASKED not in terminal.shown
        assert "cannot show its window" in terminal.shown
    with pero.on_terminal("sign", "contract.txt", "--ask", "terminal") as terminal:
        terminal.until(ASKED)
        terminal.type(PASSPHRASE)
        assert terminal.ended() == 0
