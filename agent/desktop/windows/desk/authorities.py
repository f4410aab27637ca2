"""Whom the person trusts where signatures are verified: a list that is kept, added to and taken from."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFileDialog, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from agent.api.files import open_file
from agent.certificates.description import Description
from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk import asking
from agent.desktop.windows.desk.client import AgentClient
from agent.desktop.windows.desk.flow import Flow
from agent.desktop.windows.prompt_window import room
from agent.desktop.windows.wording import Wording
from agent.errors import CertificateDamaged, PeroError
from agent.signing.fitting import iso
from agent.texts.visible import visible
from agent.trust.authorities import MAX_FILE, Authorities

_WIDTH, _LINES = 560, 8  # logical pixels; lines of text that the list shows
_LONG = 120  # characters of an owner in a question
_MOST_NAMED = 3  # in the question whether certificates are to be trusted


class AuthoritiesWindow(QDialog):
    """`changed` is true once something was added or taken away."""

    def __init__(self, parent: QWidget, client: AgentClient, wording: Wording) -> None:
        super().__init__(parent)
        self._client = client
        self._wording = wording
        self.changed = False
        self.setWindowTitle(wording("desk.verify.trust_title"))
        self.banner = widgets.Banner()
        self.list = QListWidget()
        self.list.setAccessibleName(wording("desk.verify.trust_title"))
        self.list.setWordWrap(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.list.setMinimumHeight(3 * self.fontMetrics().height())
        self.list.currentRowChanged.connect(lambda _: self._update())
        self._remove = self._button("remove", self._remove_chosen)
        buttons = Flow(self._button("add", self._add), self._remove, self._button("close", self.accept))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.MARGIN, style.MARGIN, style.MARGIN, style.MARGIN)
        layout.setSpacing(style.GAP)
        layout.addWidget(widgets.label(wording("desk.authorities.intro")))
        layout.addWidget(self.banner)
        layout.addWidget(self.list, 1)
        layout.addLayout(buttons)
        self.resize(min(_WIDTH, room().width()), min(_LINES * 2 * self.fontMetrics().height(), room().height()))
        self._update()
        self._read()

    def _button(self, name: str, pressed: Any) -> QPushButton:
        button = QPushButton(self._wording(f"desk.authorities.{name}"))
        button.setAutoDefault(False)
        button.clicked.connect(pressed)
        return button

    def _read(self) -> None:
        self._client.call("list_authorities", {}, self._show, self._say_error, self)

    def _show(self, result: dict[str, Any]) -> None:
        chosen = self._chosen()
        self.list.clear()
        for one in result["authorities"]:
            item = QListWidgetItem(self._row(one["owner"], one["not_after"], one["thumbprint"]))
            item.setData(Qt.ItemDataRole.UserRole, one["thumbprint"])
            self.list.addItem(item)
            if one["thumbprint"] == chosen:
                self.list.setCurrentItem(item)
        self._update()

    def _row(self, owner: str, not_after: str, thumbprint: str) -> str:
        facts = {"day": self._wording.day(not_after), "thumbprint": widgets.breakable(thumbprint)}
        return f"{widgets.softened(visible(owner))}\n{self._wording('desk.authorities.row', **facts)}"

    def _chosen(self) -> str:
        item = self.list.currentItem()
        return str(item.data(Qt.ItemDataRole.UserRole)) if item is not None else ""

    def _update(self) -> None:
        self._remove.setEnabled(bool(self._chosen()))

    def _say_error(self, error: PeroError) -> None:
        self.banner.say("error", self._wording.error(error.name, error.facts))

    # What the person does

    def _add(self) -> None:
        filters = f"{self._wording('desk.verify.certificates')} (*.pem *.crt *.cer *.der)"
        file, _ = QFileDialog.getOpenFileName(self, self._wording("desk.authorities.add_title"), "", filters)
        if file:
            self.add(Path(file))

    def add(self, file: Path) -> None:
        """After the person saw whose certificates they are."""
        self.banner.clear()
        try:
            content = _content(file)
            read = Authorities(file.parent).read(content)
        except PeroError as error:
            self._say_error(error)
            return
        if asking.sure(
            self,
            self._wording,
            self._wording("desk.authorities.add_title"),
            self._question(read),
            self._wording("desk.authorities.trust"),
        ):
            encoded = base64.b64encode(content).decode()
            self._client.call("trust_authorities", {"content": encoded}, self._done, self._say_error, self)

    def _question(self, read: tuple[Description, ...]) -> str:
        rows = [self._row(_short(one.owner), iso(one.not_after), one.thumbprint) for one in read[:_MOST_NAMED]]
        left = len(read) - len(rows)
        if left:
            rows.append(self._wording.plural("desk.authorities.more", left))
        return "\n\n".join([self._wording("desk.authorities.question"), *rows])

    def _remove_chosen(self) -> None:
        if thumbprint := self._chosen():
            self.banner.clear()
            self._client.call("distrust_authority", {"certificate": thumbprint}, self._done, self._say_error, self)

    def _done(self, _result: dict[str, Any]) -> None:
        self.changed = True
        self._read()


def _short(owner: str) -> str:
    """A question has no room for more; the list shows all of it."""
    return owner if len(owner) <= _LONG else f"{owner[: _LONG // 2]} … {owner[-_LONG // 2 :]}"


def _content(file: Path) -> bytes:
    """Raises FileUnreadable, CertificateDamaged."""
    with open_file(file) as opened:
        content = opened.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise CertificateDamaged(detail="too long")
    return content
