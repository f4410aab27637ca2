"""Copies of keys that lie about: searched for by the agent, shown as they are found, each with what to do with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk import asking
from agent.desktop.windows.desk.flow import Flow
from agent.desktop.windows.desk.plain_table import PlainTable
from agent.errors import Cancelled, PassphraseIncorrect, PeroError, PinIncorrect
from agent.texts.strays import notes
from agent.texts.visible import visible

if TYPE_CHECKING:
    from agent.desktop.windows.desk.care import Content

Row = dict[str, Any]
_COLUMNS = ("kind", "changed", "notes", "path")
_REPLACED = "\ufffd"  # in a path: it was no UTF-8, and cannot be named


class StraySearch(QWidget):
    def __init__(self, page: Content) -> None:
        super().__init__()
        self._page = page
        self._wording = page.wording
        self._strays: list[Row] = []
        self._call: int | None = None
        layout = QVBoxLayout(self)
        layout.setSpacing(style.GAP)
        layout.addWidget(widgets.label(self._wording("strays.intro")))
        self._search = self._button("search", self._begin)
        self._elsewhere = self._button("elsewhere", self._search_elsewhere)
        self._stop = self._button("stop", self._cancel)
        layout.addLayout(Flow(self._search, self._elsewhere, self._stop))
        self._said = widgets.label("")
        layout.addWidget(self._said)
        self._table = PlainTable(
            self._wording("care.tab.strays"), [self._wording(f"strays.column.{name}") for name in _COLUMNS]
        )
        self._table.itemSelectionChanged.connect(self._update)
        layout.addWidget(self._table, 1)
        self._advice = widgets.label("")
        layout.addWidget(self._advice)
        self._open = self._button("open", self._open_folder)
        self._add = self._button("add", self._add_to_pero)
        self._delete = self._button("delete", self._delete_chosen)
        layout.addLayout(Flow(self._open, self._add, self._delete))
        page.client.notified.connect(self._notified)
        self._update()

    def _button(self, name: str, pressed: Any) -> QPushButton:
        made = QPushButton(self._wording(f"strays.{name}"))
        made.clicked.connect(lambda: pressed())
        return made

    # The search

    def _begin(self, *folders: str) -> None:
        self._page.banner.clear()
        self._strays = []
        self._table.fill([])
        self._say("searching", folders=0)
        self._call = self._page.client.call(
            "find_strays", {"folders": list(folders)}, self._found, self._ended_badly, self
        )
        self._update()
        self._stop.setFocus()

    def _search_elsewhere(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self._plain("elsewhere"), str(Path.home()))
        if folder:
            self._begin(folder)

    def _cancel(self) -> None:
        if self._call is not None:
            self._page.client.cancel(self._call)

    def _notified(self, method: str, parameters: Row) -> None:
        if method != "strays" or self._call is None:
            return
        for stray in parameters["strays"]:
            self._strays.append(stray)
            self._table.add(self._row(stray))
        self._say("searching", folders=parameters["folders"])

    def _found(self, result: Row) -> None:
        self._call = None
        self._strays = result["strays"]
        self._table.fill([self._row(stray) for stray in self._strays])
        if self._strays:
            self._table.selectRow(0)
        words = [
            self._wording.plural("strays.found", len(self._strays)),
            self._wording("strays.looked", folders=result["folders"], files=result["files"]),
        ]
        if result["ended"]:
            words.append(self._wording(f"strays.ended.{result['ended']}"))
        if result["unread"]:
            words.append(self._wording.plural("strays.unread", result["unread"]))
        if result["left_out"]:
            places = ", ".join(visible(place) for place in result["left_out"])
            words.append(self._wording("strays.left_out", places=places))
        self._told(" ".join(words))

    def _ended_badly(self, error: PeroError) -> None:
        """What was found until then stays."""
        self._call = None
        if isinstance(error, Cancelled):
            self._table.fit()
            self._told(self._wording("strays.ended.cancelled"))
        else:
            self._told("")
            self._page.say_error(error)

    def _say(self, what: str, **facts: object) -> None:
        self._said.setText(self._wording(f"strays.{what}", **facts))

    def _told(self, words: str) -> None:
        self._said.setText(words)
        if words:
            widgets.announce(self._said, words)
        self._search.setEnabled(True)
        if self._stop.hasFocus():
            self._search.setFocus()
        self._update()

    # What is done with one

    def _row(self, stray: Row) -> list[str]:
        language = self._wording.language
        kind = self._wording(f"strays.kind.{stray['kind']}")
        return [kind, self._wording.day(stray["changed"]), "; ".join(notes(stray, language)), visible(stray["path"])]

    def _chosen(self) -> Row | None:
        row = self._table.chosen()
        return self._strays[row] if row is not None and row < len(self._strays) else None

    def _update(self) -> None:
        stray, searching = self._chosen(), self._call is not None
        self._search.setEnabled(not searching)
        self._elsewhere.setEnabled(not searching)
        self._stop.setEnabled(searching)
        named = stray is not None and _REPLACED not in stray["path"]
        self._open.setEnabled(named)
        self._add.setEnabled(named and stray is not None and stray["kind"] == "pkcs12")
        self._delete.setEnabled(named and stray is not None and stray["kind"] != "cryptopro")
        words = self._wording(f"strays.advice.{stray['kind']}") if stray else ""
        self._advice.setText(words)
        self._advice.setVisible(bool(words))

    def _open_folder(self) -> None:
        if stray := self._chosen():
            path = Path(stray["path"])
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path if stray["kind"] == "cryptopro" else path.parent)))

    def _add_to_pero(self) -> None:
        stray = self._chosen()
        if stray is None:
            return
        name = Path(stray["path"]).name

        def failed(error: PeroError) -> None:
            self._page.say_error(PassphraseIncorrect(file=name) if isinstance(error, PinIncorrect) else error)

        def done(_: Row) -> None:
            self._page.banner.say("information", self._wording("strays.added", file=visible(name)))
            self._page.shown()

        self._page.banner.clear()
        self._page.client.call("add_key_file", {"path": stray["path"]}, done, failed, self)

    def _delete_chosen(self) -> None:
        stray = self._chosen()
        if stray is None:
            return
        question = self._wording("strays.delete_sure", file=visible(stray["path"]))
        if not asking.sure(self, self._wording, self._plain("delete"), question, self._wording("strays.delete_yes")):
            return

        def done(_: Row) -> None:
            if stray in self._strays:
                self._table.removeRow(self._strays.index(stray))
                self._strays.remove(stray)
            self._page.banner.say("information", self._wording("strays.deleted", file=visible(stray["path"])))
            self._update()

        self._page.banner.clear()
        shown = {name: stray[name] for name in ("path", "size", "changed")}
        self._page.client.call("delete_stray", shown, done, self._page.say_error, self)

    def _plain(self, name: str) -> str:
        return self._wording(f"strays.{name}").replace("&", "").rstrip("…")
