"""Repairs on a bad day: two at once, others' hands in the files, rights refused, commands that never end."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import Process
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.diagnostics.mending import offering, records, rights
from agent.diagnostics.mending.actions import ACTIONS, polkit_path, udev_path
from agent.diagnostics.mending.base import Command, Ground, Offer
from agent.diagnostics.mending.issuer import FetchIssuer
from agent.diagnostics.mending.records import Done, Record
from agent.diagnostics.mending.rights import Elevation
from agent.diagnostics.mending.steps import AsAdministrator, WriteFile
from agent.diagnostics.probes.trust import kept_in
from agent.errors import FileUnreadable, MendFailed, MendOverwritten, RightsRefused
from tests.harness.authority import Authority
from tests.unit.test_diagnostics_mending import Recorder, asked, ground, script

__all__ = ["ground"]  # a fixture
DEVICE, USER = "0A89:0030", "1000:ivan"


def test_repairs_at_the_same_time_have_records_of_their_own(ground: Ground) -> None:
    """Each may be the one that has to be undone: none may write over another's."""
    many = 16

    def one(number: int) -> Record:
        step = Done("file", {"path": f"/{number}"})
        return records.begin(ground.locations, Record(0, "x", "", (), (step,)))

    with ThreadPoolExecutor(many) as threads:
        made = list(threads.map(one, range(many)))
    assert sorted(record.number for record in made) == list(range(1, many + 1))
    assert {record.steps[0].kept["path"] for record in offering.performed(ground)} == {f"/{n}" for n in range(many)}
    assert len(list((ground.locations.state / records.FOLDER).iterdir())) == many


async def test_what_was_refused_is_not_there_to_be_undone(ground: Ground) -> None:
    """Else an undo would stop a service that somebody else started meanwhile."""
    assert isinstance(ground.administrator, Recorder)
    ground.administrator.refuses = True
    with pytest.raises(RightsRefused):
        await offering.perform(Offer("service_enabled", (), (AsAdministrator("pcscd_start"),)), ground)
    assert offering.performed(ground) == []
    path = ground.home / "file"
    two = Offer("x", (), (WriteFile(path, b"x", 0o600), AsAdministrator("pcscd_start")))
    with pytest.raises(RightsRefused):
        await offering.perform(two, ground)
    (record,) = offering.performed(ground)
    assert [done.kind for done in record.steps] == ["file"]


@pytest.mark.parametrize(("action", "subject"), [("udev_rule", DEVICE), ("polkit_rule", USER)])
async def test_a_rule_that_somebody_else_wrote_is_neither_replaced_nor_taken_away(
    ground: Ground, action: str, subject: str
) -> None:
    path = ground.root / (udev_path(subject) if action == "udev_rule" else polkit_path(subject)).lstrip("/")
    path.parent.mkdir(parents=True)
    step = Offer("x", (), (AsAdministrator(action, subject),))
    path.write_text("# an administrator's own\n")
    with pytest.raises(MendOverwritten):
        await offering.perform(step, ground)
    path.unlink()
    (ground.root / "linked").write_bytes(ACTIONS[action].do(subject).given)
    path.symlink_to(ground.root / "linked")
    with pytest.raises(MendOverwritten):
        await offering.perform(step, ground)
    assert (asked(ground), offering.performed(ground)) == ([], [])
    path.unlink()
    record = await offering.perform(step, ground)
    path.write_bytes(ACTIONS[action].do(subject).given + b"// more\n")
    with pytest.raises(MendOverwritten):
        await offering.undo(record, ground)
    path.write_bytes(ACTIONS[action].do(subject).given)
    await offering.undo(record, ground)
    assert [words[0] for words in asked(ground)] == ["install", "rm"]


async def test_undoing_leaves_the_issuers_that_came_since(ground: Ground, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ec", "http://issuer.test")
    signer = authority.signer()

    async def fetch(_url: str) -> bytes:
        return authority.issuing.der

    async def held() -> tuple[bytes, ...]:
        return (signer.der,)

    standing = ground._replace(fetch=fetch, certificates=held)
    step = FetchIssuer(signer.description.thumbprint, "http://issuer.test/issuer/issuing")
    await offering.perform(Offer("issuer_fetched", (), (step,)), standing)
    (ground.locations.issuers / "of-the-person.cer").write_bytes(authority.root.der)
    (record,) = offering.performed(ground)  # as a later undo reads it
    await offering.undo(record, standing)
    assert [path.name for path in ground.locations.issuers.iterdir()] == ["of-the-person.cer"]


def test_what_is_no_certificate_in_the_folder_of_issuers_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "one.cer").write_bytes(b"0\x00")
    assert kept_in(tmp_path) == (b"0\x00",)
    assert kept_in(tmp_path / "missing") == ()


def test_a_record_that_is_not_this_users_is_not_believed(ground: Ground) -> None:
    """A state folder that was open to others may hold one that says which file is to be "brought back"."""
    folder = ground.locations.state / records.FOLDER
    folder.mkdir(mode=0o777)
    kept = {"path": str(ground.home / ".profile"), "before": "ZXZpbA==", "mode": 0o600, "after": "", "folders": 0}
    forged = {"number": 1, "remedy": "x", "time": "", "findings": [], "steps": [{"kind": "file", "kept": kept}]}
    path = folder / "1.json"
    path.write_text(json.dumps(forged))
    os.chown(path, 65534, 65534)
    with pytest.raises(FileUnreadable):
        offering.performed(ground)
    path.rename(folder.parent / "elsewhere")
    path.symlink_to(folder.parent / "elsewhere")
    with pytest.raises(FileUnreadable):
        offering.performed(ground)


async def test_a_command_that_never_ends_is_given_up_where_it_cannot_be_killed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What pkexec and sudo run belongs to the administrator: this user may not end it."""
    left: list[Process] = []

    def kill(self: Process) -> None:
        left.append(self)
        raise PermissionError

    script(tmp_path, "pkexec", "exec sleep 120")
    script(tmp_path, "install", "exit 0")
    monkeypatch.setattr(Process, "kill", kill)
    monkeypatch.setattr(rights, "SECONDS", 0.1)
    elevation = Elevation({"DISPLAY": ":1"}, terminal=False, user=1000, folders=(str(tmp_path), "/usr/bin", "/bin"))
    with pytest.raises(MendFailed) as failed:
        async with asyncio.timeout(60):
            await elevation.run(Command(("install", "x")))
    assert failed.value.facts["reason"] == "timeout"
    monkeypatch.undo()
    for process in left:
        process.kill()
        await process.wait()


async def test_a_full_disk_stops_a_repair_before_its_first_step(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    path = ground.home / "file"
    with pytest.raises(Exception, match="file_unwritable"):
        await offering.perform(Offer("x", (), (WriteFile(path, b"x", 0o600),)), ground)
    assert not path.exists()
    assert list((ground.locations.state / records.FOLDER).iterdir()) == []
