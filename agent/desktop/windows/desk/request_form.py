"""The form for a new certificate: whom it is to name, which key, and the PKCS#10 request that an authority takes.

The token may go away while the form is filled: what was typed stays, and the person asks again when it is back.
"""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QFrame,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from agent.api.certificate_files import in_pem
from agent.certificates.request import ATTRIBUTES, Subject, subject_name
from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk import asking
from agent.desktop.windows.desk.client import AgentClient
from agent.desktop.windows.desk.flow import Flow
from agent.desktop.windows.wording import Wording
from agent.errors import PeroError, SubjectInvalid
from agent.model import KEY_FILES
from agent.texts.standards import standard
from agent.texts.visible import visible

Row = dict[str, Any]
_NEW_KEYS = (("gost256", ""), ("gost512", ""), ("rsa", "2048"), ("ec", "P-256"))
_NAMES = ("GOST R 34.10-2012 256", "GOST R 34.10-2012 512", "RSA 2048", "P-256")
_COUNTRY = "RU"


class _Key(NamedTuple):
    """One that is there (its row of `token_objects`), or a kind to be made."""

    row: Row | None
    kind: str = ""
    parameters: str = ""


class RequestForm(QDialog):
    def __init__(self, parent: QWidget, client: AgentClient, wording: Wording, token: Row) -> None:
        super().__init__(parent)
        self._client = client
        self._wording = wording
        self._token = token
        self._of_key_file = token["module"] == KEY_FILES  # it has one key, and makes no other
        self._request = ""  # base64 of the PKCS#10
        self._keys: list[_Key] = []
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(wording("certs.form.title"))
        self.banner = widgets.Banner()
        self._key = QComboBox()
        self._fields = {attribute.name: QLineEdit() for attribute in ATTRIBUTES}
        self._fields["country"].setText(_COUNTRY)
        self._ask = self._button("certs.form.make", self._make)
        self._ask.setDefault(True)
        self._save = self._button("certs.form.save", self._save_request)
        self._copy = self._button("certs.form.copy", self._copy_request)
        self._close = self._button("certs.form.close", self.reject)
        for field in self._fields.values():
            field.textEdited.connect(self._forget_request)
        self._key.activated.connect(self._forget_request)
        self._lay_out()
        self._fields["common_name"].setFocus()
        self._update()
        self._read_keys()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        intro = "certs.form.intro_key_file" if self._of_key_file else "certs.form.intro"
        form.addRow(widgets.label(self._wording(intro, token=visible(self._token["label"]))))
        self._add(form, self._wording("certs.form.key"), self._key)
        for name, field in self._fields.items():
            self._add(form, self._wording(f"certs.field.{name}"), field)
        inside = QWidget()
        inside.setLayout(form)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inside)
        row = Flow(self._ask, self._save, self._copy, self._close)
        layout = QVBoxLayout(self)
        layout.setSpacing(style.GAP)
        layout.addWidget(self.banner)
        layout.addWidget(area, 1)
        layout.addLayout(row)
        room = QGuiApplication.primaryScreen().availableSize()
        self.resize(min(620, room.width() - 40), min(560, room.height() - 80))

    def _add(self, form: QFormLayout, words: str, field: QWidget) -> None:
        name = widgets.label(words)
        name.setBuddy(field)
        field.setAccessibleName(words)
        form.addRow(name, field)

    def _button(self, key: str, pressed: Any) -> QPushButton:
        button = QPushButton(self._wording(key))
        button.setAutoDefault(False)
        button.clicked.connect(lambda _=False: pressed())
        return button

    def _read_keys(self) -> None:
        self._client.call("token_objects", {"token": self._token}, self._show_keys, self._say, self)

    def _show_keys(self, result: Row) -> None:
        keys = [row for row in result["objects"] if row["kind"] == "key"]
        free = [row for row in keys if self._of_key_file or not row["certificates"]]
        new = [] if self._of_key_file else list(zip(_NEW_KEYS, _NAMES, strict=True))
        self._keys = [*(_Key(row) for row in free), *(_Key(None, *kind) for kind, _ in new)]
        self._key.clear()
        for row in free:
            self._key.addItem(self._there(row))
        for _, name in new:
            self._key.addItem(self._wording("certs.form.key_new", kind=standard(name, self._wording.language)))

    def _there(self, row: Row) -> str:
        """A key that is there."""
        label, kind = visible(row["label"]) or row["id"], standard(row["key"], self._wording.language)
        return self._wording(
            "certs.form.key_in_file" if self._of_key_file else "certs.form.key_there", kind=kind, label=label
        )

    def _make(self) -> None:
        self.banner.clear()
        number = self._key.currentIndex()
        if number < 0:
            self._read_keys()  # the token may be back
            return
        try:
            subject_name(Subject(**self._subject()))  # before a PIN is asked for, and a key made that nobody needs
        except SubjectInvalid as error:
            self._say(error)
            return
        key = self._keys[number]
        self._update(busy=True)
        if key.row is not None:
            self._ask_for(key.row)
            return
        parameters = {"token": self._token, "type": key.kind, "parameters": key.parameters}
        self._client.call("token_generate_key", parameters, self._generated, self._say, self)

    def _generated(self, result: Row) -> None:
        """The key is on the token whatever comes: another try takes it, and makes no second one."""
        row = result["object"]
        self._keys.insert(0, _Key(row))
        self._key.insertItem(0, self._there(row))
        self._key.setCurrentIndex(0)
        self._ask_for(row)

    def _ask_for(self, row: Row) -> None:
        key = {"kind": "key", "id": row["id"], "thumbprint": row["thumbprint"]}
        parameters = {"token": self._token, "key": key, "subject": self._subject()}
        self._client.call("token_request", parameters, self._made, self._say, self)

    def _subject(self) -> dict[str, str]:
        return {name: field.text().strip() for name, field in self._fields.items()}

    def _made(self, result: Row) -> None:
        self._request = result["request"]
        self._update()
        self.banner.say("information", self._wording("certs.form.made"))
        self._save.setFocus()

    def _save_request(self) -> None:
        kinds = f"{self._wording('certs.kind.p10')} (*.p10);;{self._wording('certs.kind.pem')} (*.pem)"
        target = asking.save_name(self, self._wording("certs.form.save"), "request.p10", kinds)
        if not target:
            return
        pem = target.lower().endswith(".pem")
        try:
            asking.put(target, self._pem() if pem else base64.b64decode(self._request))
        except PeroError as error:
            self._say(error)
        else:
            self.banner.say("information", self._wording("certs.written", path=visible(target)))

    def _copy_request(self) -> None:
        QGuiApplication.clipboard().setText(self._pem().decode("ascii"))
        self.banner.say("information", self._wording("certs.copied"))

    def _pem(self) -> bytes:
        return in_pem(self._request, "CERTIFICATE REQUEST")

    def _say(self, error: PeroError) -> None:
        self._update()
        facts, name = error.facts, str(error.facts.get("attribute"))
        if error.name == "subject_invalid" and (field := self._fields.get(name)):
            field.setFocus()
            facts = {**facts, "attribute": self._wording(f"certs.field.{name}")}
        self.banner.say("error", self._wording.error(error.name, facts))

    def _forget_request(self) -> None:
        """What is saved or copied is what stands in the form."""
        self._request = ""
        self._update()

    def _update(self, *, busy: bool = False) -> None:
        (self._save if self._request else self._ask).setDefault(True)  # what Enter does
        self._ask.setEnabled(not busy)
        self._save.setEnabled(bool(self._request))
        self._copy.setEnabled(bool(self._request))
