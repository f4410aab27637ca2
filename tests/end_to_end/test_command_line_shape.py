"""What all commands have in common: help, language, exit codes, JSON, pipes."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from agent.cli.main import COMMANDS, main
from agent.config import VERSION
from tests.harness.command_line import PERO, CommandLine, Ended

KEY = re.compile(r"(?<![\w.])(command|option|error|check)\.[a-z_]+(\.[a-z_]+)+")  # of a wording that is missing


@pytest.fixture(scope="module")
def pero(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with CommandLine(tmp_path_factory.mktemp("person")) as line:
        yield line


MANY = """
import contextlib, io, json, sys
from agent.cli.main import main
ended = []
for arguments in json.loads(sys.argv[1]):
    output, complaint = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(complaint):
        status = main(arguments)
    ended.append([status, output.getvalue(), complaint.getvalue()])
print(json.dumps(ended))
"""


def run_many(pero: CommandLine, commands: list[tuple[str, ...]], language: str) -> list[Ended]:
    """Many command lines that do no work, in one process."""
    done = subprocess.run(
        [sys.executable, "-c", MANY, json.dumps(commands)],
        env={**pero.environment, "LANG": f"{language}.UTF-8"},
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    return [Ended(*row) for row in json.loads(done.stdout)]


def ways() -> Iterator[tuple[str, ...]]:
    """Every command and subcommand."""
    yield ()
    for name, module in COMMANDS.items():
        yield (name,)
        command = importlib.import_module(module).command
        if isinstance(command, click.Group):
            yield from ((name, part) for part in command.commands)


def test_every_command_has_help_in_both_languages(pero: CommandLine) -> None:
    lines = [(*way, "--help") for way in ways()]
    assert len(lines) > 20
    for english, russian in zip(run_many(pero, lines, "en_US"), run_many(pero, lines, "ru_RU"), strict=True):
        assert (english.status, russian.status) == (0, 0)
        assert english.output.startswith("Usage: pero")
        assert russian.output.startswith("Использование: pero")
        assert not KEY.search(english.output + russian.output)
        assert not re.search("[А-Яа-я]", english.output)
        assert not re.search(r"\b(the|of|a)\b", russian.output), russian.output


def test_help_names_every_command_in_the_order_of_the_table(pero: CommandLine) -> None:
    lines = pero.run("--help").output.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == list(COMMANDS)


def test_help_and_version_import_nothing_heavy() -> None:
    program = (
        "import sys; from agent.cli.main import main; code = main(sys.argv[1:]); "
        "print(','.join(sorted({name.split('.')[0] for name in sys.modules} | set(sys.modules)))); sys.exit(code)"
    )
    for option in ("--help", "--version"):
        done = subprocess.run([sys.executable, "-c", program, option], capture_output=True, text=True, check=True)
        loaded = set(done.stdout.splitlines()[-1].split(","))
        heavy = {"aiohttp", "cryptography", "asn1crypto", "PyKCS11", "PySide6", "rich", "agent.app", "agent.tokens"}
        assert loaded & heavy == set()


def test_the_version_is_that_of_the_package(pero: CommandLine) -> None:
    from importlib.metadata import version

    assert pero.run("--version").output == f"pero {VERSION}\n"
    assert version("pero-agent") == VERSION


WRONG: list[tuple[str, ...]] = [
    (),
    ("nonsense",),
    ("--nonsense",),
    ("modules",),
    ("modules", "nonsense"),
    ("modules", "add"),
    ("keyfile", "add"),
    ("keyfile", "forget", "abc"),
    ("sign",),
    ("sign", "a", "b", "--resume", "--force"),
    ("sign", "a", "--certificate", "nonsense"),
    ("sign", "a", "--pin-fd", "99"),
    ("sign", "a", "--pin-fd", "x"),
    ("sign", "a", "--pin-fd", "0", "--ask", "terminal"),
    ("sites", "forget"),
    ("journal", "list", "--limit", "0"),
    ("journal", "list", "--limit", "many"),
    ("diagnose", "extra"),
    ("certificates", "extra"),
    ("run", "--nonsense"),
    ("verify",),
]


def test_a_wrong_command_line_exits_64_and_says_so_on_stderr(pero: CommandLine) -> None:
    for arguments, ended in zip(WRONG, run_many(pero, WRONG, "en_US"), strict=True):
        assert ended.status == 64, arguments
        assert ended.output == ""
        assert "Usage: pero" in ended.complaint
        assert "Traceback" not in ended.complaint
    assert pero.run("nonsense").status == 64


def test_what_is_wrong_with_a_command_line_is_said_in_russian_too(pero: CommandLine) -> None:
    assert "Нет такого параметра: '--nonsense'." in pero.run("--nonsense", language="ru_RU").complaint
    assert "Не указан аргумент 'FILE...'" in pero.run("sign", language="ru_RU").complaint


def test_an_error_says_what_happened_and_what_to_do_on_stderr(pero: CommandLine) -> None:
    ended = pero.run("sign", "absent.txt", pin="1")
    assert (ended.status, ended.output) == (3, "")
    said, advice = ended.complaint.splitlines()
    assert said.startswith("Error: The file cannot be read: ")
    assert "absent.txt" in said
    assert advice == "Check the name of the file and that you may read it."
    assert pero.run("sign", "absent.txt", pin="1", language="ru_RU").complaint.startswith("Ошибка: Файл не удаётся")


def test_an_error_in_json_goes_to_stdout(pero: CommandLine) -> None:
    ended = pero.run("sign", "absent.txt", "--json", pin="1")
    error = ended.json["error"]
    assert (ended.status, ended.complaint) == (3, "")
    assert (error["code"], error["name"], error["actor"], error["retriable"]) == (
        4005,
        "file_unreadable",
        "person",
        False,
    )
    assert error["facts"]["path"].endswith("absent.txt")
    assert error["text"]
    assert error["advice"]


def test_the_setting_of_the_language_comes_before_the_locale(pero: CommandLine) -> None:
    pero.settings(clock_hosts=(), language="ru")
    try:
        ended = pero.run("sites", "list", language="en_US")
        assert ended.output == "Ни одного сайта.\n"
        assert pero.run("sign", language="en_US").complaint.startswith("Использование:")
    finally:
        pero.settings(clock_hosts=())


def test_settings_that_cannot_be_read_are_named(pero: CommandLine) -> None:
    pero.places.settings.write_text("{")
    try:
        ended = pero.run("sites", "list", "--json")
        assert (ended.status, ended.json["error"]["name"]) == (3, "settings_damaged")
        assert pero.run("--help").status == 0
    finally:
        pero.settings(clock_hosts=())


def test_a_state_folder_that_is_open_to_others_is_refused(pero: CommandLine) -> None:
    pero.places.state.chmod(0o755)
    try:
        ended = pero.run("sites", "list", "--json")
        assert (ended.status, ended.json["error"]["name"]) == (3, "state_unsafe")
    finally:
        pero.places.state.chmod(0o700)


@pytest.mark.parametrize("arguments", [("--help",), ("certificates", "--json"), ("journal", "list")])
def test_a_reader_that_went_away_is_no_error_to_talk_about(pero: CommandLine, arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    pero.run("sites", "list")
    pero.run("journal", "verify")
    done = subprocess.run(
        [PERO, *arguments], env=pero.environment, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_locale_that_cannot_write_russian_ends_no_command(pero: CommandLine) -> None:
    pero.settings(clock_hosts=(), language="ru")
    try:
        done = subprocess.run(
            [PERO, "sites", "list"],
            env={**pero.environment, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        pero.settings(clock_hosts=())
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert done.stdout


def test_json_is_utf8_whatever_the_locale_says(pero: CommandLine) -> None:
    document = pero.folder / "договор.txt"
    done = subprocess.run(
        [PERO, "sign", document, "--json", "--pin-fd", "0"],
        env={**pero.environment, "PYTHONIOENCODING": "ascii"},
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert json.loads(done.stdout.decode("utf-8"))["error"]["facts"]["path"].endswith("договор.txt")


def test_a_fault_of_ours_is_not_taken_for_an_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Exit code 1 of `verify` means: the signature is invalid."""

    @click.command()
    def command() -> None:
        raise ZeroDivisionError

    module = type(sys)("broken_command")
    module.command = command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "broken_command", module)
    monkeypatch.setitem(COMMANDS, "broken", "broken_command")
    monkeypatch.setenv("PERO_HOME", str(tmp_path))
    assert main(["broken"]) == 70
