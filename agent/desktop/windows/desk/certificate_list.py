"""The list of the page of certificates: grouped by person and role, bad ones last, then tokens and key files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QTreeWidget, QTreeWidgetItem

from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk.certificate_state import remarks
from agent.desktop.windows.wording import Wording
from agent.model import KEY_FILES
from agent.texts.visible import visible

Row = dict[str, Any]
_CHOICE = Qt.ItemDataRole.UserRole
_ROLES = ("company", "proprietor", "citizen")


class Choice(NamedTuple):
    """What a row of the list stands for."""

    kind: str  # "certificate", "token"
    name: str  # thumbprint; or label, serial and module of the token
    value: Row


def token_key(token: Row) -> str:
    return "\0".join((token["label"], token["serial"], token["module"]))


class CertificateList(QTreeWidget):
    changed = Signal()

    def __init__(self, wording: Wording) -> None:
        super().__init__()
        self._wording = wording
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setAccessibleName(wording("certs.list"))
        self.setIndentation(12)
        self.currentItemChanged.connect(lambda *_: self.changed.emit())

    @property
    def choice(self) -> Choice | None:
        item = self.currentItem()
        found = item.data(0, _CHOICE) if item is not None else None
        return found if isinstance(found, Choice) else None

    def show_rows(self, cards: list[Row], tokens: list[Row]) -> None:
        """Another state of things; what was chosen stays chosen where it is still there."""
        before = self.choice
        self.blockSignals(True)
        self.setUpdatesEnabled(False)
        self.clear()
        groups = [self._group(title, rows) for title, rows in _grouped(cards, self._wording)]
        if tokens:
            groups.append(self._tokens(tokens))
        self.addTopLevelItems(groups)
        for group in groups:
            group.setExpanded(True)
        self._choose(before)
        self.setUpdatesEnabled(True)
        self.blockSignals(False)
        self.changed.emit()

    def row_of(self, wanted: Callable[[Choice], bool]) -> QTreeWidgetItem | None:
        """The first row of which this is true."""
        groups = [self.topLevelItem(number) for number in range(self.topLevelItemCount())]
        for item in (group.child(row) for group in groups if group is not None for row in range(group.childCount())):
            choice = item.data(0, _CHOICE) if item is not None else None
            if isinstance(choice, Choice) and wanted(choice):
                return item
        return None

    def _choose(self, before: Choice | None) -> None:
        item = None
        if before is not None:
            item = self.row_of(lambda one: (one.kind, one.name) == (before.kind, before.name))
        item = item or self.row_of(lambda one: True)
        if item is not None:
            self.setCurrentItem(item)

    def _group(self, title: str, rows: list[Row]) -> QTreeWidgetItem:
        group = self._heading(title)
        for row in rows:
            name = row["issuer"]
            lines = [self._wording("certs.until", day=self._wording.day(row["not_after"])), visible(name)]
            lines += [self._wording(f"problem.{one}", **_days(row, self._wording)) for one in row["problems"][:1]]
            lines += remarks(row, self._wording, brief=True)[:1]
            group.addChild(self._item(lines, Choice("certificate", row["thumbprint"], row)))
        return group

    def _tokens(self, tokens: list[Row]) -> QTreeWidgetItem:
        group = self._heading(self._wording("certs.tokens"))
        for token in tokens:
            kind = self._wording("certs.key_file" if token["module"] == KEY_FILES else "certs.token")
            lines = [visible(token["label"]) or visible(token["model"]) or kind, kind]
            lines += [self._wording(f"warning.{one}") for one in token["warnings"][:1]]
            group.addChild(self._item(lines, Choice("token", token_key(token), token)))
        return group

    def _item(self, lines: list[str], choice: Choice) -> QTreeWidgetItem:
        item = QTreeWidgetItem(["\n".join(lines)])
        item.setData(0, _CHOICE, choice)
        item.setData(0, Qt.ItemDataRole.AccessibleTextRole, ". ".join(lines))
        item.setToolTip(0, widgets.plain_tooltip("\n".join(lines)))
        item.setSizeHint(0, QSize(0, len(lines) * self.fontMetrics().lineSpacing() + style.GAP))
        return item

    def _heading(self, title: str) -> QTreeWidgetItem:
        group = QTreeWidgetItem([title])
        group.setFlags(Qt.ItemFlag.ItemIsEnabled)
        font = QFont(self.font())
        font.setBold(True)
        group.setFont(0, font)
        group.setToolTip(0, widgets.plain_tooltip(title))
        return group


def _grouped(cards: list[Row], wording: Wording) -> list[tuple[str, list[Row]]]:
    """Titles and rows. Groups in which something can be signed with come first, within a group what can."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for card in cards:
        whose = card["numbers"].get("ogrn" if card["role"] == "company" else "inn", "")
        groups.setdefault((card["role"], card["person"], whose), []).append(card)
    made = []
    for (role, person, _), rows in groups.items():
        rows.sort(key=_is_bad)
        title = wording(f"certs.role.{role}", person=visible(person), organization=_organization(rows[0]))
        made.append((all(map(_is_bad, rows)), visible(person).casefold(), _ROLES.index(role), title, rows))
    made.sort(key=lambda one: one[:3])
    return [(title, rows) for *_, title, rows in made]


def _is_bad(card: Row) -> bool:
    return bool(card["problems"]) or card["revocation"] == "revoked"


def _organization(card: Row) -> str:
    ogrn = card["numbers"].get("ogrn") or card["numbers"].get("inn_le", "")
    return ", ".join(part for part in (visible(card["organization"]), ogrn) if part)


def _days(card: Row, wording: Wording) -> dict[str, str]:
    return {"from_day": wording.day(card["not_before"]), "to_day": wording.day(card["not_after"])}
