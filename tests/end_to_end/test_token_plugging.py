"""Tokens that come and go while windows and commands look on, and what follows a signature: all parts real."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.command_line import PERO, CommandLine
from tests.harness.display import DEADLINE, Display
from tests.harness.gost_token import GostToken, make_gost_token, openssl_gost

_SHOWN = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "NO_AT_BRIDGE")


@pytest.fixture(scope="module")
def display() -> Iterator[Display]:
    with Display() as display:
        yield display


@pytest.fixture
def pero(tmp_path: Path, display: Display) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        (tmp_path / "contract.txt").write_bytes(b"contract")
        line.environment |= {name: display.environment[name] for name in _SHOWN}
        yield line
    display.wait_for_no_window("Pero")


def token_of(pero: CommandLine, **more: str) -> GostToken:
    token = make_gost_token(pero.folder / "tokens", **more)
    pero.use_gost_token(token)
    return token


@contextlib.contextmanager
def begun(pero: CommandLine, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command that waits for the person."""
    with subprocess.Popen(
        [PERO, *arguments], env=pero.environment, cwd=pero.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=DEADLINE)
    return process.returncode, said


def accepted(pero: CommandLine, token: GostToken) -> None:
    openssl_gost(
        "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", pero.folder / "contract.txt.p7s",
        "-content", pero.folder / "contract.txt", "-CAfile", token.authority.certificate, "-purpose", "any",
    )  # fmt: skip


@pytest.mark.parametrize("running", [False, True], ids=["alone", "with an agent"])
def test_a_signing_window_waits_for_a_token_and_fills_when_it_comes(
    pero: CommandLine, display: Display, running: bool
) -> None:
    token = token_of(pero)
    token.pull()
    with pero.agent() if running else contextlib.nullcontext(), begun(pero, "sign", "contract.txt") as process:
        display.wait_for_window("Pero")
        display.wait_for_accessible("Insert your token: its certificates will appear here.")
        display.wait_until_ready("Sign", enabled=False)
        token.push()
        display.wait_for_accessible("PIN", state="focused")
        display.sign(token.pin)
        assert ended(process)[0] == 0
    accepted(pero, token)


def test_a_token_pulled_while_the_pin_is_typed_takes_its_certificate_along(pero: CommandLine, display: Display) -> None:
    token = token_of(pero)
    other = make_gost_token(pero.folder / "tokens", label="Other token", name="tokenb", common_name="Петров Пётр")
    with begun(pero, "sign", "contract.txt") as process:
        display.wait_for_window("Pero")
        display.wait_until_ready("Refuse")
        items = display.accessible.find(role="list item")
        first = token if "Иванов" in items[0]["name"] else other
        display.type_keys("s3cr")
        first.pull()
        display.until(lambda: len(display.accessible.find(role="list item")) == 1, "the certificate to go")
        display.type_keys("et-7")
        display.press("Return")  # neither signs nor goes to the other token
        display.wait_until_ready("Sign", enabled=False)
        assert not [node for node in display.accessible.find(role="list item") if "selected" in node["states"]]
        first.push()
        display.until(lambda: len(display.accessible.find(role="list item")) == 2, "the certificate to come back")
        display.sign(first.pin)
        assert ended(process)[0] == 0
    for one in (token, other):
        one.pkcs11_tool(*one.logged_in, "--list-objects")  # no try was spent
    accepted(pero, first)


def test_scripts_are_told_at_once_that_there_is_no_certificate(pero: CommandLine) -> None:
    token_of(pero).pull()
    done = pero.run("sign", "contract.txt", "--json", pin="s3cret-7")
    assert (done.status, done.json["error"]["name"]) == (3, "no_certificate")


def test_a_pin_that_came_with_the_token_is_changed_right_after_the_signature(
    pero: CommandLine, display: Display
) -> None:
    token = token_of(pero, pin="12345678")
    with pero.agent():
        with begun(pero, "sign", "contract.txt") as process:
            display.sign("12345678")
            assert ended(process)[0] == 0, "the signature does not wait for the offer"
        accepted(pero, token)
        display.wait_for_accessible("Signed. Now change the PIN?")
        display.click("Change the PIN now")
        display.wait_for_window("Change the PIN of the token")
        display.wait_for_accessible("Present PIN", state="focused")
        display.wait_until_ready("Cancel")
        display.type_keys("12345678\tmy-own-pin\tmy-own-pin")
        display.wait_until_ready("Change")
        display.press("Return")
        display.wait_for_no_window("Pero")
        token.pkcs11_tool("--login", "--pin", "my-own-pin", "--list-objects")
        entries = pero.run("journal", "list", "--json").json["entries"]
    assert [entry["kind"] for entry in entries][-2:] == ["token_change_pin", "outcome"]
    assert entries[-1]["facts"]["outcome"] == "done"
    assert pero.holds("my-own-pin") == []


def test_a_command_without_an_agent_writes_the_signature_before_the_offer_is_answered(
    pero: CommandLine, display: Display
) -> None:
    token = token_of(pero, pin="12345678")
    with begun(pero, "sign", "contract.txt") as process:
        display.sign("12345678")
        display.wait_for_accessible("Signed. Now change the PIN?")
        display.until((pero.folder / "contract.txt.p7s").exists, "the signature")
        display.click("Later")
        assert ended(process)[0] == 0
    accepted(pero, token)


def test_an_offer_leaves_when_somebody_else_needs_the_person(pero: CommandLine, display: Display) -> None:
    token = token_of(pero, pin="12345678")
    with pero.agent():
        with begun(pero, "sign", "contract.txt") as process:
            display.sign("12345678")
            assert ended(process)[0] == 0
        display.wait_for_accessible("Signed. Now change the PIN?")
        with begun(pero, "token", "change-pin", token.label) as other:
            display.wait_for_window("Change the PIN of the token")
            display.wait_until_ready("Cancel")
            assert len(display.windows("Pero")) == 1
            display.press("Escape")
            assert ended(other)[0] == 3


def test_a_window_for_a_token_goes_with_its_agent(pero: CommandLine, display: Display) -> None:
    token = token_of(pero)
    with pero.agent() as agent, begun(pero, "token", "change-pin") as process:
        display.wait_for_window("Change the PIN of the token")
        display.wait_until_ready("Cancel")
        display.type_keys(f"{token.pin}\tmy-own-pin\tmy-own")
        os.kill(agent.pid, signal.SIGKILL)
        display.wait_for_no_window("Pero")
        assert ended(process)[0] == 3
    token.pkcs11_tool(*token.logged_in, "--list-objects")


def test_a_token_pulled_before_its_pin_is_changed_is_told_in_the_window(pero: CommandLine, display: Display) -> None:
    token = token_of(pero)
    with begun(pero, "token", "change-pin") as process:
        display.wait_for_window("Change the PIN of the token")
        display.wait_until_ready("Cancel")
        display.type_keys(f"{token.pin}\tmy-own-pin\tmy-own-pin")
        display.wait_until_ready("Change")
        token.pull()
        display.press("Return")
        display.until(
            lambda: any("is not connected" in node["name"] for node in display.accessible.tree()), "what happened"
        )
        token.push()
        display.type_keys(f"{token.pin}\tmy-own-pin\tmy-own-pin")
        display.wait_until_ready("Change")
        display.press("Return")
        assert ended(process)[0] == 0
    token.pkcs11_tool("--login", "--pin", "my-own-pin", "--list-objects")


def test_tokens_are_watched(pero: CommandLine) -> None:
    token = token_of(pero)
    process = subprocess.Popen(
        [PERO, "token", "list", "--watch", "--json"], env=pero.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        try:
            seen = [json.loads(process.stdout.readline())]
            token.pull()
            seen.append(json.loads(process.stdout.readline()))
            token.push()
            seen.append(json.loads(process.stdout.readline()))
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 130
    assert [row["event"] for row in seen] == ["token_inserted", "token_removed", "token_inserted"]
    assert {row["token"]["label"] for row in seen} == {token.label}
