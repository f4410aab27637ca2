"""`pero sign` of several files: one PIN, each signature beside its file (R6). openssl and pdfsig are the judges."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.harness import pdf
from tests.harness.command_line import PERO, CommandLine
from tests.harness.openssl import openssl
from tests.harness.shim import Shim
from tests.harness.softhsm import MODULE, PIN, SoftHsm, make_softhsm
from tests.harness.whole import until

ASKED = "an empty line cancels):"
NAMES = [f"file {number:02}.txt" for number in range(12)]


@pytest.fixture
def pero(tmp_path: Path) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        for name in NAMES:
            (tmp_path / name).write_bytes(f"{name}\n".encode())
        yield line


@pytest.fixture
def token(pero: CommandLine) -> SoftHsm:
    directory = pero.folder / "token"
    directory.mkdir()
    made = make_softhsm(directory)
    pero.use_tokens(directory)
    return made


@pytest.fixture
def shim(pero: CommandLine, token: SoftHsm) -> Shim:
    """The token behind a module that takes 400 ms for a signature until it is told something else."""
    made = Shim(pero.folder, token)
    pero.environment |= {
        "PERO_FAULT_MODULE": MODULE,
        "PERO_FAULT_FILE": str(pero.folder / "faults"),
        "PERO_FAULT_LOG": str(pero.folder / "log"),
    }
    # Named like the module that it stands in front of, so that it is the best one for its tokens: added ones first.
    standing = pero.folder / "module" / Path(MODULE).name
    standing.parent.mkdir()
    shutil.copy(made.path, standing)
    pero.settings(clock_hosts=(), modules=(str(standing),))
    made.does("C_Sign sleep 400")
    return made


def accepted(pero: CommandLine, token: SoftHsm, signature: Path, content: Path) -> None:
    """openssl takes the signature for CAdES-BES of that file."""
    authority = pero.folder / "authority.pem"
    authority.write_bytes(token.identity.authority.public_bytes(Encoding.PEM))
    openssl(
        "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", signature, "-CAfile", authority,
        "-purpose", "any", "-content", content,
    )  # fmt: skip


def all_accepted(pero: CommandLine, token: SoftHsm, names: list[str]) -> None:
    for name in names:
        accepted(pero, token, pero.folder / f"{name}.p7s", pero.folder / name)


def signatures(pero: CommandLine) -> list[Path]:
    return sorted(pero.folder.glob("*.p7s"))


@pytest.mark.parametrize("running", [False, True], ids=["alone", "with an agent"])
def test_twelve_files_are_signed_with_one_pin(pero: CommandLine, token: SoftHsm, running: bool) -> None:
    with pero.agent() if running else contextlib.nullcontext():
        ended = pero.run("sign", *NAMES, pin=PIN)
    assert (ended.status, ended.complaint) == (0, "")
    assert ended.output.splitlines() == [f"Signature written: {name}.p7s" for name in NAMES]
    all_accepted(pero, token, NAMES)
    entries = pero.run("journal", "list", "--json").json["entries"]
    assert [entry["kind"] for entry in entries].count("confirmed") == 1


def test_on_the_terminal_the_files_are_named_before_the_one_pin(pero: CommandLine, token: SoftHsm) -> None:
    with pero.on_terminal("sign", *NAMES) as terminal:
        before = terminal.until(ASKED)
        terminal.type(PIN)
        assert terminal.ended() == 0
    assert all(str(pero.folder / name) in before for name in NAMES)
    assert "About to sign these files (12) with the certificate: " in before
    assert terminal.shown.count(ASKED) == 1
    all_accepted(pero, token, NAMES)


def test_a_damaged_pdf_does_not_stop_the_others(pero: CommandLine, token: SoftHsm) -> None:
    for name, content in (("a.pdf", pdf.plain()), ("b.pdf", b"%PDF-1.7\nnothing"), ("c.pdf", pdf.plain())):
        (pero.folder / name).write_bytes(content)
    ended = pero.run("sign", "a.pdf", "b.pdf", "c.pdf", "gone.pdf", "--format", "pades", "--json", pin=PIN)
    rows = ended.json
    assert (ended.status, [row["document"] for row in rows]) == (1, ["a.pdf", "b.pdf", "c.pdf", "gone.pdf"])
    assert [row.get("error", {}).get("name") for row in rows] == [None, "document_damaged", None, "file_unreadable"]
    assert [row.get("file") for row in rows] == ["a.signed.pdf", None, "c.signed.pdf", None]
    for name in ("a.signed.pdf", "c.signed.pdf"):
        assert "Signature is Valid" in pdf.pdfsig((pero.folder / name).read_bytes(), pero.folder)
    again = pero.run("sign", "b.pdf", "gone.pdf", "--format", "pades", pin=PIN)
    assert (again.status, again.output) == (3, "")
    assert [line.split(".pdf")[0] for line in again.complaint.splitlines()[:2]] == [
        "Not signed: gone",
        "Not signed: b",
    ]


def test_what_is_signed_already_is_left_alone_and_the_rest_is_signed(pero: CommandLine, token: SoftHsm) -> None:
    (pero.folder / "out").mkdir()
    assert pero.run("sign", *NAMES[:2], "-o", "out", pin=PIN).status == 0
    before = [file.read_bytes() for file in sorted((pero.folder / "out").iterdir())]
    refused = pero.run("sign", *NAMES[1:3], "-o", "out", "--json", pin=PIN)
    assert (refused.status, [row.get("error", {}).get("name") for row in refused.json]) == (
        1,
        ["file_unwritable", None],
    )
    ended = pero.run("sign", *NAMES, "-o", "out", "--resume", "--json", pin=PIN)
    assert (ended.status, [row.get("signed_before", False) for row in ended.json]) == (0, [True] * 3 + [False] * 9)
    assert [file.read_bytes() for file in sorted((pero.folder / "out").iterdir())[:2]] == before
    for name in NAMES:
        accepted(pero, token, pero.folder / "out" / f"{name}.p7s", pero.folder / name)
    nothing_left = pero.run("sign", *NAMES, "-o", "out", "--resume", pin="0" * 8)
    assert (nothing_left.status, len(nothing_left.output.splitlines())) == (0, 12)


def test_resuming_looks_at_what_was_signed_and_not_at_names(pero: CommandLine, token: SoftHsm) -> None:
    assert pero.run("sign", *NAMES[:5], pin=PIN).status == 0
    other, cut, foreign = (pero.folder / f"{name}.p7s" for name in NAMES[2:5])
    (pero.folder / NAMES[1]).write_bytes(b"changed after signing\n")
    other.write_bytes((pero.folder / f"{NAMES[0]}.p7s").read_bytes())
    cut.write_bytes(cut.read_bytes()[:-20])
    foreign.write_bytes(b"a note of mine\n")
    before = (pero.folder / f"{NAMES[0]}.p7s").read_bytes()
    ended = pero.run("sign", *NAMES[:6], "--resume", pin=PIN)
    assert ended.status == 0, ended.complaint
    assert ended.output.splitlines() == [
        f"Signature is there already: {NAMES[0]}.p7s",
        *(f"Signature written: {name}.p7s" for name in NAMES[1:6]),
    ]
    assert [line.split(".txt.p7s")[0] for line in ended.complaint.splitlines()] == [
        f"What is in {name[:-4]}" for name in NAMES[1:5]
    ]
    assert (pero.folder / f"{NAMES[0]}.p7s").read_bytes() == before
    all_accepted(pero, token, NAMES[:6])


XML = b'<?xml version="1.0"?>\n<order><item>tea</item></order>\n'


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (b"text\n", ("--attached",)),
        (b"text\n", ("--encoding", "base64")),
        (pdf.plain(), ("--format", "pades")),
        (XML, ("--format", "xades")),
        (XML, ("--format", "xmldsig", "--packaging", "enveloping")),
        (XML, ("--format", "xmldsig", "--packaging", "detached")),
    ],
    ids=["attached", "base64", "pdf", "enveloped", "enveloping", "beside"],
)
def test_every_kind_of_signature_is_known_again_and_not_that_of_another_content(
    pero: CommandLine, token: SoftHsm, content: bytes, options: tuple[str, ...]
) -> None:
    name = "a.pdf" if content.startswith(b"%PDF") else "a.xml" if content == XML else "a.txt"
    (pero.folder / name).write_bytes(content)
    for _ in range(2):
        ended = pero.run("sign", name, *options, "--resume", "--json", pin=PIN)
        assert ended.status == 0, ended.complaint
    assert [row.get("signed_before") for row in ended.json] == [True]
    changed = content.replace(b"te", b"co") if not content.startswith(b"%PDF") else content + b"% another\n"
    (pero.folder / name).write_bytes(changed)
    ended = pero.run("sign", name, *options, "--resume", "--json", pin=PIN)
    assert [row.get("signed_before") for row in ended.json] == [None]
    ended = pero.run("sign", name, *options, "--resume", "--json", pin=PIN)
    assert [row.get("signed_before") for row in ended.json] == [True]


@pytest.mark.parametrize("running", [False, True], ids=["the command", "its agent"])
def test_what_was_signed_before_a_sudden_end_is_good_and_the_rest_is_resumed(
    pero: CommandLine, shim: Shim, running: bool
) -> None:
    with contextlib.ExitStack() as stack:
        agent = stack.enter_context(pero.agent()) if running else None
        with signing(pero) as process:
            until(lambda: len(signatures(pero)) > 2, "some signatures")
            if agent is not None:
                os.killpg(agent.pid, signal.SIGKILL)
                output, complaint = process.communicate(timeout=60)
                assert process.returncode == 1, complaint
                assert "Traceback" not in complaint
            else:
                process.kill()
                process.communicate(timeout=60)
    done = signatures(pero)
    all_accepted(pero, shim.token, [path.name.removesuffix(".p7s") for path in done])
    assert {path.name for path in pero.folder.iterdir() if path.name.startswith(".")} == set()
    if running:
        resumed(pero, shim, output, complaint)
    else:
        shim.behaves()
    assert pero.run("sign", *NAMES, "--resume", pin=PIN).status == 0
    all_accepted(pero, shim.token, NAMES)
    assert pero.run("journal", "verify").status == 0


def test_a_disk_that_is_full_costs_that_signature_and_not_the_others(pero: CommandLine, token: SoftHsm) -> None:
    """The limit of a file's size stands for the disk: what is attached does not fit, the others do."""
    (pero.folder / NAMES[3]).write_bytes(bytes(300_000))
    limited = f"ulimit -f 200; exec {PERO} sign --attached --pin-fd 3 {' '.join(map(repr, NAMES))} 3< pin"
    (pero.folder / "pin").write_text(f"{PIN}\n")
    with pero.agent():
        done = subprocess.run(
            ["bash", "-c", f"trap '' XFSZ; {limited}"], env=pero.environment, cwd=pero.folder, capture_output=True,
            text=True, check=False, timeout=120,
        )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert sorted(path.name for path in pero.folder.glob("*.p7m")) == [
        f"{name}.p7m" for name in NAMES if name != NAMES[3]
    ]
    assert done.stderr.startswith(f"Not signed: {NAMES[3]}. The file cannot be written")


@pytest.mark.parametrize(
    "options",
    [("--co-sign", "x.p7s"), ("--counter-sign", "x.p7s"), ("--resume", "--force"), ("-o", "no-folder"), (NAMES[0],)],
)
def test_what_makes_no_sense_with_several_files_is_said(pero: CommandLine, options: tuple[str, ...]) -> None:
    ended = pero.run("sign", NAMES[0], NAMES[1], *options, pin=PIN)
    assert (ended.status, signatures(pero)) == (64, [])


def test_a_wrong_pin_is_tried_once_and_nothing_is_signed(pero: CommandLine, token: SoftHsm) -> None:
    ended = pero.run("sign", *NAMES, "--json", pin="00000000")
    assert (ended.status, {row["error"]["name"] for row in ended.json}) == (3, {"pin_incorrect"})
    assert signatures(pero) == []


def test_a_token_that_goes_in_the_middle_costs_only_the_rest(pero: CommandLine, shim: Shim) -> None:
    with signing(pero) as process:
        until(lambda: bool(signatures(pero)), "the first signature")
        shim.does("token gone")
        output, complaint = process.communicate(timeout=60)
    assert process.returncode == 1, complaint
    resumed(pero, shim, output, complaint)


@pytest.mark.parametrize("running", [False, True], ids=["alone", "with an agent"])
def test_ctrl_c_keeps_what_is_done_and_says_what_is_left(pero: CommandLine, shim: Shim, running: bool) -> None:
    with pero.agent() if running else contextlib.nullcontext():
        with signing(pero) as process:
            until(lambda: bool(signatures(pero)), "the first signature")
            process.send_signal(signal.SIGINT)
            output, complaint = process.communicate(timeout=60)
        assert process.returncode == 130, complaint
        resumed(pero, shim, output, complaint)


def test_ctrl_c_before_the_pin_signs_nothing(pero: CommandLine, shim: Shim) -> None:
    reader, writer = os.pipe()
    with signing(pero, reader) as process:
        until(lambda: "C_OpenSession" in shim.calls, "the worker that waits for the PIN")
        process.send_signal(signal.SIGINT)
        output, complaint = process.communicate(timeout=60)
    os.close(writer)
    assert (process.returncode, output, signatures(pero)) == (130, "", [])
    assert "Traceback" not in complaint


def resumed(pero: CommandLine, shim: Shim, output: str, complaint: str) -> None:
    """All that was said to be signed is there and good, the others were named, and the same command signs them."""
    done = signatures(pero)
    assert output.splitlines() == [f"Signature written: {file.name}" for file in done]
    assert 0 < len(done) < len(NAMES)
    left = [name for name in NAMES if pero.folder / f"{name}.p7s" not in done]
    told = complaint.splitlines()
    assert [line.split(".txt")[0] for line in told[: len(left)]] == [f"Not signed: {name[:-4]}" for name in left]
    assert told[-1] == f"Signed: {len(done)} of 12. The same command with --resume signs the rest."
    shim.behaves()
    again = pero.run("sign", *NAMES, "--resume", pin=PIN)
    assert again.status == 0, again.complaint
    all_accepted(pero, shim.token, NAMES)


@contextlib.contextmanager
def signing(pero: CommandLine, pin: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """A `pero sign` of all files under way. `pin`: what it reads the PIN from, closed here."""
    if pin is None:
        pin, writer = os.pipe()
        os.write(writer, PIN.encode() + b"\n")
        os.close(writer)
    process = subprocess.Popen(
        [PERO, "sign", *NAMES, "--pin-fd", str(pin)], env=pero.environment, cwd=pero.folder, pass_fds=(pin,),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(pin)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
