"""One setting on the page: its title, what it means, a control of its kind, and whether it is locked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk.list_editor import ListEditor
from agent.desktop.windows.wording import Wording

Changed = Callable[[str, Any], None]  # name, value

CHOICES = {"language": ("", "ru", "en")}
FIELDS: dict[str, tuple[str, ...]] = {  # of records, in the order of the form; the first is what a row says
    "portals": ("url", "name"),
    "timestamp_authorities": ("url", "name", "user", "password_file", "digest", "policy", "anchors"),
}
_MOST = 2**31 - 1  # of a QSpinBox
_MEBIBYTE = 1 << 20
UNITS = {"upload_bytes": _MEBIBYTE}  # what one step of the number is


class SettingRow(QWidget):
    """`setting` is a row of `list_settings`. `changed` is called when the person has decided."""

    def __init__(self, setting: dict[str, Any], wording: Wording, changed: Changed) -> None:
        super().__init__()
        self.name: str = setting["name"]
        self._wording = wording
        self._changed = changed
        self._title = wording(f"setting.{self.name}.title")
        meaning = wording(f"setting.{self.name}.meaning")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, style.GAP)
        layout.setSpacing(style.GAP // 2)
        self.control, self._put = self._made(setting)
        self.control.setAccessibleName(self._title)
        if not isinstance(self.control, QCheckBox):
            heading = widgets.section(self._title)
            heading.setBuddy(self.control)
            layout.addWidget(heading)
        layout.addWidget(self.control)
        explained = widgets.label(meaning)
        style.set_faint(explained)
        layout.addWidget(explained)
        locked = wording(f"settings.locked.{setting['locked']}") if setting["locked"] else ""
        self.control.setAccessibleDescription(f"{locked} {meaning}".strip())
        if locked:
            layout.addWidget(widgets.label(locked))
            self.control.setEnabled(False)
        self.put(setting["value"])

    def put(self, value: Any) -> None:
        """Show a value; nobody is told."""
        with QSignalBlocker(self.control):
            self._put(value)

    def _made(self, setting: dict[str, Any]) -> tuple[QWidget, Callable[[Any], None]]:
        kind = "choice" if self.name in CHOICES else setting["kind"]
        return getattr(self, f"_{kind}")()  # type: ignore[no-any-return]

    def _decided(self, value: Any) -> None:
        self._changed(self.name, value)

    def _choice(self) -> tuple[QWidget, Callable[[Any], None]]:
        box = QComboBox()
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        for one in CHOICES[self.name]:
            box.addItem(self._wording(f"setting.{self.name}.choice.{one or 'none'}"), one)
        box.activated.connect(lambda _: self._decided(box.currentData()))
        return box, lambda value: box.setCurrentIndex(max(box.findData(value), 0))

    def _switch(self) -> tuple[QWidget, Callable[[Any], None]]:
        box = QCheckBox(self._title)
        box.toggled.connect(self._decided)
        return box, box.setChecked

    def _number(self) -> tuple[QWidget, Callable[[Any], None]]:
        unit = UNITS.get(self.name, 1)
        box = QSpinBox()
        box.setRange(0, _MOST)
        box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # the wheel scrolls the page
        last = [0]

        def done() -> None:
            if box.value() != last[0]:
                last[0] = box.value()
                self._decided(box.value() * unit)

        def put(value: int) -> None:
            last[0] = value // unit
            box.setValue(last[0])

        box.editingFinished.connect(done)
        return box, put

    def _text(self) -> tuple[QWidget, Callable[[Any], None]]:
        line = QLineEdit()
        last = [""]

        def done() -> None:
            if line.text().strip() != last[0]:
                last[0] = line.text().strip()
                self._decided(last[0])

        def put(value: str) -> None:
            last[0] = value
            line.setText(value)

        line.editingFinished.connect(done)
        return line, put

    def _list(self) -> tuple[QWidget, Callable[[Any], None]]:
        editor = ListEditor((), self._title, self._wording)
        editor.changed.connect(self._decided)
        return editor, editor.put

    def _records(self) -> tuple[QWidget, Callable[[Any], None]]:
        editor = ListEditor(FIELDS.get(self.name, ()), self._title, self._wording)
        editor.changed.connect(self._decided)
        return editor, editor.put
