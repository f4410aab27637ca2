"""A change of a token that was cut short: what nobody can know is said to be unknown, and what was left half made is
finished or taken away by the next one (R5, R10, R17)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.certificates.request import Subject
from agent.errors import OutcomeUnknown, PeroError, WorkerDied
from agent.model import TokenState
from agent.tokens.inventory import KeySpec, ObjectName
from agent.tokens.management import CancelledInDoubt
from agent.tokens.pool import TokenPool
from tests.harness import gost_token
from tests.harness.asker import asking
from tests.harness.keyfiles import KeyFile, make_key_file
from tests.harness.managed import BENCHES, Bench
from tests.harness.places import algorithm_of, built_fault_module, opened, verify

DIGEST = bytes(range(32))
WHOLE = ["Certificate Object", "Certificate Object", "Private Key Object", "Public Key Object"]
PAIR = ["Private Key Object", "Public Key Object"]


@pytest.fixture(params=["gost token"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = BENCHES[request.param](tmp_path)
    monkeypatch.setenv("PERO_FAULT_MODULE", made.module)
    monkeypatch.setenv("PERO_FAULT_FILE", str(tmp_path / "faults"))
    monkeypatch.setenv("PERO_FAULT_LOG", str(tmp_path / "log"))
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
async def pool(bench: Bench, tmp_path: Path) -> AsyncIterator[TokenPool]:
    async with opened(bench.pool(tmp_path, built_fault_module(), deadline=3.0)) as pool:
        yield pool


@pytest.fixture
async def token(bench: Bench, pool: TokenPool) -> TokenState:
    return await bench.token(pool)


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return make_key_file(tmp_path, "p256", name="signer.p12")


def does(folder: Path, *faults: str) -> None:
    (folder / "faults").write_text("".join(f"{fault}\n" for fault in faults))
    (folder / "log").unlink(missing_ok=True)


def behaves(folder: Path) -> None:
    (folder / "faults").unlink()


async def bring(pool: TokenPool, bench: Bench, token: TokenState, file: KeyFile) -> None:
    async with asking(file.passphrase, bench.pin) as asker:
        await pool.management.import_key_file(token, file.path.read_bytes(), "signer.p12", asker.source)


async def generate(pool: TokenPool, bench: Bench, token: TokenState) -> str:
    async with asking(bench.pin) as asker:
        return (await pool.management.generate(token, KeySpec("ec"), asker.source)).name.id


@pytest.mark.parametrize("way", ["crash", "die", "hang"])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
async def test_an_import_that_was_cut_short_is_finished_by_the_next(
    bench: Bench, pool: TokenPool, token: TokenState, file: KeyFile, tmp_path: Path, number: int, way: str
) -> None:
    if way == "hang" and number != 2:
        return
    does(tmp_path, f"C_CreateObject#{number} {way}")
    pool._worker(token.module, "")._deadline = 2.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agent.tokens.process.SLOW_DEADLINE", 2.0)
        with pytest.raises(OutcomeUnknown) as raised:
            await bring(pool, bench, token, file)
    assert raised.value.facts["token"] == bench.label
    behaves(tmp_path)
    if number == 4 and way == "die":  # all of it was there already
        assert bench.objects() == WHOLE
        return
    assert bench.objects() != WHOLE
    await bring(pool, bench, token, file)
    assert bench.objects() == WHOLE
    entry = next(one for one in (await pool.listing()).certificates if one.thumbprint == file.identity.thumbprint)
    async with asking(bench.pin) as asker:
        verify(file.identity, await pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source), DIGEST)


@pytest.mark.parametrize(
    ("fault", "left"),
    [
        ("C_GenerateKeyPair die", PAIR), ("C_GenerateKeyPair crash", []), ("C_SetAttributeValue#1 crash", PAIR),
        ("C_SetAttributeValue#1 die", PAIR), ("C_SetAttributeValue#2 crash", PAIR),
    ],
)  # fmt: skip
async def test_a_key_pair_that_was_cut_short_is_taken_away_by_the_next_change(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path, fault: str, left: list[str]
) -> None:
    does(tmp_path, fault)
    with pytest.raises(OutcomeUnknown):
        await generate(pool, bench, token)
    behaves(tmp_path)
    assert bench.objects() == left
    made = await generate(pool, bench, token)
    assert bench.objects() == PAIR
    shown = bench.tool("--list-objects", pin=bench.pin).stdout.decode()
    assert shown.count(f"ID:         {made}") == 2
    await generate(pool, bench, token)  # what is whole stays
    assert bench.objects() == sorted([*PAIR, *PAIR])


async def cut_short(pool: TokenPool, bench: Bench, token: TokenState, folder: Path) -> str:
    """The CKA_ID of a whole key pair, of which nobody was told."""
    does(folder, "C_SetAttributeValue#1 crash")
    with pytest.raises(OutcomeUnknown):
        await generate(pool, bench, token)
    behaves(folder)
    (found,) = [one for one in (await pool.management.objects(token)).objects if one.name.kind == "key"]
    return found.name.id


async def test_a_key_pair_that_was_cut_short_is_known_after_an_end_of_the_agent(
    bench: Bench, token: TokenState, tmp_path: Path
) -> None:
    kept = tmp_path / "unfinished.json"
    does(tmp_path, "C_SetAttributeValue#1 crash")
    for expected in (PAIR, PAIR, sorted([*PAIR, *PAIR])):
        pool = TokenPool(lambda: [built_fault_module()], tmp_path / "key-files", unfinished=kept)
        async with opened(pool):
            with contextlib.suppress(OutcomeUnknown):
                await generate(pool, bench, token)
        behaves(tmp_path) if (tmp_path / "faults").exists() else None
        assert bench.objects() == expected
    assert bench.pin.encode() not in kept.read_bytes()
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damaged", [b"", b"{}", b"[" * 100_000, b'[{"module": 1}]', b"\xff"])
async def test_a_damaged_memory_of_what_was_cut_short_stops_nothing(
    bench: Bench, token: TokenState, tmp_path: Path, damaged: bytes
) -> None:
    kept = tmp_path / "unfinished.json"
    kept.write_bytes(damaged)
    pool = TokenPool(lambda: [bench.module], tmp_path / "key-files", unfinished=kept)
    async with opened(pool):
        token = await bench.token(pool)
        await generate(pool, bench, token)
    assert bench.objects() == PAIR


async def test_a_key_of_a_cut_short_generation_that_a_person_uses_stays(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    """A request went to an authority, whose certificate comes days later."""
    identifier = await cut_short(pool, bench, token, tmp_path)
    async with asking(bench.pin) as asker:
        await pool.management.request(token, ObjectName("key", identifier), Subject(common_name="Signer"), asker.source)
    await generate(pool, bench, token)
    assert bench.objects() == sorted([*PAIR, *PAIR])


async def test_a_key_of_a_cut_short_generation_with_a_certificate_stays(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    identifier = await cut_short(pool, bench, token, tmp_path)
    tokens = bench.folder.parent
    public = gost_token.public_key(tokens, bench.label, bench.pin, identifier)
    certificate = gost_token.issue(public, "Signer", gost_token.authority("p256"))
    gost_token.write_certificate(tokens, bench.label, bench.pin, certificate, identifier)
    await generate(pool, bench, token)
    assert bench.objects() == sorted(["Certificate Object", *PAIR, *PAIR])


@pytest.mark.parametrize("act", ["rename", "delete"])
async def test_a_key_of_a_cut_short_generation_can_be_named(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path, act: str
) -> None:
    name = ObjectName("key", await cut_short(pool, bench, token, tmp_path))
    async with asking(bench.pin) as asker:
        if act == "rename":
            await pool.management.rename(token, name, "mine", asker.source)
        else:
            await pool.management.delete(token, [name], asker.source)
    await generate(pool, bench, token)
    assert bench.objects() == (sorted([*PAIR, *PAIR]) if act == "rename" else PAIR)


async def test_what_the_token_does_not_take_back_is_said_to_be_unknown(
    bench: Bench, pool: TokenPool, token: TokenState, file: KeyFile, tmp_path: Path
) -> None:
    does(tmp_path, "C_CreateObject#3 rv 0x31", "C_DestroyObject rv 0x30")
    with pytest.raises(OutcomeUnknown) as raised:
        await bring(pool, bench, token, file)
    assert raised.value.facts["reason"] == "token_full"


async def test_a_crash_before_the_pin_leaves_nothing_in_doubt(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    does(tmp_path, "C_GetTokenInfo crash")
    async with asking() as asker:
        with pytest.raises(WorkerDied):
            await pool.management.generate(token, KeySpec("ec"), asker.source)


async def test_a_request_taken_back_before_the_pin_is_cancelled_and_after_it_in_doubt(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    async with asking() as asker:
        making = asyncio.create_task(pool.management.generate(token, KeySpec("ec"), asker.source))
        await asker.asked.wait()
        making.cancel()
        with pytest.raises(asyncio.CancelledError) as raised:
            await making
        assert not isinstance(raised.value, CancelledInDoubt)
    does(tmp_path, "C_GenerateKeyPair until")

    async def made() -> str:
        with pytest.raises(CancelledInDoubt):
            await generate(pool, bench, token)
        return "in doubt"

    making_slowly = asyncio.create_task(made())
    async with asyncio.timeout(30):
        while not (tmp_path / "log").exists() or "C_GenerateKeyPair" not in (tmp_path / "log").read_text():
            await asyncio.sleep(0.01)
    making_slowly.cancel()
    assert await making_slowly == "in doubt"
    (tmp_path / "faults.go").touch()
    await generate(pool, bench, token)
    assert bench.objects() == sorted([*PAIR, *PAIR])  # it was made, and nothing of it is taken away


# a reader with a keypad of its own


ACTIONS = ("change_pin", "unblock", "generate", "import_key_file")


async def at_reader(action: str, pool: TokenPool, token: TokenState, file: KeyFile) -> None:
    secrets = (file.passphrase, "", None) if action == "import_key_file" else ("", None)  # at a second question they go
    async with asking(*secrets) as asker, asyncio.timeout(60):
        source, managing = asker.source, pool.management
        match action:
            case "change_pin":
                await managing.change_pin(token, source)
            case "unblock":
                await managing.unblock(token, source)
            case "generate":
                await managing.generate(token, KeySpec("ec"), source)
            case _:
                await managing.import_key_file(token, file.path.read_bytes(), "signer.p12", source)


def typed(bench: Bench, action: str, right: bool) -> None:
    """At the reader: what the action asks for."""
    first = bench.so_pin if action == "unblock" else bench.pin
    lines = [first if right else "wrong-77"] + (["another-9"] if action in ("change_pin", "unblock") else [])
    (bench.folder / "pinpad").write_text("".join(f"{line}\n" for line in lines))


CALL = {"change_pin": "C_SetPIN", "unblock": "C_Login", "generate": "C_Login", "import_key_file": "C_Login"}
FAULTS = {
    "cancelled": ("", "pin_cancelled"),
    "timed out": ("rv 0x50", "pin_cancelled"),
    "removed": ("rv 0x32", "token_absent"),
    "broken": ("rv 0x30", "token_failed"),
    "wrong": ("", ""),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("action", ACTIONS)
async def test_what_goes_wrong_at_the_readers_keypad_has_its_error_and_changes_nothing(
    bench: Bench, pool: TokenPool, token: TokenState, file: KeyFile, tmp_path: Path, action: str, fault: str
) -> None:
    bench.options("protected-path = yes")
    kind, name = FAULTS[fault]
    does(tmp_path, *([f"{CALL[action]} {kind}"] if kind else []))
    if fault != "cancelled":
        typed(bench, action, right=fault != "wrong")
    with pytest.raises(PeroError) as raised:
        await at_reader(action, pool, await bench.token(pool), file)
    assert raised.value.name == name or fault == "wrong"
    if fault == "wrong":  # asked again, and nobody types anything
        assert raised.value.name == "pin_cancelled"
    if kind:
        behaves(tmp_path)
    (bench.folder / "pinpad").unlink(missing_ok=True)
    bench.options()
    assert bench.objects() == []  # with the old PIN
    token = await bench.token(pool)
    assert not token.pin_locked
    assert not token.pin_final_try
    bench.options("protected-path = yes")
    typed(bench, action, right=True)
    await at_reader(action, pool, await bench.token(pool), file)


async def test_a_person_who_never_comes_to_the_reader_is_waited_for_no_longer_than_a_person(
    bench: Bench, pool: TokenPool, token: TokenState, file: KeyFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.tokens.process.PERSON_DEADLINE", 3.0)
    monkeypatch.setattr("agent.tokens.process.SLOW_DEADLINE", 3.0)
    bench.options("protected-path = yes")
    does(tmp_path, "C_SetPIN hang", "C_Login hang")
    for action in ("change_pin", "generate"):
        with pytest.raises(OutcomeUnknown) as raised:
            await at_reader(action, pool, await bench.token(pool), file)
        assert raised.value.facts["reason"] == "worker_hung"
    behaves(tmp_path)
    bench.options()
    assert bench.objects() == []
