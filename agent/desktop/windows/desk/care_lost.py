"""A key may be in other hands: one button stops signing and shows, step by step, what to do now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QLineEdit, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk import asking
from agent.desktop.windows.desk.flow import Flow
from agent.errors import PeroError
from agent.texts.strays import steps
from agent.texts.visible import visible

if TYPE_CHECKING:
    from agent.desktop.windows.desk.care import Content

_MOST = 500  # characters of what happened


class LostKey(QWidget):
    def __init__(self, page: Content) -> None:
        super().__init__()
        self._page = page
        self._wording = page.wording
        self._keys: list[dict[str, Any]] = []
        layout = QVBoxLayout(self)
        layout.setSpacing(style.GAP)
        layout.addWidget(widgets.label(self._wording("lost.intro")))
        self._which = QComboBox()
        self._which.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._which.setMinimumContentsLength(20)
        self._named(layout, "lost.which", self._which)
        self._what = QLineEdit()
        self._what.setMaxLength(_MOST)
        self._named(layout, "lost.what", self._what)
        self._report = QPushButton(self._wording("lost.report"))
        self._report.clicked.connect(self._begin)
        layout.addLayout(Flow(self._report))
        self._steps = widgets.label("")
        layout.addWidget(self._steps)
        self._statement = QPlainTextEdit()
        self._statement.setReadOnly(True)
        self._statement.setTabChangesFocus(True)
        self._statement.setAccessibleName(self._wording("lost.statement.title"))
        self._statement.setMinimumHeight(8 * self.fontMetrics().height())
        layout.addWidget(self._statement, 1)
        self._copy = QPushButton(self._wording("lost.copy"))
        self._copy.clicked.connect(self._copy_statement)
        self._save = QPushButton(self._wording("lost.save"))
        self._save.clicked.connect(self._save_statement)
        self._anew = QPushButton(self._wording("lost.anew"))
        self._anew.clicked.connect(lambda: page.open_page("certificates"))
        layout.addLayout(Flow(self._copy, self._save, self._anew))
        layout.addStretch(0)
        self._after = (self._steps, self._statement, self._copy, self._save, self._anew)
        for widget in self._after:
            widget.hide()
        self.show_keys([])

    def _named(self, layout: QVBoxLayout, key: str, control: QWidget) -> None:
        name = widgets.label(self._wording(key))
        name.setBuddy(control)
        control.setAccessibleName(self._wording(key))
        layout.addWidget(name)
        layout.addWidget(control)

    def show_keys(self, keys: Sequence[dict[str, Any]]) -> None:
        """The last row is for a key that nobody has seen here."""
        chosen = self._which.currentIndex()
        self._keys = list(keys)
        self._which.clear()
        for key in self._keys:
            self._which.addItem(
                f"{visible(key['owner'])}, {self._wording.day(key['not_after'])}, {visible(key['token'])}"
            )
        self._which.addItem(self._wording("lost.another"))
        self._which.setCurrentIndex(max(0, min(chosen, self._which.count() - 1)))

    def _begin(self) -> None:
        row = self._which.currentIndex()
        parameters = {"circumstances": self._what.text().strip(), "language": self._wording.language}
        if 0 <= row < len(self._keys):
            key = self._keys[row]
            parameters |= {name: key[name] for name in ("thumbprint", "serial", "owner")}
        self._page.banner.clear()
        self._page.client.call("report_lost", parameters, self._show, self._page.say_error, self)

    def _show(self, result: dict[str, Any]) -> None:
        told = steps(result["place"], result["sites"], self._wording.language, paused=result["paused"])
        words = "\n".join(f"{number}. {step}" for number, step in enumerate(told, 1))
        self._steps.setText(words)
        self._statement.setPlainText(result["statement"])
        for widget in self._after:
            widget.show()
        kind = "information" if result["paused"] and result["recorded"] else "warning"
        self._page.banner.say(kind, self._wording("lost.done" if kind == "information" else "lost.done_partly"))
        self._page.shown()
        self._copy.setFocus()

    def _copy_statement(self) -> None:
        QGuiApplication.clipboard().setText(self._statement.toPlainText())
        self._page.banner.say("information", self._wording("lost.copied"))

    def _save_statement(self) -> None:
        title, name = self._wording("lost.statement.title"), self._wording("lost.file")
        kinds = f"{self._wording('lost.kind')} (*.txt)"
        try:
            if asking.save(self, title, name, kinds, self._statement.toPlainText().encode("utf-8")):
                self._page.banner.say("information", self._wording("lost.saved"))
        except PeroError as error:
            self._page.say_error(error)
