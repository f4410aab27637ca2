"""Where a PIN or passphrase is typed, with all that helps to type the right one."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from agent.desktop.windows import style, widgets
from agent.desktop.windows.keyboard import Keyboard
from agent.desktop.windows.wording import Wording
from agent.ipc.pin import MAX_PIN

_WIDTH = 220  # logical pixels; what a field would like to have
_NARROW = 120  # logical pixels; what it makes do with where a screen is small


class SecretField(QLineEdit):
    """A line that shows dots, and gives its content to nobody: not to the clipboard, not to an input method."""

    entered = Signal()  # Enter, with something typed

    def __init__(self) -> None:
        super().__init__()
        self.setEchoMode(QLineEdit.EchoMode.Password)
        self.setMaxLength(MAX_PIN)
        self.setInputMethodHints(
            Qt.InputMethodHint.ImhHiddenText
            | Qt.InputMethodHint.ImhSensitiveData
            | Qt.InputMethodHint.ImhNoPredictiveText
            | Qt.InputMethodHint.ImhNoAutoUppercase
        )
        self.setAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled, False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setDragEnabled(False)
        self.setAcceptDrops(False)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return super().sizeHint().expandedTo(QSize(_WIDTH, 0))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(_NARROW, super().minimumSizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.text():
                self.entered.emit()
            return  # an empty field: neither agreed nor refused
        super().keyPressEvent(event)

    def take(self) -> bytearray:
        """The content in UTF-8, in a buffer that the caller wipes; the field is empty afterwards.

        Copies that Qt and Python made of the text meanwhile cannot be overwritten from here.
        """
        secret = bytearray(self.text(), "utf-8")
        self.forget()
        return secret

    def forget(self) -> None:
        """Empty the field and what could be undone: setText does both, clear() keeps the history."""
        self.setText("")


class PinPanel(QWidget):
    """Label, field, keyboard state and the box to tick before a token's last try."""

    changed = Signal()
    entered = Signal()

    def __init__(self, wording: Wording) -> None:
        super().__init__()
        self._wording = wording
        self._tells = True
        self.field = SecretField()
        self.label = QLabel()
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setBuddy(self.field)
        self._layout_chip = widgets.Chip("information")
        self._caps_chip = widgets.Chip("warning")
        self.on_reader = widgets.label(wording("pin.on_reader"))
        self.on_reader.hide()
        self.last_try = QCheckBox(wording("pin.last_try_agreed"))
        self.last_try.hide()
        self._lay_out()
        self.name("pin")
        self.field.textChanged.connect(self.changed)
        self.field.entered.connect(self.entered)
        self.last_try.toggled.connect(self.changed)
        self._keyboard = Keyboard(self)
        self._keyboard.changed.connect(self._show_keyboard)
        self._show_keyboard()

    def name(self, kind: str) -> None:
        """What is typed here: a purpose of ``ipc.pin``, or a row of the catalogue that words it for this window."""
        self.kind = kind
        self.label.setText(self._wording(f"{kind}.label"))
        self.field.setAccessibleName(self._wording(f"{kind}.name"))

    def take_at_reader(self, at_reader: bool) -> None:
        """The PIN is typed on the reader (protected authentication path): no field."""
        for widget in (self.label, self.field):
            widget.setVisible(not at_reader)
        self.on_reader.setVisible(at_reader)
        if at_reader:
            self.field.forget()
        self._show_keyboard()

    def warn_of_last_try(self, last: bool) -> None:
        """Show or hide the box that must be ticked; a box shown anew is not ticked."""
        if last != self.last_try.isVisibleTo(self):
            self.last_try.setChecked(False)
            self.last_try.setVisible(last)

    @property
    def complete(self) -> bool:
        """Whether what is needed was given."""
        typed = bool(self.field.text()) or not self.on_reader.isHidden()
        return typed and (self.last_try.isHidden() or self.last_try.isChecked())

    @property
    def officer(self) -> bool:
        """Whether the secret is the token's administrator's, and not the person's own."""
        return self.kind in ("so_pin", "puk")

    def limit(self, minimum: int | None, maximum: int | None) -> None:
        """What the token says of the length; who types a secret that exists already knows it."""

    def gives(self) -> bool:
        """Whether something was typed that can be sent."""
        return bool(self.field.text())

    def take(self) -> bytearray:
        """What was typed, as `SecretField.take` gives it."""
        return self.field.take()

    def forget(self) -> None:
        self.field.forget()

    def begin(self) -> None:
        """The keyboard goes to where something is missing."""
        self.field.setFocus()

    def label_widths(self) -> int:
        return self.label.sizeHint().width()

    def align(self, width: int) -> None:
        """The fields of several panels stand under each other."""
        self.label.setMinimumWidth(width)

    def lock(self, locked: bool) -> None:
        """While locked nothing can be typed; the focus stays where it is."""
        self.field.setReadOnly(locked)
        self.last_try.setEnabled(not locked)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(style.GAP)
        row.addWidget(self.label)
        row.addWidget(self.field)
        row.addWidget(self._layout_chip)
        row.addWidget(self._caps_chip)
        row.addStretch(1)
        self.rows = QVBoxLayout(self)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setSpacing(style.GAP)
        self.rows.addLayout(row)
        self.rows.addWidget(self.on_reader)
        self.rows.addWidget(self.last_try)

    def tell_of_keyboard(self, tells: bool) -> None:
        """Where several panels stand together, one is enough to say how the keyboard is."""
        self._tells = tells
        self._show_keyboard()

    def _show_keyboard(self) -> None:
        typed_here = self._tells and self.on_reader.isHidden()
        layout = self._keyboard.layout if typed_here else ""
        name = (self._wording.known(f"keyboard.{layout}") or layout.upper()) if layout else ""
        self._layout_chip.say(layout.upper(), self._wording("keyboard.layout", layout=name) if layout else "")
        caps = typed_here and self._keyboard.caps_lock
        was = not self._caps_chip.isHidden()
        self._caps_chip.say(self._wording("keyboard.caps_lock") if caps else "", self._wording("keyboard.caps_lock"))
        if caps and not was:
            widgets.announce(self._caps_chip, self._wording("keyboard.caps_lock"))
