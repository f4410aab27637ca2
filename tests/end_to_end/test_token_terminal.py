"""`pero token` on a terminal: several secrets one after the other, typed by a person who makes mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.command_line import CommandLine
from tests.harness.gost_token import GostToken, make_blank_token, make_gost_token
from tests.harness.keyfiles import PASSPHRASE, make_key_file

OLD = "Present PIN (not shown; an empty line cancels):"
NEW = "New PIN (not shown; an empty line cancels):"
AGAIN = "The same again:"
FRESH = "fresh-pin-9"
AS_OFFICER = ("--login", "--login-type", "so", "--init-pin", "--pin", "other-pin-1")


@pytest.fixture
def pero(tmp_path: Path) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        (tmp_path / "contract.txt").write_bytes(b"contract")
        yield line


@pytest.fixture
def token(pero: CommandLine) -> GostToken:
    made = make_gost_token(pero.folder / "tokens")
    pero.use_gost_token(made)
    return made


def test_a_pin_is_changed_after_every_mistake_that_can_be_made(pero: CommandLine, token: GostToken) -> None:
    with pero.on_terminal("token", "change-pin") as terminal:
        terminal.until(OLD)
        assert not terminal.echoes
        terminal.type("wrong-pin")
        assert "is not right" in terminal.until(OLD)
        terminal.type(token.pin)
        terminal.until(NEW)
        terminal.type("123")
        assert "6" in terminal.until(NEW), "how long it must be is said"
        terminal.type("12345678")
        assert "Everybody tries this one first" in terminal.until(NEW)
        terminal.type(FRESH)
        terminal.until(AGAIN)
        terminal.type("fresh-pin-8")
        assert "The two are not the same." in terminal.until(NEW)
        terminal.type(FRESH)
        terminal.until(AGAIN)
        terminal.type(FRESH)
        assert terminal.ended() == 0
        assert FRESH not in terminal.shown
        assert token.pin not in terminal.shown
        assert terminal.echoes
    token.pkcs11_tool("--login", "--pin", FRESH, "--list-objects")
    assert pero.holds(FRESH) == []


def test_an_empty_line_between_the_secrets_leaves_the_old_pin(pero: CommandLine, token: GostToken) -> None:
    with pero.agent(), pero.on_terminal("token", "change-pin") as terminal:
        terminal.until(OLD)
        terminal.type(token.pin)
        terminal.until(NEW)
        terminal.type("")
        assert terminal.ended() == 3
    token.pkcs11_tool(*token.logged_in, "--list-objects")


def test_deleting_wants_the_whole_word(pero: CommandLine, token: GostToken) -> None:
    with pero.on_terminal("token", "delete", "key:01") as terminal:
        said = terminal.until("cancels):")
        assert "Key: GOST R 34.10-2012 256 (CryptoPro-A)" in said
        assert "will sign nothing any more: Иванов" in said
        terminal.type("y")
        assert terminal.ended() == 3
    assert b"Private Key Object" in token.pkcs11_tool(*token.logged_in, "--list-objects").stdout
    pero.settings(clock_hosts=(), modules=(token.module,), language="ru")
    with pero.on_terminal("token", "delete", "key:01") as terminal:
        terminal.until("введите слово «удалить»")
        terminal.type("удалить")
        terminal.until("PIN-код (не отображается; пустая строка — отмена):")
        terminal.type(token.pin)
        assert terminal.ended() == 0
    assert b"Private Key Object" not in token.pkcs11_tool(*token.logged_in, "--list-objects").stdout


def test_a_passphrase_and_a_pin_are_told_apart(pero: CommandLine, token: GostToken) -> None:
    made = make_key_file(pero.folder, "rsa2048", common_name="Moved Here")
    with pero.on_terminal("token", "import", made.path) as terminal:
        terminal.until("Passphrase of the key file")
        terminal.type("wrong")
        assert "is incorrect" in terminal.until("Passphrase of the key file")
        terminal.type(PASSPHRASE)
        terminal.until("PIN (not shown; an empty line cancels):")
        terminal.type(token.pin)
        assert terminal.ended() == 0
    assert token.pkcs11_tool(*token.logged_in, "--list-objects").stdout.count(b"Private Key Object") == 2


def test_a_pin_that_came_with_the_token_is_called_so_after_signing(pero: CommandLine) -> None:
    token = make_gost_token(pero.folder / "tokens", pin="12345678")
    pero.use_gost_token(token)
    with pero.on_terminal("sign", "contract.txt") as terminal:
        terminal.until("PIN (not shown; an empty line cancels):")
        terminal.type("12345678")
        assert terminal.ended() == 0
        assert "everybody knows it. Change it: pero token change-pin" in terminal.shown
    with pero.on_terminal("token", "change-pin") as terminal:
        terminal.until(OLD)
        terminal.type("12345678")
        assert "everybody knows it" not in terminal.until(NEW)
        terminal.press(b"\x03")
        assert terminal.ended() == 130


def test_among_several_tokens_the_person_is_asked(pero: CommandLine, token: GostToken) -> None:
    make_blank_token(pero.folder / "tokens", label="The other", name="other", pin="other-pin")
    with pero.on_terminal("token", "change-pin") as terminal:
        said = terminal.until("Number of the token (an empty line cancels):")
        (number,) = (line.split()[0] for line in said.splitlines() if "The other" in line)
        terminal.type(number)
        terminal.until(OLD)
        terminal.type("other-pin")
        terminal.until(NEW)
        terminal.type(FRESH)
        terminal.until(AGAIN)
        terminal.type(FRESH)
        assert terminal.ended() == 0
    token.pkcs11_tool(*token.logged_in, "--list-objects")


def test_the_last_try_wants_the_whole_word_first(pero: CommandLine, token: GostToken) -> None:
    for _ in range(9):
        token.pkcs11_tool(*AS_OFFICER, "--so-pin", "not-it-9", check=False)
    with pero.on_terminal("token", "unblock") as terminal:
        said = terminal.until("(anything else cancels):")
        assert "This is the last try: one more mistake locks this PIN, and nothing unlocks it again." in said
        terminal.type("yes")
        assert terminal.ended() == 3
    with pero.on_terminal("token", "unblock") as terminal:
        terminal.until("Type the word last")
        terminal.until("cancels):")
        terminal.type("last")
        terminal.until("cancels):")
        assert not terminal.echoes
        terminal.type(token.so_pin)
        terminal.until(NEW)
        terminal.type(FRESH)
        terminal.until(AGAIN)
        terminal.type(FRESH)
        assert terminal.ended() == 0
    token.pkcs11_tool("--login", "--pin", FRESH, "--list-objects")


def test_the_last_try_at_a_reader_wants_the_word_too(pero: CommandLine, token: GostToken) -> None:
    token.set_options("protected-path = yes", "tries = 1")
    token.type_at_reader("not-it-9")
    with pero.on_terminal("sign", "contract.txt") as terminal:
        assert "This is the last try" in terminal.until("(anything else cancels):")
        terminal.type("no")
        assert terminal.ended() == 3
    token.type_at_reader(token.pin)
    with pero.on_terminal("sign", "contract.txt") as terminal:
        terminal.until("(anything else cancels):")
        terminal.type("last")
        assert terminal.ended() == 0
