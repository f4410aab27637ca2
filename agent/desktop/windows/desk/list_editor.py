"""A list that a person adds to, changes, orders and takes from: of texts, numbers, or records with named fields."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLineEdit,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from agent.desktop.windows import style
from agent.desktop.windows.desk.flow import Flow
from agent.desktop.windows.wording import Wording
from agent.texts.visible import visible

_ROWS = 4  # lines that are seen at once
_WIDTH = 420  # logical pixels of the form


class ListEditor(QWidget):
    """`changed` carries the whole list. `fields`: names of a record's fields, the first one must be filled in."""

    changed = Signal(list)

    def __init__(self, fields: tuple[str, ...], title: str, wording: Wording) -> None:
        super().__init__()
        self._fields = fields
        self._title = title
        self._wording = wording
        self._values: list[Any] = []
        self._numbers = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.GAP // 2)
        self._list = QListWidget()
        self._list.setAccessibleName(title)
        self._list.setFixedHeight(self._list.fontMetrics().height() * (_ROWS + 1))
        self._list.currentRowChanged.connect(lambda _: self._update())
        self._list.itemActivated.connect(lambda _: self._change())
        layout.addWidget(self._list)
        self.add, self.alter, self.remove, self.up = (
            self._button(name, done)
            for name, done in (
                ("add", self._add), ("change", self._change), ("remove", self._remove), ("up", self._move_up),
            )
        )  # fmt: skip
        layout.addLayout(Flow(self.add, self.alter, self.remove, self.up))
        self._update()

    def put(self, values: list[Any]) -> None:
        chosen = self._list.currentRow()
        self._values = list(values)
        self._numbers = self._numbers or any(isinstance(value, int) for value in values)
        self._list.clear()
        for value in self._values:
            self._list.addItem(visible(_worded(value, self._fields)))
        self._list.setCurrentRow(min(chosen, len(self._values) - 1))
        self._update()

    def _button(self, name: str, pressed: Any) -> QPushButton:
        button = QPushButton(self._wording(f"settings.list.{name}"))
        button.setAccessibleName(self._wording(f"settings.list.{name}.of", setting=self._title))
        button.clicked.connect(pressed)
        return button

    def _update(self) -> None:
        row = self._list.currentRow()
        self.alter.setEnabled(row >= 0)
        self.remove.setEnabled(row >= 0)
        self.up.setEnabled(row > 0)

    def _add(self) -> None:
        if (value := self._asked(None)) is not None:
            self.changed.emit([*self._values, value])

    def _change(self) -> None:
        row = self._list.currentRow()
        if row >= 0 and (value := self._asked(self._values[row])) is not None:
            self.changed.emit([*self._values[:row], value, *self._values[row + 1 :]])

    def _remove(self) -> None:
        row = self._list.currentRow()
        if row >= 0:
            self.changed.emit([*self._values[:row], *self._values[row + 1 :]])

    def _move_up(self) -> None:
        row = self._list.currentRow()
        if row > 0:
            before, moved = self._values[row - 1 : row + 1]
            self._list.setCurrentRow(row - 1)
            self.changed.emit([*self._values[: row - 1], moved, before, *self._values[row + 1 :]])

    def _asked(self, value: Any) -> Any:
        """What the person typed; None where they left it."""
        form = _Form(self._fields, self._title, self._wording, value, self)
        if form.exec() != QDialog.DialogCode.Accepted:
            return None
        given = form.given()
        if self._fields:
            return given
        typed = given["value"]
        return int(typed) if self._numbers and typed.isdigit() else typed


class _Form(QDialog):
    def __init__(self, fields: tuple[str, ...], title: str, wording: Wording, value: Any, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumWidth(_WIDTH)
        given = value if isinstance(value, dict) else {"value": "" if value is None else str(value)}
        self._given = given if value is not None else {}
        layout = QVBoxLayout(self)
        form = QFormLayout()
        self._lines = {name: QLineEdit(str(given.get(name, ""))) for name in fields or ("value",)}
        for name, line in self._lines.items():
            words = wording(f"settings.field.{name}")
            line.setAccessibleName(words)
            form.addRow(words, line)
        layout.addLayout(form)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._agree = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self._agree.setText(wording("settings.list.ok"))
        buttons.button(QDialogButtonBox.StandardButton.Cancel).setText(wording("settings.list.cancel"))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        first = next(iter(self._lines.values()))
        first.textChanged.connect(self._judge)
        self._judge(first.text())

    def given(self) -> dict[str, str]:
        typed = {name: line.text().strip() for name, line in self._lines.items()}
        return {**self._given, **typed}

    def _judge(self, typed: str) -> None:
        self._agree.setEnabled(bool(typed.strip()))


def _worded(value: Any, fields: tuple[str, ...]) -> str:
    if not isinstance(value, dict):
        return str(value)
    name = str(value.get("name") or "")
    address = str(value.get(fields[0] if fields else "url", ""))
    return f"{name} — {address}" if name else address
