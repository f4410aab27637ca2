"""What the doctor's window is told and says; framed as in `messages`. All is worded before it comes here."""

from __future__ import annotations

from typing import Literal

import msgspec

Scope = Literal["full", "quick", "guide"]  # all checks; local and quick ones; those and the clock, for a first look


class Mendable(msgspec.Struct, frozen=True):
    """A repair that Pero can make, and the lines that say what it would do."""

    remedy: str
    title: str
    steps: tuple[str, ...]
    administrator: bool


class Row(msgspec.Struct, frozen=True):
    """A finding in words. `remedy` is of a `Mendable`, or empty."""

    id: str
    area: str
    status: Literal["ok", "warning", "error", "unknown", "not_applicable"]
    text: str
    why: str
    advice: str
    remedy: str = ""


class ShowDoctor(msgspec.Struct, frozen=True, tag_field="say", tag="doctor"):
    language: str


class Examining(msgspec.Struct, frozen=True, tag_field="say", tag="examining"):
    """The machine is being looked at: what is shown may be over. How many checks of how many are done."""

    done: int = 0
    total: int = 0  # 0: not known yet


class Stopped(msgspec.Struct, frozen=True, tag_field="say", tag="stopped"):
    """The look was broken off: what was shown before is what there is."""


class Examined(msgspec.Struct, frozen=True, tag_field="say", tag="examined"):
    """What was found, the worst first. `since`: lines on what changed since it last worked."""

    summary: str
    rows: tuple[Row, ...]
    repairs: tuple[Mendable, ...] = ()
    since: tuple[str, ...] = ()


class Told(msgspec.Struct, frozen=True, tag_field="say", tag="told"):
    """How a repair or a report went."""

    kind: Literal["error", "warning", "information"]
    text: str


class ExamineAgain(msgspec.Struct, frozen=True, tag_field="say", tag="examine_again"):
    """The person wants the machine looked at anew."""

    scope: Scope = "full"


class StopExamining(msgspec.Struct, frozen=True, tag_field="say", tag="stop_examining"):
    """The person does not want to wait for the end of a look. Not heeded while something is being mended."""


class MendThis(msgspec.Struct, frozen=True, tag_field="say", tag="mend_this"):
    """The person read what would be done, and agreed."""

    remedy: str


class SaveReport(msgspec.Struct, frozen=True, tag_field="say", tag="save_report"):
    """The person chose where the HTML page goes."""

    path: str


ToDoctor = ShowDoctor | Examining | Examined | Stopped | Told
FromDoctor = ExamineAgain | StopExamining | MendThis | SaveReport
