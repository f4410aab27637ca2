"""What all windows have in common: heading, a body that scrolls where the screen is small, buttons that begin dead."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeyEvent
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from agent.desktop import messages
from agent.desktop.windows import style, widgets
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.guard import Guard
from agent.desktop.windows.toolkit import speak
from agent.desktop.windows.wording import Wording
from agent.texts.visible import visible

_SMALLEST = QSize(360, 240)  # logical pixels


def application() -> QApplication:
    running = QApplication.instance()
    assert isinstance(running, QApplication)  # noqa: S101 - windows are made after it
    return running


def room() -> QSize:
    """What the screen leaves for a window and its frame."""
    return QGuiApplication.primaryScreen().availableSize() - QSize(style.MARGIN, 3 * style.MARGIN)


class PromptWindow(QDialog):
    """A window with one question. Refusing is always the default: Escape, Enter outside a field, and closing it.

    A subclass fills `body`, adds its buttons with `add_button`, and says in `may(button)` which of them make sense now;
    while the guard is closed none does.
    """

    def __init__(self, channel: Channel, wording: Wording) -> None:
        super().__init__()
        speak(wording.language)
        self.channel = channel
        self.wording = wording
        self.answered = False
        self.setWindowFlag(Qt.WindowType.WindowStaysOnTopHint)
        self.setWindowFlag(Qt.WindowType.WindowContextHelpButtonHint, False)
        self.body = QVBoxLayout()
        self.banner = widgets.Banner()
        self._buttons = QHBoxLayout()
        self._affirmative: list[QPushButton] = []
        self._kept_focus: QWidget | None = None
        self._read_from_top = False  # until the person goes on: who asks is seen first
        self.guard = Guard(self)
        self.guard.changed.connect(self._guard_changed)
        channel.done.connect(self._end)
        application().focusChanged.connect(self._focus_moved)
        self._lay_out()
        self.refuse_button = self._add_refusal()

    # For subclasses

    def add_button(self, key: str) -> QPushButton:
        """A button that agrees to something; Enter never presses it."""
        button = QPushButton(self.wording(key))
        button.setAutoDefault(False)
        button.setEnabled(False)
        self._affirmative.append(button)
        self._buttons.addWidget(button)
        return button

    def may(self, button: QPushButton) -> bool:
        """Whether this button makes sense at present."""
        return True

    def may_refuse(self) -> bool:
        return True

    def first_focus(self) -> QWidget:
        """Where the keyboard is when the window opens."""
        return self.refuse_button

    def refresh(self) -> None:
        """Enable what may be pressed now."""
        for button in self._affirmative:
            button.setEnabled(self.guard.open and self.may(button))
        self.refuse_button.setEnabled(self.guard.open and self.may_refuse())

    def fits(self) -> bool:
        """Whether the whole window is seen without scrolling."""
        return self.height() >= self._wanted_height(self.width())

    def about_to_refuse(self) -> None:
        """The person said no; a window that holds a PIN forgets it here."""

    def answer(self, message: messages.FromWindow) -> None:
        """Give the answer and go away."""
        self.answered = True
        self.channel.send(message)
        self._end()

    def add_heading(self, title: str, origin: str, shown_origin: str) -> None:
        """The question, and who asks: a site's address, or a command on this computer."""
        words = self.add_title(title)
        words.addWidget(self._asker(origin, shown_origin))
        if origin and shown_origin != origin:
            also = widgets.address_label(visible(origin))
            style.set_faint(also)
            words.addWidget(also)

    def add_title(self, title: str, below: str = "") -> QVBoxLayout:
        """The question alone, with a line below it; the column in which both stand."""
        self.setWindowTitle(f"{title} — Pero")
        row = QHBoxLayout()
        row.setSpacing(style.MARGIN)
        row.addWidget(self._picture(), 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(2)
        heading = widgets.label(title)
        style.set_font(heading, scale=1.45, bold=True)
        words.addWidget(heading)
        if below:
            words.addWidget(widgets.label(below))
        row.addLayout(words, 1)
        self.body.addLayout(row)
        return words

    # How it works

    def appear(self) -> None:
        """Show the window, in front of everything, and have it painted."""
        available = room()
        width = min(style.WIDTH, available.width())
        self.resize(width, min(self._wanted_height(width), available.height()))
        self.setMinimumSize(min(_SMALLEST.width(), available.width()), min(_SMALLEST.height(), available.height()))
        self.refresh()
        self.show()
        self.raise_()
        self.activateWindow()
        self.first_focus().setFocus(Qt.FocusReason.OtherFocusReason)
        self._kept_focus = self.first_focus()
        self._read_from_top = not self.fits() and not isinstance(self._kept_focus, QLineEdit)
        self._kept_focus.installEventFilter(self)
        self._scroll.verticalScrollBar().setValue(0)

    def event(self, event: QEvent) -> bool:
        """A message came or went: the window grows with it as far as the screen allows."""
        handled = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest and self.isVisible():
            self._grow()
            QTimer.singleShot(0, self._show_focus)
        return handled

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """What the scroll area holds changed its size, as where details are opened: the window is not told of it."""
        if self._read_from_top and watched is self._kept_focus and event.type() == QEvent.Type.KeyPress:
            self._read_from_top = False
            self._show_focus()
        if watched is self._content and event.type() == QEvent.Type.LayoutRequest and self.isVisible():
            QTimer.singleShot(0, self._grow)
        return super().eventFilter(watched, event)

    def _grow(self) -> None:
        wanted = min(self._wanted_height(self.width()), room().height())
        if self.height() < wanted:
            self.resize(self.width(), wanted)

    def begin_at(self, widget: QWidget) -> None:
        """What is asked changed by itself: the person needs time to see it, and goes on there."""
        self.guard.begin_anew()
        widget.setFocus()
        self._kept_focus = widget

    def shrink(self) -> None:
        """No higher than what it now holds needs, once that is laid out."""
        QTimer.singleShot(0, lambda: self.resize(self.width(), min(self._wanted_height(self.width()), self.height())))

    def _show_focus(self) -> None:
        self._focus_moved(None, self.focusWidget())

    def _wanted_height(self, width: int) -> int:
        """The height in which nothing has to scroll."""
        content = self.body.heightForWidth(width) if self.body.hasHeightForWidth() else self.body.sizeHint().height()
        return content + self._footer.sizeHint().height()

    def reject(self) -> None:
        """Escape, the button, or the close button of the frame."""
        if not self.answered:
            self.answered = True
            self.about_to_refuse()
            self.channel.send(messages.Refused())
        self._end()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        event.accept()
        self.reject()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Enter on a button that agrees does nothing: only a click, Space or its letter presses it."""
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and self.focusWidget() in self._affirmative:
            return
        super().keyPressEvent(event)

    def _end(self) -> None:
        self.answered = True
        self.hide()
        application().quit()

    def _focus_moved(self, _old: QWidget | None, new: QWidget | None) -> None:
        """Where the window is higher than the screen, what has the focus is scrolled into sight."""
        self._read_from_top = self._read_from_top and new in (None, self._kept_focus)
        if new is not None and self._content.isAncestorOf(new) and not self._read_from_top:
            self._scroll.ensureWidgetVisible(new, 0, style.MARGIN)

    def _guard_changed(self, is_open: bool) -> None:
        if not is_open:
            self._kept_focus = self.focusWidget() or self._kept_focus
        self.refresh()
        if is_open and self._kept_focus is not None and self._kept_focus.isEnabled():
            self._kept_focus.setFocus(Qt.FocusReason.OtherFocusReason)

    def _lay_out(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        self._content = QWidget()
        self._content.setLayout(self.body)
        self.body.setContentsMargins(style.MARGIN, style.MARGIN, style.MARGIN, style.MARGIN)
        self.body.setSpacing(style.GAP)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self._content)
        self._content.installEventFilter(self)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        outer.addWidget(self._scroll, 1)
        self._footer = QFrame()
        footer = QVBoxLayout(self._footer)
        footer.setContentsMargins(style.MARGIN, style.GAP, style.MARGIN, style.MARGIN)
        footer.addWidget(self.banner)
        footer.addLayout(self._buttons)
        outer.addWidget(self._footer)
        self._buttons.setSpacing(style.GAP)
        self._buttons.addStretch(1)

    def _add_refusal(self) -> QPushButton:
        button = QPushButton(self.wording("button.refuse"))
        button.setDefault(True)
        button.setEnabled(False)
        button.clicked.connect(self.reject)
        self._buttons.addWidget(button)
        return button

    def _picture(self) -> QLabel:
        picture = QLabel()
        picture.setPixmap(style.pen_picture(40, self.devicePixelRatioF()))
        return picture

    def _asker(self, origin: str, shown_origin: str) -> QLabel:
        if not origin:
            return widgets.label(self.wording("asker.command"))
        asker = widgets.address_label(visible(shown_origin))
        asker.setAccessibleName(self.wording("asker.site", site=visible(shown_origin)))
        style.set_font(asker, scale=1.15, bold=True)
        return asker
