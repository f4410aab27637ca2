"""Where a new PIN or passphrase is typed twice, with what is wrong with it said at once."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel

from agent.consent.new_pin import fits, passphrase_fault, weakness
from agent.desktop.windows import style, widgets
from agent.desktop.windows.pin_panel import PinPanel, SecretField
from agent.desktop.windows.wording import Wording
from agent.ipc import passphrase


class NewPinPanel(PinPanel):
    """`old` gives what is typed as the present PIN, which the new one may not be. `names`: of a key file and its owner,
    of which its passphrase has no part."""

    def __init__(self, wording: Wording, kind: str, old: Callable[[], str], names: tuple[str, ...] = ()) -> None:
        self._old = old
        self._names = names
        self._minimum: int | None = None
        self._maximum: int | None = None
        self.again = SecretField()
        self._again_label = QLabel()
        self._hint = widgets.label("")
        super().__init__(wording)
        self.again.textChanged.connect(self._judge)
        self.field.textChanged.connect(self._judge)
        self.again.entered.connect(self.entered)
        self.on_reader.setText(wording("new_pin.on_reader"))
        self.name(kind)
        self._judge()

    def name(self, kind: str) -> None:
        super().name(kind)
        self._again_label.setText(self._wording(f"{kind}.again.label"))
        self.again.setAccessibleName(self._wording(f"{kind}.again.name"))

    @property
    def complete(self) -> bool:
        return not self.on_reader.isHidden() or self._fault() == ("", False)

    def limit(self, minimum: int | None, maximum: int | None) -> None:
        self._minimum, self._maximum = minimum, maximum
        self._judge()

    def gives(self) -> bool:
        return bool(self.field.text()) and self.complete

    def take(self) -> bytearray:
        self.again.forget()
        return super().take()

    def forget(self) -> None:
        super().forget()
        self.again.forget()

    def begin(self) -> None:
        first_done = self.field.text() and not self.again.text()
        (self.again if first_done else self.field).setFocus()

    def take_at_reader(self, at_reader: bool) -> None:
        super().take_at_reader(at_reader)
        for widget in (self._again_label, self.again, self._hint):
            widget.setVisible(not at_reader)
        if at_reader:
            self.forget()

    def lock(self, locked: bool) -> None:
        super().lock(locked)
        self.again.setReadOnly(locked)

    def judge(self) -> None:
        """The old one changed."""
        self._judge()

    def label_widths(self) -> int:
        return max(super().label_widths(), self._again_label.sizeHint().width())

    def align(self, width: int) -> None:
        super().align(width)
        self._again_label.setMinimumWidth(width)
        self._hint.setContentsMargins(width + style.GAP, 0, 0, 0)

    def _lay_out(self) -> None:
        super()._lay_out()
        self._again_label.setBuddy(self.again)
        row = QHBoxLayout()
        row.setSpacing(style.GAP)
        row.addWidget(self._again_label)
        row.addWidget(self.again)
        row.addStretch(1)
        self.rows.insertLayout(1, row)
        self.rows.insertWidget(2, self._hint)

    def _judge(self) -> None:
        words, wrong = self._fault()
        self._colour(wrong)
        if words != self._hint.text():
            self._hint.setText(words)
            self._hint.setAccessibleName(words)
            if words and wrong:
                widgets.announce(self._hint, words)
        self.changed.emit()

    def _colour(self, wrong: bool) -> None:
        """What is wrong stands out; what is only said does not."""
        palette = QPalette(self.palette())
        ground = palette.color(QPalette.ColorRole.Window)
        words = style.readable(style.hue("error"), ground) if wrong else style.faint(palette)
        palette.setColor(QPalette.ColorRole.WindowText, words)
        self._hint.setPalette(palette)

    def _fault(self) -> tuple[str, bool]:
        """What is wrong with what was typed, in words, and whether it is more than that it is not finished."""
        typed = self.field.text()
        if not typed:
            return self._rule(), False
        if not fits(typed, self._minimum, self._maximum):
            return self._wording(f"{self.kind}.length", minimum=self._minimum, maximum=self._maximum), True
        weak = self._weakness(typed)
        if weak:
            return weak, True
        if typed == self._old():
            return self._wording("new_pin.same_as_old"), True
        if not self.again.text():
            return self._wording("new_pin.repeat"), False
        if self.again.text() != typed:
            return self._wording("new_pin.differ"), True
        return "", False

    def _weakness(self, typed: str) -> str:
        """In words; empty where nothing is found."""
        if self._names:
            return passphrase_fault(typed, self._names, self._wording.language)
        weak = weakness(typed)
        return self._wording(f"new_pin.weak.{weak}") if weak else ""

    def _rule(self) -> str:
        if self._names:
            return self._wording("passphrase.rule", minimum=passphrase.LEAST)
        if self._minimum is None or self._maximum is None:
            return self._wording("new_pin.rule")
        return self._wording(f"{self.kind}.length", minimum=self._minimum, maximum=self._maximum)
