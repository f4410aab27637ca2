"""Every call that managing a token makes, with every fault it may have: a typed error in words for the one request,
the token as it was before or as it was to be, and no try of a PIN spent (R5, R10, R14, R22).

The token is the one of `tests/tokens/gost*.c`, whose objects and counters are files: each cell of the table begins with
the same ones. Between the agent and the token stands the module of faults.
"""

from __future__ import annotations

import asyncio
import hmac
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from asn1crypto import pkcs12
from cryptography.hazmat.primitives.serialization import Encoding

from agent.certificates.request import Subject
from agent.errors import AlgorithmUnsupported, PeroError, WorkerHung
from agent.model import TokenState
from agent.texts.errors import error_advice, error_text
from agent.tokens import process
from agent.tokens.inventory import KeySpec, ObjectName
from agent.tokens.key_file import pkcs12_key
from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.gost_token import PIN, SO_PIN, GostToken, make_gost_token
from tests.harness.keyfiles import KeyFile, make_key_file
from tests.harness.managed import OTHER_PIN
from tests.harness.places import built_fault_module, opened

DEADLINE = 2.0  # seconds
ANSWERS = {
    "CKR_GENERAL_ERROR": "rv 0x5",
    "CKR_DEVICE_REMOVED": "rv 0x32",
    "CKR_TOKEN_NOT_PRESENT": "rv 0xE0",
    "CKR_DEVICE_MEMORY": "rv 0x31",
    "crash": "crash",
}
COMMON = (
    "C_GetSlotList", "C_GetTokenInfo", "C_OpenSession", "C_Login", "C_Logout", "C_CloseSession",
)  # fmt: skip
LOOKING = ("C_FindObjectsInit", "C_FindObjects", "C_FindObjectsFinal", "C_GetAttributeValue")
# What an action calls besides COMMON; the last of them changes the token
ACTIONS: dict[str, tuple[str, ...]] = {
    "change_pin": ("C_SetPIN",),
    "unblock": ("C_InitPIN",),
    "generate": ("C_GetMechanismList", *LOOKING, "C_SetAttributeValue", "C_GenerateKeyPair"),
    "request": ("C_GetMechanismList", *LOOKING, "C_SignInit", "C_Sign"),
    "write_certificate": (*LOOKING, "C_CreateObject"),
    "import_key_file": ("C_GetMechanismList", *LOOKING, "C_CreateObject"),
    "rename": (*LOOKING, "C_SetAttributeValue"),
    "delete": (*LOOKING, "C_DestroyObject"),
    "objects": LOOKING,
}
KEPT = ("request", "objects")  # these change nothing


class Table(NamedTuple):
    """A token with a key and a certificate beside it, and the means to have it again as it was."""

    token: GostToken
    folder: Path
    before: Path  # a copy of the token's folder
    file: KeyFile
    other: bytes  # a certificate that is not on the token; an authority's, so that it needs no key

    def does(self, *faults: str) -> None:
        (self.folder / "log").unlink(missing_ok=True)
        (self.folder / "faults").write_text("".join(f"{fault}\n" for fault in faults))

    def behaves(self) -> None:
        (self.folder / "faults").unlink(missing_ok=True)

    @property
    def calls(self) -> list[str]:
        log = self.folder / "log"
        return log.read_text().split() if log.exists() else []

    def restore(self) -> None:
        for part in ("token", "objects"):
            target = self.token.folder / part
            if target.is_dir():
                shutil.rmtree(target)
                shutil.copytree(self.before / part, target)
            else:
                shutil.copy2(self.before / part, target)

    def objects(self) -> list[bytes]:
        """What is on the token, whatever the files are called."""
        return sorted(path.read_bytes() for path in (self.token.folder / "objects").iterdir())

    def counters_are_whole(self) -> bool:
        """The flags of CK_TOKEN_INFO as somebody else's client reads them."""
        said = self.token.pkcs11_tool("--list-token-slots").stdout
        return not any(word in said for word in (b"low", b"final", b"locked"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Table:
    folder = tmp_path_factory.mktemp("managed")
    token = make_gost_token(folder / "tokens", "p256", label="managed")
    file = make_key_file(folder, "p256", name="signer.p12")
    shutil.copytree(token.folder, folder / "before")
    return Table(token, folder, folder / "before", file, file.identity.authority.public_bytes(Encoding.DER))


@pytest.fixture
def table(prepared: Table, monkeypatch: pytest.MonkeyPatch) -> Table:
    for name, value in prepared.token.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PERO_FAULT_MODULE", prepared.token.module)
    monkeypatch.setenv("PERO_FAULT_FILE", str(prepared.folder / "faults"))
    monkeypatch.setenv("PERO_FAULT_LOG", str(prepared.folder / "log"))
    prepared.behaves()
    prepared.restore()
    return prepared


@pytest.fixture
async def pool(table: Table, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TokenPool]:
    monkeypatch.setattr(process, "SLOW_DEADLINE", DEADLINE)
    pool = TokenPool(lambda: [built_fault_module()], table.folder / "no-key-files", deadline=DEADLINE, idle=600)
    async with opened(pool):
        yield pool


async def act(action: str, pool: TokenPool, table: Table, token: TokenState) -> None:
    """With every secret right."""
    managing, key = pool.management, ObjectName("key", "01")
    secrets = {
        "change_pin": (PIN, OTHER_PIN),
        "unblock": (SO_PIN, OTHER_PIN),
        "import_key_file": (table.file.passphrase, PIN),
    }
    async with asking(*secrets.get(action, (PIN,))) as asker:
        source = asker.source
        acts: dict[str, Callable[[], Awaitable[object]]] = {
            "change_pin": lambda: managing.change_pin(token, source),
            "unblock": lambda: managing.unblock(token, source),
            "generate": lambda: managing.generate(token, KeySpec("ec", label="new"), source),
            "request": lambda: managing.request(token, key, Subject(common_name="Иванов"), source),
            "write_certificate": lambda: managing.write_certificate(token, table.other, source, authority=True),
            "import_key_file": lambda: managing.import_key_file(token, table.file.path.read_bytes(), "a.p12", source),
            "rename": lambda: managing.rename(token, key, "renamed", source),
            "delete": lambda: managing.delete(token, [key], source),
            "objects": lambda: managing.objects(token, source),
        }
        async with asyncio.timeout(60):
            await acts[action]()


async def outcome(action: str, pool: TokenPool, table: Table, token: TokenState) -> str:
    """Empty, or the name of the error, which is in words."""
    try:
        await act(action, pool, table, token)
    except PeroError as error:
        return error.name if is_worded(error) else f"{error.name} without words"
    return ""


def is_worded(error: PeroError) -> bool:
    texts = [error_text(error.name, language, error.facts) for language in ("ru", "en")]
    advice = [error_advice(error.name, language, error.facts) for language in ("ru", "en")]
    return all(text.strip() and "{" not in text for text in texts) and not any("{" in text for text in advice)


async def token_of(pool: TokenPool, table: Table) -> TokenState:
    return next(token for token in (await pool.listing()).tokens if token.label == table.token.label)


async def cell(action: str, call: str, fault: str, pool: TokenPool, table: Table, token: TokenState) -> list[str]:
    """What is wrong in one cell."""
    table.restore()
    before, wrong = table.objects(), []
    table.does(f"{call} {fault}")
    error = await outcome(action, pool, table, token)
    table.behaves()
    if call not in table.calls:
        wrong.append("was not called")
    if error.endswith("words"):
        wrong.append(error)
    if error in ("internal", "pin_incorrect", "so_pin_incorrect", "pin_locked", "so_pin_locked"):
        wrong.append(f"ended in {error}")
    after = table.objects()
    if (error or action in (*KEPT, "change_pin", "unblock")) and after != before:
        wrong.append(f"{error}: left {len(after) - len(before):+} objects, or others")
    if not table.counters_are_whole():
        wrong.append("a try was spent")
    table.restore()
    try:
        await act(action, pool, table, token)
    except (PeroError, TimeoutError) as worse:
        wrong.append(f"the next request failed with {worse!r} after {error}")
    return [f"{call}: {text}" for text in wrong]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("action", ACTIONS)
async def test_a_fault_leaves_the_token_as_it_was_and_the_next_request_succeeds(
    pool: TokenPool, table: Table, action: str, answer: str
) -> None:
    token, wrong = await token_of(pool, table), []
    calls = (*COMMON, *ACTIONS[action]) if answer == "CKR_GENERAL_ERROR" else ("C_Login", *ACTIONS[action][-1:])
    for call in calls:
        wrong += await cell(action, call, ANSWERS[answer], pool, table, token)
    assert wrong == []


MAKING = ("generate", "write_certificate", "import_key_file")


@pytest.mark.parametrize("code", ["0x5", "0x30", "0x31"])
@pytest.mark.parametrize("action", MAKING)
async def test_what_was_made_although_the_answer_said_no_is_taken_back(
    pool: TokenPool, table: Table, action: str, code: str
) -> None:
    token = await token_of(pool, table)
    assert await cell(action, ACTIONS[action][-1], f"after {code}", pool, table, token) == []


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_call_that_hangs_is_given_up_and_the_next_request_succeeds(
    pool: TokenPool, table: Table, action: str
) -> None:
    token, wrong = await token_of(pool, table), []
    for call in ("C_Login",) if action == "objects" else ACTIONS[action][-1:]:  # each takes the deadline's time
        wrong += await cell(action, call, "hang", pool, table, token)
    assert wrong == []


# files that are made to keep a worker busy


def with_rounds(file: KeyFile, place: str, rounds: int) -> bytes:
    """The file with another count of rounds at its MAC, its certificates or its key; the MAC is right where it can be
    made in a test's time."""
    pfx = pkcs12.Pfx.load(file.path.read_bytes())
    mac = pfx["mac_data"]
    if place == "mac":
        mac["iterations"] = rounds
        return bytes(pfx.dump(force=True))
    safes = pkcs12.AuthenticatedSafe.load(pfx["auth_safe"]["content"].native)
    for safe in safes:
        if place == "certificates" and safe["content_type"].native == "encrypted_data":
            algorithm = safe["content"]["encrypted_content_info"]["content_encryption_algorithm"]
            algorithm["parameters"]["key_derivation_func"]["parameters"]["iteration_count"] = rounds
        if place == "key" and safe["content_type"].native == "data":
            bags = pkcs12.SafeContents.load(safe["content"].native)
            algorithm = bags[0]["bag_value"]["encryption_algorithm"]
            algorithm["parameters"]["key_derivation_func"]["parameters"]["iteration_count"] = rounds
            safe["content"] = bags.dump(force=True)
    content = safes.dump(force=True)
    pfx["auth_safe"] = {"content_type": "data", "content": content}
    key = pkcs12_key(file.passphrase.encode(), mac["mac_salt"].native, int(mac["iterations"].native), "sha256")
    mac["mac"]["digest"] = hmac.digest(key, content, "sha256")
    return bytes(pfx.dump(force=True))


@pytest.mark.parametrize("place", ["mac", "certificates", "key"])
async def test_a_file_that_wants_an_hour_of_derivation_is_refused_before_anything_is_asked(
    pool: TokenPool, table: Table, place: str
) -> None:
    content, token = with_rounds(table.file, place, 10**9), await token_of(pool, table)
    for bring in (
        lambda source: pool.management.import_key_file(token, content, "slow.p12", source),
        lambda source: pool.add_key_file(content, "slow.p12", source),
    ):
        async with asking() as asker, asyncio.timeout(60):
            with pytest.raises(AlgorithmUnsupported):
                await bring(asker.source)
            assert asker.questions == []


async def test_a_derivation_that_nobody_foresaw_holds_the_token_no_longer_than_any_call(
    pool: TokenPool, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hides in what only the passphrase shows; the long patience is for cards."""
    monkeypatch.setattr(process, "SLOW_DEADLINE", 600.0)
    content, token = with_rounds(table.file, "certificates", 9_000_000), await token_of(pool, table)
    pool._workers[built_fault_module()]._deadline = 0.5  # the worker runs already
    async with asking(table.file.passphrase) as asker, asyncio.timeout(60):
        with pytest.raises(WorkerHung):
            await pool.management.import_key_file(token, content, "slow.p12", asker.source)
