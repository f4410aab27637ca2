"""The signing procedure on good and bad days; openssl judges what comes out (R1, R4, R10, R17)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.consent.prompter import SigningPrompt
from agent.errors import PinCancelled, PinLocked, Refused, TokenAbsent, WindowClosed, WorkerDied
from agent.model import ModuleFault
from tests.harness.core import NOON, SITE, Core


@pytest.fixture
def core(tmp_path: Path) -> Core:
    return Core(tmp_path)


def document(content: bytes = b"hello", name: str = "a.txt", **more: Any) -> dict[str, Any]:
    return {"document": {"name": name, "content": base64.b64encode(content).decode()}, **more}


def error(answer: dict[str, Any]) -> str:
    return str(answer["error"]["message"])


def judge(folder: Path, answer: dict[str, Any], content: bytes | None) -> bytes:
    """The content as openssl cms -verify gives it back; fails where openssl does not accept the signature."""
    result = answer["result"]
    (folder / "s.der").write_bytes(base64.b64decode(result["signature"]))
    certificate = base64.b64decode(result["certificate"]["certificate"])
    pem = subprocess.run(
        ["openssl", "x509", "-inform", "DER"], input=certificate, capture_output=True, check=True
    ).stdout
    (folder / "c.pem").write_bytes(pem)
    command = ["openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", str(folder / "s.der")]
    command += ["-CAfile", str(folder / "c.pem"), "-purpose", "any", "-attime", str(int(NOON.timestamp()))]
    if content is not None:
        (folder / "content").write_bytes(content)
        command += ["-content", str(folder / "content")]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def outcomes(core: Core) -> list[Any]:
    return [entry.facts["outcome"] for entry in core.journal.entries(100) if entry.kind == "outcome"]


@pytest.mark.parametrize("key", ["rsa", "ec"])
@pytest.mark.parametrize("content", [b"hello", b"", b"\r\nline\n" * 1000])
@pytest.mark.parametrize("attached", [False, True])
async def test_openssl_accepts_what_a_page_gets(
    core: Core, tmp_path: Path, key: str, content: bytes, attached: bool
) -> None:
    core.tokens.add("DEMO Signer", key=key)
    answer = await core.call(core.page(), "sign", document(content, attached=attached))
    assert judge(tmp_path, answer, None if attached else content) == content
    assert answer["result"]["detached"] is not attached


async def test_openssl_accepts_the_signature_of_a_digest(core: Core, tmp_path: Path) -> None:
    core.tokens.add("DEMO Signer")
    value = base64.b64encode(hashlib.sha384(b"far away").digest()).decode()
    answer = await core.call(
        core.page(), "sign", {"digest": {"name": "film.mp4", "algorithm": "sha384", "value": value, "size": 8}}
    )
    assert judge(tmp_path, answer, b"far away") == b"far away"
    (prompt,) = core.person.shown
    assert isinstance(prompt, SigningPrompt)
    assert prompt.document.digest_only
    assert prompt.document.preview is None


async def test_the_window_is_shown_site_document_and_certificate(core: Core) -> None:
    core.tokens.add("DEMO Signer")
    await core.call(core.page(), "sign", document("Договор\n<b>x</b>".encode(), "договор.txt"))
    (prompt,) = core.person.shown
    assert isinstance(prompt, SigningPrompt)
    assert (prompt.origin, prompt.document.name, prompt.document.preview) == (SITE, "договор.txt", "Договор\n<b>x</b>")
    assert prompt.document.size == 23
    assert prompt.document.digest == hashlib.sha256("Договор\n<b>x</b>".encode()).hexdigest()
    assert [offered.owner for offered in prompt.certificates] == ["DEMO Signer"]


async def test_a_document_that_is_not_text_is_not_shown_as_text(core: Core) -> None:
    core.tokens.add("DEMO Signer")
    answer = await core.call(core.page(), "sign", document(bytes(range(256)) * 4, "image.txt"))
    assert "result" in answer
    (prompt,) = core.person.shown
    assert isinstance(prompt, SigningPrompt)
    assert prompt.document.preview is None


async def test_a_preview_hides_no_reordering_characters(core: Core) -> None:
    core.tokens.add("DEMO Signer")
    await core.call(core.page(), "sign", document("pay \u202e001 to me".encode()))
    (prompt,) = core.person.shown
    assert isinstance(prompt, SigningPrompt)
    assert prompt.document.preview is not None
    assert "\u202e" not in prompt.document.preview


async def test_an_expired_certificate_is_shown_last_with_its_reason_and_cannot_be_chosen(core: Core) -> None:
    expired = core.tokens.add("DEMO Expired", begins=NOON - timedelta(days=60), days=30)
    valid = core.tokens.add("DEMO Valid")
    await core.call(core.page(), "sign", document())
    (prompt,) = core.person.shown
    assert isinstance(prompt, SigningPrompt)
    assert [(one.thumbprint, one.problems) for one in prompt.certificates] == [(valid, ()), (expired, ("expired",))]

    async def choose_the_expired() -> str:
        return expired

    core.person.answers = [choose_the_expired]
    answer = await core.call(core.page(), "sign", document())
    assert error(answer) == "certificate_unusable"
    assert answer["error"]["data"]["facts"]["reason"] == "expired"


async def test_a_page_that_names_a_certificate_cannot_tell_an_absent_one_from_one_that_cannot_sign(core: Core) -> None:
    """Else it could learn, without a word to the person, which of many known certificates they hold."""
    expired = core.tokens.add("DEMO Expired", begins=NOON - timedelta(days=60), days=30)
    signer = core.tokens.add("DEMO Signer", key="ec")
    answers = [
        await core.call(core.page(), "sign", document(**named))
        for named in (
            {"certificate": "0" * 64},
            {"certificate": expired},
            {"certificate": signer, "digest_algorithm": "streebog256"},
        )
    ]
    assert [error(answer) for answer in answers] == ["no_certificate"] * 3
    assert len({str(answer["error"]) for answer in answers}) == 1
    core.person.kind = "window"
    core.person.answers = [Refused()] * 3
    for certificate in ("0" * 64, expired):
        assert error(await core.call(core.page(), "sign", document(certificate=certificate))) == "no_certificate"
    shown = [[(one.owner, one.problems) for one in prompt.certificates] for prompt in core.person.shown]
    assert shown == [[], [("DEMO Expired", ("expired",))]]


async def test_a_filter_keeps_other_certificates_away(core: Core) -> None:
    core.tokens.add("DEMO One", key="rsa")
    two = core.tokens.add("DEMO Two", key="ec")
    answer = await core.call(core.page(), "select_certificate", {"filter": {"key_types": ["ec"]}})
    assert answer["result"]["certificate"]["thumbprint"] == two
    answer = await core.call(core.page(), "select_certificate", {"filter": {"issuer": "nobody"}})
    assert error(answer) == "certificate_unknown"


async def test_a_module_that_fails_is_named_in_the_window_and_costs_no_other(core: Core) -> None:
    core.tokens.add("DEMO Signer")
    core.tokens.faults.append(ModuleFault("/bad.so", "worker_died", {"module": "/bad.so"}))
    assert "result" in await core.call(core.page(), "sign", document())
    (prompt,) = core.person.shown
    assert isinstance(prompt, SigningPrompt)
    assert len(prompt.faults) == 1
    assert "/bad.so" in prompt.faults[0]


# the bad day


@pytest.mark.parametrize("failure", [Refused(), WindowClosed()])
async def test_no_answer_of_the_person_is_told_to_the_page_and_signs_nothing(core: Core, failure: Any) -> None:
    core.tokens.add("DEMO Signer")
    core.person.answers = [failure]
    assert error(await core.call(core.page(), "sign", document())) == failure.name
    assert core.tokens.signed == 0
    assert outcomes(core) == [failure.name]


async def test_a_failure_is_shown_and_the_person_may_try_again(core: Core) -> None:
    core.tokens.add("DEMO Signer")
    core.tokens.fail = [TokenAbsent(token="memory")]
    assert "result" in await core.call(core.page(), "sign", document())
    assert [failure.name for failure in core.person.failures] == ["token_absent"]


async def test_a_person_who_gives_up_after_a_failure_leaves_the_failure_to_the_page(core: Core) -> None:
    core.tokens.add("DEMO Signer")
    core.tokens.fail = [PinLocked(token="memory")]
    core.person.answers = [None, Refused()]
    assert error(await core.call(core.page(), "sign", document())) == "pin_locked"
    assert outcomes(core) == ["pin_locked"]


async def test_a_pin_that_was_cancelled_is_no_failure_to_show(core: Core) -> None:
    core.tokens.add("DEMO Signer")
    core.tokens.fail = [PinCancelled()]
    core.person.answers = [None, Refused()]
    assert error(await core.call(core.page(), "sign", document())) == "refused"
    assert core.person.failures == []


async def test_a_worker_that_dies_is_a_failure_of_this_request_only(core: Core) -> None:
    core.tokens.add("DEMO Signer")
    core.tokens.fail = [WorkerDied(module="/memory.so", signal="SIGSEGV")]
    core.person.answers = [None, WindowClosed()]
    assert error(await core.call(core.page(), "sign", document())) == "worker_died"
    assert "result" in await core.call(core.page(), "sign", document())


async def test_a_window_left_alone_expires_and_frees_the_queue(tmp_path: Path) -> None:
    core = Core(tmp_path, patience=0.2)
    core.tokens.add("DEMO Signer")

    async def forever() -> str:
        return await asyncio.Future()

    core.person.answers = [forever]
    assert error(await core.call(core.page(), "sign", document())) == "expired"
    assert core.person.open == 0
    assert outcomes(core) == ["expired"]
    assert "result" in await core.call(core.page(), "sign", document())


async def test_a_token_that_signs_wrongly_is_not_let_out(core: Core) -> None:
    core.tokens.add("DEMO Signer")
    core.tokens.spoil = lambda signature: bytes([signature[0] ^ 1]) + signature[1:]
    core.person.answers = [None, Refused()]
    assert error(await core.call(core.page(), "sign", document())) == "signature_wrong"


async def test_nothing_is_signed_where_the_journal_cannot_be_written(core: Core) -> None:
    core.tokens.add("DEMO Signer")
    page = core.page()
    core.places.journal.mkdir()
    assert error(await core.call(page, "sign", document())) == "journal_unwritable"
    assert core.tokens.signed == 0
    assert core.person.shown == []


async def test_a_journal_that_fails_after_the_window_keeps_the_signature_in(core: Core) -> None:
    core.tokens.add("DEMO Signer")
    page = core.page()

    async def confirm_and_break_the_journal() -> str:
        core.journal.close()
        for path in core.places.state.glob("journal*"):
            path.unlink()
        core.places.journal.mkdir()
        return core.tokens.entries[0].thumbprint

    core.person.answers = [confirm_and_break_the_journal, Refused()]
    assert error(await core.call(page, "sign", document())) == "journal_unwritable"
    assert core.tokens.signed == 0


async def test_the_intention_stands_in_the_journal_before_the_token_is_asked(core: Core) -> None:
    thumbprint = core.tokens.add("DEMO Signer")
    seen: list[list[str]] = []
    real = core.tokens.sign

    async def look_then_sign(*arguments: Any, **more: Any) -> bytes:
        seen.append([entry.kind for entry in core.journal.entries(10)])
        return await real(*arguments, **more)

    core.tokens.sign = look_then_sign  # type: ignore[method-assign]
    await core.call(core.page(), "sign", document(name="contract.pdf"))
    assert seen == [["journal_begun", "sign", "confirmed"]]
    rows = {entry.kind: entry.facts for entry in core.journal.entries(10)}
    assert rows["sign"]["document"] == "contract.pdf"
    assert rows["sign"]["origin"] == SITE
    assert rows["confirmed"]["certificate"] == thumbprint
    assert rows["outcome"]["outcome"] == "signed"
