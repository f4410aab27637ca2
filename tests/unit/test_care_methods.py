"""Care as callers of the agent have it: what is found, what is deleted and what is not, a key that is lost (R44)."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.api.dispatcher import Dispatcher
from agent.api.methods import delete_stray, find_strays
from agent.care.revoking import advice, statement
from agent.certificates.description import describe
from agent.errors import Cancelled, FileUnwritable, JournalUnwritable
from agent.policy import Rights
from agent.signing.expiry import Ending
from agent.tokens import about
from agent.tokens.about import About
from tests.harness.core import NOON, Core
from tests.harness.keyfiles import make_identity, make_key_file


@pytest.fixture
def core(tmp_path: Path) -> Core:
    (tmp_path / "agent").mkdir()
    return Core(tmp_path / "agent")


async def call(core: Core, method: str, **parameters: Any) -> dict[str, Any]:
    answer = await core.call(core.command(), method, parameters)
    if "error" in answer:
        return {"error": answer["error"]["data"]["name"], **answer["error"]["data"]["facts"]}
    result: dict[str, Any] = answer["result"]
    return result


def entries(core: Core, kind: str) -> list[dict[str, Any]]:
    return [dict(one.facts) for one in core.services.journal.entries(100) if one.kind == kind]


async def test_copies_are_found_with_what_is_wrong_about_their_place(core: Core, tmp_path: Path) -> None:
    cloud, backup = tmp_path / "home" / "Yandex.Disk", tmp_path / "home" / "copy.p12"
    cloud.mkdir(parents=True)
    made = make_key_file(tmp_path / "home", "p256")
    shutil.copy(made.path, cloud / "sent.p12")
    shutil.copy(made.path, backup)
    core.services.journal.note("backup_key_file", {"file": str(backup), "reason": "old disk"})
    found = await call(core, "find_strays", folders=[str(tmp_path / "home")])
    rows = {Path(row["path"]).name: row for row in found["strays"]}
    assert {name: (row["cloud"], row["backup"][:10]) for name, row in rows.items()} == {
        "sent.p12": ("Яндекс.Диск", ""), "copy.p12": ("", "2026-11-01"), "signer.p12": ("", ""),
    }  # fmt: skip
    assert (found["ended"], found["unread"], found["left_out"]) == ("", 0, [])
    assert entries(core, "find_strays") == [{"found": 3, "folders": 2}]


async def test_the_search_leaves_out_what_pero_keeps(core: Core) -> None:
    kept = core.services.locations.key_files / ("a" * 64)
    kept.mkdir(parents=True)
    make_key_file(kept, "p256", name="key.p12")
    found = await call(core, "find_strays", folders=[str(core.services.locations.state.parent)])
    assert found["strays"] == []


async def test_a_search_that_is_taken_back_stops_and_has_told_what_it_found(
    core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search waits behind its first folder until it was taken back."""
    (tmp_path / "home" / "further").mkdir(parents=True)
    make_key_file(tmp_path / "home", "p256")
    make_key_file(tmp_path / "home" / "further", "p256")
    released, folders = threading.Event(), []
    tell = find_strays._Teller.told

    def told(teller: Any, number: int) -> None:
        tell(teller, number)
        folders.append(number)
        released.wait(60)

    monkeypatch.setattr(find_strays, "INTERVAL", 0.0)
    monkeypatch.setattr(find_strays._Teller, "told", told)
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    caller = core.command()
    caller.notify = lambda message: heard.put_nowait(json.loads(message))
    searching = asyncio.create_task(core.call(caller, "find_strays", {"folders": [str(tmp_path / "home")]}))
    first = await asyncio.wait_for(heard.get(), 60)
    assert first["method"] == "strays"
    assert [Path(row["path"]).name for row in first["params"]["strays"]] == ["signer.p12"]
    caller.withdraw_all(Cancelled())
    answer = await asyncio.wait_for(searching, 60)
    released.set()
    assert answer["error"]["data"]["name"] == "cancelled"
    await asyncio.get_running_loop().shutdown_default_executor()  # the search has ended
    assert folders == [1]
    assert entries(core, "find_strays") == []


@pytest.mark.parametrize("path", ["relative.p12", "/tmp/../etc/x.p12"])
async def test_only_whole_paths_are_taken(core: Core, path: str) -> None:
    assert (await call(core, "delete_stray", path=path))["error"] == "bad_parameters"
    if not path.startswith("/"):
        assert (await call(core, "find_strays", folders=[path]))["error"] == "bad_parameters"


async def test_a_copy_is_deleted_and_the_journal_has_what_it_was(core: Core, tmp_path: Path) -> None:
    made = make_key_file(tmp_path, "p256")
    assert await call(core, "delete_stray", path=str(made.path)) == {"deleted": True}
    assert not made.path.exists()
    (facts,) = entries(core, "delete_stray")
    assert (facts["file"], facts["form"], len(facts["digest"])) == (str(made.path), "pkcs12", 64)


async def test_nothing_else_is_deleted(core: Core, tmp_path: Path) -> None:
    real = make_key_file(tmp_path, "p256").path
    link, folder, text = tmp_path / "link.p12", tmp_path / "le-1.000", tmp_path / "letter.pem"
    link.symlink_to(real)
    folder.mkdir()
    for name in ("header.key", "primary.key"):
        (folder / name).write_bytes(b"\x30\x00")
    text.write_bytes(make_identity("p256").pem)
    own = core.services.locations.key_files / ("a" * 64) / "key.p12"
    own.parent.mkdir(parents=True)
    shutil.copy(real, own)
    refused = [
        await call(core, "delete_stray", path=str(path)) for path in (link, folder, text, own, tmp_path / "gone")
    ]
    assert [answer["error"] for answer in refused] == [
        "file_unreadable", "not_a_key_copy", "not_a_key_copy", "not_a_key_copy", "file_unreadable",
    ]  # fmt: skip
    assert all(path.exists() for path in (link, real, folder / "header.key", text, own))
    assert entries(core, "delete_stray") == []


async def test_a_file_that_came_in_the_place_of_the_one_that_was_shown_stays(core: Core, tmp_path: Path) -> None:
    path = make_key_file(tmp_path, "p256").path
    (shown,) = (await call(core, "find_strays", folders=[str(tmp_path)]))["strays"]
    what = {name: shown[name] for name in ("path", "size", "changed")}
    os.utime(path, (86400, 86400))
    assert await call(core, "delete_stray", **what) == {"error": "file_changed", "path": str(path)}
    assert await call(core, "delete_stray", **{**what, "changed": "1970-01-02T00:00:00Z"}) == {"deleted": True}


@pytest.mark.parametrize("swap", ["another key", "link"])
async def test_what_was_put_there_while_it_was_looked_at_stays(
    core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swap: str
) -> None:
    path = make_key_file(tmp_path, "p256").path
    (tmp_path / "other").mkdir()
    other = make_key_file(tmp_path / "other", "p256").path
    ours, real = delete_stray._looked_at, path.with_name("aside")

    def looked_at(*given: Any) -> Any:
        found = ours(*given)
        path.rename(real)
        if swap == "link":
            path.symlink_to(real)
        else:
            os.link(other, path)
        return found

    monkeypatch.setattr(delete_stray, "_looked_at", looked_at)
    assert (await call(core, "delete_stray", path=str(path)))["error"] == "file_changed"
    assert path.is_symlink() == (swap == "link")
    assert path.exists()
    assert real.exists()


async def test_no_link_leads_to_the_keys_that_are_in_use(core: Core, tmp_path: Path) -> None:
    """A home folder may be reached by a link, and a search told to begin anywhere."""
    own = core.services.locations.key_files / ("a" * 64) / "key.p12"
    own.parent.mkdir(parents=True)
    shutil.copy(make_key_file(tmp_path, "p256").path, own)
    state = core.services.locations.state
    other = tmp_path / "other"
    other.symlink_to(state.parent)
    by_link = other / own.relative_to(state.parent)
    assert by_link.exists()
    assert (await call(core, "delete_stray", path=str(by_link)))["error"] == "not_a_key_copy"
    for folder in (f"{other}/.", str(other / state.name), str(by_link.parent), str(state), str(own.parent)):
        found = (await call(core, "find_strays", folders=[folder]))["strays"]
        assert str(by_link) not in [one["path"] for one in found], folder
        assert [Path(one["path"]).name for one in found if Path(one["path"]).name == "key.p12"] == [], folder
    assert own.exists()


async def test_a_pipe_in_the_place_of_a_key_holds_nobody(core: Core, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.p12")
    answer = await asyncio.wait_for(call(core, "delete_stray", path=str(tmp_path / "pipe.p12")), 30)
    assert answer["error"] == "not_a_key_copy"
    assert (await call(core, "delete_stray", path="/a\0.p12"))["error"] == "file_unreadable"


async def test_a_lost_key_stops_signing_and_its_application_names_it(core: Core) -> None:
    thumbprint = core.tokens.add("Петрова Анна", subject=[("1.2.643.3.131.1.1", "771234567890")])
    answer = await call(core, "report_lost", thumbprint=thumbprint, circumstances="Украли сумку", language="ru")
    assert (answer["paused"], answer["recorded"], answer["place"]) == (True, True, "other")
    for words in ("Петрова Анна", "771234567890", "5E41", "Украли сумку", "01.11.2026 12:00 UTC"):
        assert words in answer["statement"]
    assert core.services.pause.active
    assert core.tokens.forgotten == 1
    (facts,) = entries(core, "report_lost")
    assert (facts["certificate"], facts["certificate_serial"]) == (thumbprint, "5e41")
    assert "Петрова" not in json.dumps(facts, ensure_ascii=False)


async def test_a_key_that_is_not_in_the_machine_is_named_by_what_is_remembered(core: Core) -> None:
    core.services.endings = lambda: (Ending("Иванов Иван", "77aa", "0011", NOON + timedelta(days=9)),)
    (key,) = (await call(core, "list_care"))["keys"]
    assert key == {
        "thumbprint": "", "serial": "77aa", "owner": "Иванов Иван", "not_after": "2026-11-10T12:00:00Z",
        "token": "0011",
    }  # fmt: skip
    answer = await call(core, "report_lost", serial="77aa", owner="Иванов Иван")
    assert answer["place"] == "unknown"
    assert "77AA" in answer["statement"]
    assert "Иванов Иван" in answer["statement"]


async def test_a_full_disk_keeps_the_words_from_nobody(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    thumbprint = core.tokens.add("Owner")

    def full(*_: object, **__: object) -> None:
        raise FileUnwritable(path="paused", reason="No space left on device")

    def unwritable(*_: object, **__: object) -> None:
        raise JournalUnwritable(reason="disk full")

    monkeypatch.setattr(core.services.pause, "begin", full)
    monkeypatch.setattr(core.services.journal, "note", unwritable)
    answer = await call(core, "report_lost", thumbprint=thumbprint)
    assert (answer["paused"], answer["recorded"]) == (False, False)
    assert "Owner" in answer["statement"]
    assert core.tokens.forgotten == 1


async def test_passphrases_are_listed_with_their_age(core: Core) -> None:
    folder = core.services.locations.key_files / ("ab" * 32)
    folder.mkdir(parents=True)
    about.write(folder, About(file="director.pfx", added=NOON - timedelta(days=400), weak=True))
    (row,) = (await call(core, "list_care"))["key_files"]
    assert (row["days"], row["old"], row["weak"], row["since"]) == (400, True, True, "2025-09-27T12:00:00Z")
    assert row["token"] == {"label": "director.pfx", "serial": "ab" * 8, "module": "keyfiles"}


async def test_whoever_may_only_look_may_call_a_key_lost_and_delete_nothing(core: Core, tmp_path: Path) -> None:
    core.services.rights = Rights(everybody=("view",)).of("anna", [])
    core.dispatcher = Dispatcher(core.services)
    made = make_key_file(tmp_path, "p256")
    assert (await call(core, "delete_stray", path=str(made.path)))["error"] == "right_missing"
    assert made.path.exists()
    assert (await call(core, "report_lost"))["paused"] is True


async def test_pages_cannot_ask_for_any_of_it(core: Core) -> None:
    for method in ("list_care", "find_strays", "delete_stray", "report_lost"):
        answer = await core.call(core.page(), method, {})
        assert answer["error"]["data"]["name"] in ("unknown_method", "not_allowed"), method


@pytest.mark.parametrize(
    ("issuer", "place", "language"),
    [
        ("Федеральная налоговая служба", "fns", "ru"),
        ("Федеральное казначейство", "treasury", "ru"),
        ("Центральный банк Российской Федерации", "cbr", "ru"),
        ("ООО «Удостоверяющий центр»", "other", "en"),
    ],
)
def test_where_to_go_is_told_by_the_issuer(issuer: str, place: str, language: str) -> None:
    import msgspec

    one = msgspec.structs.replace(describe(make_identity("p256").der), issuer=f"CN={issuer},C=RU")
    assert advice(one, "en")[::2] == (place, language)


def test_the_words_of_strangers_cannot_steer_who_reads_them() -> None:
    words = statement(None, "", "evil\u202egnp.exe\x1b[31m", "line\nOwner: somebody else", NOON, "en")
    assert "\u202e" not in words
    assert "\x1b" not in words
    assert "\nOwner: somebody" not in words
