"""A PIN that came with the token, typed for something else than a signature: the answer leaves, the change is offered,
and is an act of its own (R5, R17)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from agent.consent.prompter import Dialogue, Prompter, TokenPrompt
from agent.ipc.pin import PinSource
from agent.journal import Journal
from agent.signing.managing import Managing
from agent.signing.queue import PersonQueue
from agent.tokens.inventory import KeySpec
from agent.tokens.pool import TokenPool
from tests.harness.asker import Asker
from tests.harness.gost_token import built_module, make_blank_token, pkcs11_tool
from tests.harness.places import opened

VENDORS, FRESH = "12345678", "fresh-pin-9"


class Person:
    """Types the vendor's PIN, takes the offer when `decide` is set, and then types both PINs."""

    kind = "test"

    def __init__(self) -> None:
        self.decide = asyncio.Event()
        self.shown: list[str] = []
        self._conversations: list[tuple[Asker, asyncio.Task[None]]] = []

    @asynccontextmanager
    async def ask_token(self, prompt: TokenPrompt) -> AsyncIterator[Dialogue]:
        self.shown.append(prompt.action)
        self._prompt = prompt
        yield cast(Dialogue, self)

    async def confirmed(self) -> str:
        return ""

    def pin_source(self) -> PinSource:
        asker = Asker((VENDORS, FRESH) if self._prompt.action == "change_pin" else (VENDORS,))
        self._conversations.append((asker, asyncio.create_task(asker.converse())))
        return asker.source

    async def done(self) -> bool:
        asker, _ = self._conversations[-1]
        await asker.ended.wait()
        return self._prompt.action != "change_pin" and any(getattr(said, "default_pin", False) for said in asker.said)

    async def offer_taken(self) -> bool:
        await self.decide.wait()
        return True

    async def close(self) -> None:
        for asker, task in self._conversations:
            asker.leave()
            await task


async def test_the_key_is_told_first_and_the_pin_changed_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = tmp_path / "tokens"
    make_blank_token(tokens, label="sold so", pin=VENDORS)
    monkeypatch.setenv("PERO_TEST_TOKEN_DIR", str(tokens))
    journal = Journal(tmp_path / "journal.sqlite", lambda: datetime.now(UTC))
    async with opened(TokenPool(lambda: [built_module()], tmp_path / "none")) as pool:
        managing, person = Managing(pool.management, journal, PersonQueue()), Person()
        (token,) = (await pool.listing()).tokens
        prompter = cast(Prompter, person)
        async with asyncio.timeout(60):
            made = await managing.generate(token, KeySpec("ec"), prompter, "en")
            assert made.key_type == "ec"
            assert person.shown == ["generate"], "the answer does not wait for the person"
            person.decide.set()
            await managing.follow_ups.settled()
        await person.close()
    assert person.shown == ["generate", "change_pin"]
    pkcs11_tool(tokens, "--token-label", "sold so", "--login", "--pin", FRESH, "--list-objects")
    entries = sorted(journal.entries(10), key=lambda entry: entry.number)
    assert [entry.kind for entry in entries if entry.kind.startswith("token_")] == [
        "token_generate",
        "token_change_pin",
    ]
    assert [entry.facts["outcome"] for entry in entries if entry.kind == "outcome"] == ["done", "done"]
    journal.close()
