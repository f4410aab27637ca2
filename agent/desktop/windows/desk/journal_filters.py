"""What is sought in the journal, as the person says it: words, kind, site, period."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from PySide6.QtCore import QDate, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QDateEdit, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk.flow import Flow
from agent.desktop.windows.wording import Wording
from agent.records.query import MAX_WORDS
from agent.texts.visible import visible

_PAUSE = 250  # milliseconds after the last key until it is searched
_KINDS = ("sign", "sign_in", "sign_batch", "connect", "choose", "outcome", "note", "pause", "journal_begun", "archived")
_PERIODS = {"all": None, "day": 1, "week": 7, "month": 30, "year": 365, "chosen": None}  # days that end today
_SHORTEST = 8  # characters of a choice that stay visible on a small screen


class Filters(QWidget):
    changed = Signal()

    def __init__(self, wording: Wording) -> None:
        super().__init__()
        self._wording = wording
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.changed)
        self._words = QLineEdit()
        self._words.setAccessibleName(wording("desk.journal.words"))
        self._words.setPlaceholderText(wording("desk.journal.words_hint"))
        self._words.setClearButtonEnabled(True)
        self._words.setMaxLength(MAX_WORDS)
        self._words.textEdited.connect(lambda _text: self._timer.start(_PAUSE))
        self._words.textChanged.connect(lambda text: None if text else self._timer.start(0))
        self._words.returnPressed.connect(lambda: self._timer.start(0))
        kinds = [(wording(f"journal.kind.{kind}"), kind) for kind in _KINDS]
        self._kind = self._choice("kind", [(wording("desk.journal.any_kind"), ""), *sorted(kinds)])
        self._site = self._choice("site", [(wording("desk.journal.any_site"), "")])
        self._period = self._choice("period", [(wording(f"desk.journal.period.{name}"), name) for name in _PERIODS])
        self._since, self._until = self._day("since"), self._day("until")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.GAP)
        layout.addWidget(self._words)
        choices = {"kind": self._kind, "site": self._site, "period": self._period}
        labelled = (self._labelled(name, choice) for name, choice in choices.items())
        layout.addLayout(Flow(*labelled, self._since, self._until))
        self._period.currentIndexChanged.connect(self._show_days)
        self._show_days()

    def take_sites(self, sites: list[dict[str, Any]]) -> None:
        known = {self._site.itemData(row) for row in range(self._site.count())}
        for site in sites:
            if site["origin"] not in known:
                self._site.addItem(visible(site["origin"]), site["origin"])

    def sought(self) -> dict[str, Any]:
        """As `search_journal` takes it."""
        since, until = self._moments()
        return {
            "words": self._words.text().strip(),
            "kind": self._kind.currentData(),
            "site": self._site.currentData(),
            "since": since,
            "until": until,
        }

    def _moments(self) -> tuple[str, str]:
        name = self._period.currentData()
        if name == "chosen":
            first, last = self._since.date(), self._until.date()
        elif (days := _PERIODS[name]) is not None:
            last = QDate.currentDate()
            first = last.addDays(1 - days)
        else:
            return "", ""
        return _midnight(first), _midnight(last.addDays(1))

    def _choice(self, name: str, rows: list[tuple[str, str]]) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(self._wording(f"desk.journal.{name}"))
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(_SHORTEST)
        for words, data in rows:
            box.addItem(words, data)
        box.currentIndexChanged.connect(lambda _row: self._timer.start(0))
        return box

    def _labelled(self, name: str, choice: QComboBox) -> QWidget:
        """Screen readers on Linux know a list by its label alone."""
        label = widgets.label(self._wording(f"desk.journal.{name}"), wrap=False)
        label.setBuddy(choice)
        style.set_faint(label)
        pair = QWidget()
        pair.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(pair)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.GAP // 2)
        layout.addWidget(label)
        layout.addWidget(choice)
        return pair

    def _day(self, name: str) -> QDateEdit:
        edit = QDateEdit(QDate.currentDate())
        edit.setDisplayFormat("dd.MM.yyyy" if self._wording.language == "ru" else "yyyy-MM-dd")
        edit.setCalendarPopup(True)
        edit.setAccessibleName(self._wording(f"desk.journal.{name}"))
        edit.dateChanged.connect(lambda _date: self._timer.start(_PAUSE))
        return edit

    def _show_days(self) -> None:
        for edit in (self._since, self._until):
            edit.setVisible(self._period.currentData() == "chosen")


def _midnight(day: QDate) -> str:
    """The beginning of a day on this machine, in UTC, as entries have it."""
    begins = datetime(day.year(), day.month(), day.day()).astimezone(UTC)
    return f"{begins:%Y-%m-%dT%H:%M:%S.000Z}"
