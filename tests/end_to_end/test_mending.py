"""Repairs as a person makes them: a machine is broken, `pero diagnose --mend` mends it, `--undo` breaks it again."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.certificates import pem
from agent.cli.exits import Exit
from agent.config import Locations
from native_host.manifests import CHROMIUM_EXTENSION
from tests.harness.authority_server import AuthorityServer
from tests.harness.command_line import CommandLine, Ended

PASSPHRASE = "long enough passphrase"
LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        (tmp_path / "home/.config/chromium").mkdir(parents=True)
        line.environment["PATH"] = "/usr/bin:/bin"
        yield line


def cases(ended: Ended, check: str) -> set[str]:
    assert ended.status in (0, 1, 2), ended.complaint
    return {finding["case"] for finding in ended.json["findings"] if finding["id"] == check}


def manifest(line: CommandLine) -> Path:
    return line.folder / "home/.config/chromium/NativeMessagingHosts/pero.agent.json"


def test_a_deleted_manifest_is_mended_told_as_mended_and_the_browser_can_start_the_host(line: CommandLine) -> None:
    found = line.run("diagnose", "--area", "browsers", "--json")
    (row,) = [one for one in found.json["findings"] if "chromium" in str(one["facts"].get("path"))
              and one["id"] == "browsers.manifests"]  # fmt: skip
    assert (row["case"], row["mendable"]) == ("absent", True)
    mended = line.run("diagnose", "--area", "browsers", "--mend", "--yes", "--only", "browsers.manifests", "--json")
    assert cases(mended, "browsers.manifests") == {"present"}, mended.complaint
    launcher = json.loads(manifest(line).read_text())["path"]
    with line.agent():
        assert '"hello"' in ping(launcher), "what the manifest names reaches the agent"
    assert "not_running" in ping(launcher)
    undone = line.run("diagnose", "--undo", "--yes")
    assert undone.status == 0, undone.complaint
    assert not manifest(line).exists()
    assert "nothing to undo" in line.run("diagnose", "--undo", "--yes").output


def ping(launcher: str) -> str:
    """As Chromium starts a host: four bytes of length, JSON. What the first frame of the answer holds."""
    message = b'{"jsonrpc": "2.0", "id": 1, "method": "status"}'
    with subprocess.Popen(
        [launcher, f"chrome-extension://{CHROMIUM_EXTENSION}/"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as host:
        assert host.stdin
        assert host.stdout
        with contextlib.suppress(BrokenPipeError):
            host.stdin.write(len(message).to_bytes(4, "little") + message)
            host.stdin.flush()
        return host.stdout.read(int.from_bytes(host.stdout.read(4), "little")).decode()


def test_nothing_is_done_that_was_not_agreed_to(line: CommandLine) -> None:
    with line.on_terminal("diagnose", "--area", "browsers", "--mend") as terminal:
        terminal.until("NativeMessagingHosts")
        terminal.until("[y/N]")
        terminal.type("n")
        assert terminal.ended() in (0, 1, 2)
    assert not manifest(line).exists()


def test_open_files_of_pero_are_closed_and_opened_again(line: CommandLine) -> None:
    line.places.state.chmod(0o755)
    line.places.settings.chmod(0o666)
    mended = line.run("diagnose", "--area", "agent", "--mend", "--yes", "--only", "agent.files", "--json")
    assert cases(mended, "agent.files") == {"closed"}, mended.complaint
    assert line.run("diagnose", "--undo", "--yes").status == 0
    modes = [path.stat().st_mode & 0o777 for path in (line.places.state, line.places.settings)]
    assert modes == [0o755, 0o666]


@pytest.mark.parametrize(
    "options", [("--only", "agent.files"), ("--mend", "--undo"), ("--mend", "--only", "no.such\x1b[2J")]
)
def test_options_that_mean_nothing_are_refused(line: CommandLine, options: tuple[str, ...]) -> None:
    done = line.run("diagnose", *options)
    assert done.status == Exit.USAGE
    assert "\x1b" not in done.complaint


def test_an_agent_that_does_not_run_is_started_and_stopped_again(line: CommandLine) -> None:
    assert cases(line.run("diagnose", "--area", "agent", "--json"), "agent.running") == {"not_running"}
    mended = line.run("diagnose", "--area", "agent", "--mend", "--yes", "--only", "agent.running", "--json")
    try:
        assert cases(mended, "agent.running") == {"running"}, mended.complaint
        assert (line.folder / "home/.config/autostart/pero.desktop").exists()
    finally:
        undone = line.run("diagnose", "--undo", "--yes")
        line.run("stop")
    assert undone.status == 0, undone.complaint
    assert not (line.folder / "home/.config/autostart").exists()
    assert cases(line.run("diagnose", "--area", "agent", "--json"), "agent.running") == {"not_running"}


def test_a_stale_socket_is_put_right(line: CommandLine) -> None:
    """An agent that was killed leaves its socket; the next one takes its place."""
    with line.agent() as agent:
        agent.kill()
        agent.wait()
    assert line.places.socket.exists(), "the socket that nobody serves"
    assert cases(line.run("diagnose", "--area", "agent", "--json"), "agent.running") == {"not_running"}
    try:
        mended = line.run("diagnose", "--area", "agent", "--mend", "--yes", "--only", "agent.running", "--json")
        assert cases(mended, "agent.running") == {"running"}, mended.complaint
    finally:
        line.run("stop")


def test_a_missing_issuer_is_fetched_verified_kept_and_forgotten_again(line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "authority").mkdir()
    with AuthorityServer(tmp_path / "authority", "ec") as server:
        authority = server.authority
        line.environment["SSL_CERT_FILE"] = str(authority.root.certificate)
        line.settings(clock_hosts=(), certificate_networks=LOOPBACK, proxy="direct")
        made = authority.key_file(authority.signer(), PASSPHRASE, chain=False)
        assert line.run("keyfile", "add", made, pin=PASSPHRASE).status == 0
        look = ("diagnose", "--area", "certificates", "--json")
        mend = (*look, "--mend", "--yes", "--only", "certificates.chain")
        assert cases(line.run(*look), "certificates.chain") == {"issuer_fetchable"}
        mended = line.run(*mend)
        assert cases(mended, "certificates.chain") == {"complete"}, mended.complaint
        assert authority.issuing.der in [path.read_bytes() for path in kept(line.places)]
        assert carried(line, authority.issuing.der), "a signature made now takes the issuer along"
        assert line.run("diagnose", "--undo", "--yes").status == 0
        assert kept(line.places) == []
        assert not carried(line, authority.issuing.der)
        assert cases(line.run(*look), "certificates.chain") == {"issuer_fetchable"}


def carried(line: CommandLine, certificate: bytes) -> bool:
    """Whether a signature has a certificate with it, as openssl reads it."""
    (line.folder / "document").write_text("text")
    done = line.run("sign", "document", "-o", "signature", "--force", pin=PASSPHRASE)
    assert done.status == 0, done.complaint
    order = ["openssl", "cms", "-verify", "-noverify", "-inform", "DER", "-in", "signature", "-content", "document",
             "-certsout", "carried.pem", "-out", "/dev/null"]  # fmt: skip
    subprocess.run(order, cwd=line.folder, check=True, capture_output=True)
    return certificate in pem.blocks((line.folder / "carried.pem").read_bytes(), frozenset({"CERTIFICATE"}))


def kept(places: Locations) -> list[Path]:
    return list(places.issuers.iterdir())
