"""`pero run` and `pero diagnose`: an agent that starts, is found well, and stops."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.command_line import PERO, CommandLine
from tests.harness.keyfiles import PASSPHRASE, make_key_file


@pytest.fixture
def pero(tmp_path: Path) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        yield line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_agent_stops_cleanly_when_it_is_told(pero: CommandLine, number: int) -> None:
    with pero.agent() as agent:
        socket = pero.places.socket
        assert socket.is_socket()
        agent.send_signal(number)
        assert agent.wait(20) == 0
        assert agent.stdout is not None
        assert agent.stdout.read() == ""
        assert not socket.exists()


def test_stop_ends_the_agent_and_waits_for_it(pero: CommandLine) -> None:
    none = pero.run("stop", "--json")
    assert (none.status, none.json) == (0, {"stopped": False})
    with pero.agent() as agent:
        ended = pero.run("stop")
        assert (ended.status, ended.output) == (0, "Pero was stopped.\n")
        assert agent.wait(10) == 0, "it had ended when the command did"
        assert not pero.places.socket.exists()
    again = pero.run("stop", language="ru_RU")
    assert (again.status, again.output) == (0, "Pero не запущено: останавливать нечего.\n")


def test_what_waits_for_a_person_is_told_that_the_agent_stops(pero: CommandLine) -> None:
    made = make_key_file(pero.folder, "p256")
    assert pero.run("keyfile", "add", made.path, pin=PASSPHRASE).status == 0
    (pero.folder / "contract.txt").write_bytes(b"contract")
    with pero.agent() as agent, pero.on_terminal("sign", "contract.txt") as terminal:
        terminal.until("(not shown; an empty line cancels):")
        assert pero.run("stop").status == 0
        assert agent.wait(10) == 0
        assert terminal.ended() == 3
        assert "is being stopped" in terminal.shown
    outcome = pero.run("journal", "list", "--json").json["entries"][-1]
    assert (outcome["kind"], outcome["facts"]["outcome"]) == ("outcome", "cancelled")


def test_a_second_start_says_that_one_runs(pero: CommandLine) -> None:
    with pero.agent():
        second = pero.run("run")
        assert second.status == 3
        assert second.complaint.startswith("Error: Pero is running already.")
        assert pero.run("sites", "list").status == 0, "the first one is not disturbed"


def test_an_agent_that_was_killed_leaves_nothing_in_the_way(pero: CommandLine) -> None:
    with pero.agent() as agent:
        agent.kill()
        agent.wait()
    assert pero.run("journal", "verify").status == 0
    with pero.agent():
        assert pero.run("sites", "list").status == 0


def test_setup_for_a_profile_that_is_not_there_names_it_and_makes_nothing(pero: CommandLine) -> None:
    def everything() -> set[Path]:
        return set(pero.folder.rglob("*"))

    (pero.folder / "file").touch()
    before = everything()
    for name, reason in (("profil", "No such file or directory"), ("file", "Not a directory")):
        ended = pero.run("setup", "--autostart", "--profile", name)
        assert (ended.status, ended.output) == (3, "")
        assert ended.complaint.startswith(f"Error: The file cannot be read: {name} ({reason}).")
        assert everything() == before
    (pero.folder / "profil").mkdir()
    assert pero.run("setup", "--profile", "profil").status == 0
    assert (pero.folder / "profil/NativeMessagingHosts/pero.agent.json").is_file()


def rows(pero: CommandLine) -> dict[str, list[tuple[str, str]]]:
    """Cases and statuses of a diagnosis, by check."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in pero.run("diagnose", "--json").json["findings"]:
        found.setdefault(row["id"], []).append((row["case"], row["status"]))
    return found


def test_a_machine_without_an_agent_is_diagnosed_as_such(pero: CommandLine) -> None:
    ended = pero.run("diagnose")
    assert ended.status == 2
    assert "[x] Pero is not running" in ended.output
    assert ended.output.splitlines()[-1].startswith("Errors: 1, warnings: ")
    found = rows(pero)
    assert found["agent.port"] == [("skipped", "unknown")]
    assert found["tokens.seen"] in ([("none", "warning")], [("no_service", "unknown")])
    assert found["time.clock"] == [("nobody_asked", "unknown")]


def test_a_machine_that_is_set_up_is_found_well(pero: CommandLine) -> None:
    made = make_key_file(pero.folder, "p256", days=100)
    pero.run("keyfile", "add", made.path, pin=PASSPHRASE)
    (pero.folder / "home" / ".config" / "google-chrome").mkdir(parents=True)
    assert pero.run("setup").status == 0
    with pero.agent():
        ended = pero.run("diagnose", "--json")
        assert (ended.status in (0, 1), ended.json["counts"]["error"]) == (True, 0), ended.output
        found = rows(pero)
        assert found["agent.running"] == [("running", "ok")]
        assert found["agent.port"][0] in (("open", "ok"), ("none", "warning")), "others may hold all ports"
        assert ("present", "ok") in found["browsers.manifests"]
        assert found["tokens.seen"] == [("key_file", "ok")]
        assert found["certificates.usable"] == [("valid", "ok")]
    pero.places.host_launcher.unlink()
    assert ("launcher_absent", "error") in rows(pero)["browsers.manifests"]


def test_a_certificate_that_ends_soon_and_one_that_ended_are_told(pero: CommandLine) -> None:
    for days in (10, -3):
        made = make_key_file(pero.folder, "p256", days=days, name=f"{days}.p12")
        assert pero.run("keyfile", "add", made.path, pin=PASSPHRASE).status == 0
    assert sorted(rows(pero)["certificates.usable"]) == [("ends_soon", "warning"), ("expired_replaced", "ok")]


def test_diagnosing_signs_nothing_and_logs_in_to_nothing(pero: CommandLine) -> None:
    before = pero.run("journal", "list", "--json").json["entries"]
    pero.run("diagnose")
    assert pero.run("journal", "list", "--json").json["entries"] == before


def test_the_agent_ends_with_its_terminal_and_not_with_a_reader_of_its_output(pero: CommandLine) -> None:
    """`pero run | head -1`: the agent goes on when nobody reads what it says."""
    process = subprocess.Popen(
        [PERO, "run"], env=pero.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert pero.run("sites", "list").status == 0
    process.terminate()
    assert process.wait(20) in (0, 141)
