"""What is to be signed: name, size, kind, digest, and the content as plain text where it can be shown."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextOption
from PySide6.QtWidgets import QGridLayout, QPlainTextEdit, QVBoxLayout, QWidget

from agent.consent.prompter import ShownDocument
from agent.desktop.windows import style, widgets
from agent.desktop.windows.drawings import drawings_panel
from agent.desktop.windows.wording import Wording
from agent.texts.standards import digest_title
from agent.texts.visible import visible

MAX_SHOWN = 100_000  # characters of a preview; the toolkit lays them out in time
_LINES = 6  # of the preview, seen without scrolling
_GROUP = 8  # hexadecimal digits of a digest that stand together
_LINE = 32  # hexadecimal digits of a digest on a line


class DocumentPanel(QWidget):
    def __init__(self, document: ShownDocument, wording: Wording) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.GAP // 2)
        name = widgets.ElidedLabel(visible(document.name) or wording("document.unnamed"))
        style.set_font(name, bold=True)
        layout.addWidget(name)
        layout.addLayout(_facts(document, wording))
        layout.addSpacing(style.GAP // 2)
        layout.addWidget(_content(document, wording))


def _facts(document: ShownDocument, wording: Wording) -> QGridLayout:
    algorithm = digest_title(visible(document.digest_algorithm), wording.language)
    rows = [
        (wording("document.size"), wording.size(document.size) if document.size is not None else ""),
        (wording("document.kind"), visible(document.media_type)),
        (algorithm, _grouped(document.digest)),
        *stated_rows(document.stated, wording),
    ]
    return grid_of(rows, digest=algorithm)


def grid_of(rows: list[tuple[str, str]], *, digest: str = "") -> QGridLayout:
    """Names with their values, those that have one; `digest`: the name of a value to be compared by eye."""
    grid = QGridLayout()
    grid.setColumnStretch(1, 1)
    grid.setHorizontalSpacing(style.GAP)
    grid.setVerticalSpacing(2)
    for row, (name, value) in enumerate((name, value) for name, value in rows if value):
        title = widgets.label(name, wrap=False)
        style.set_faint(title)
        shown = widgets.label(widgets.softened(value))
        shown.setAccessibleName(f"{name}: {value}")
        if name == digest:
            style.set_font(shown, fixed=True, scale=0.92)
        grid.addWidget(title, row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(shown, row, 1)
    return grid


def stated_rows(stated: tuple[tuple[str, str], ...], wording: Wording) -> list[tuple[str, str]]:
    """What the signature will say besides the document, in the words of whoever asks; long ones can be broken."""
    return [(wording(f"stated.{name}"), widgets.breakable(visible(value)) or "1") for name, value in stated]


def _grouped(digest: str) -> str:
    """A digest in groups and lines, to be compared by eye."""
    lines = (digest[start : start + _LINE] for start in range(0, len(digest), _LINE))
    return "\n".join(" ".join(line[at : at + _GROUP] for at in range(0, len(line), _GROUP)) for line in lines)


def _content(document: ShownDocument, wording: Wording) -> QWidget:
    """The preview, or a sentence that says plainly why there is none."""
    if document.digest_only:
        return _sentence("warning", wording("document.digest_only"))
    if document.size == 0:
        return _sentence("warning", wording("document.empty"))
    if (drawn := drawings_panel(document.drawings, wording)) is not None:
        return drawn
    if document.preview is None:
        return _sentence("information", wording("document.no_preview"))
    return _preview(document.preview, document.preview_cut, wording)


def _sentence(kind: str, sentence: str) -> widgets.Banner:
    banner = widgets.Banner()
    banner.say(kind, sentence)
    return banner


def _preview(text: str, cut: bool, wording: Wording) -> QWidget:
    panel = QWidget()
    layout = QVBoxLayout(panel)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(2)
    shown = QPlainTextEdit()
    shown.setReadOnly(True)
    shown.setTabChangesFocus(True)
    shown.setUndoRedoEnabled(False)
    shown.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    option = QTextOption()
    option.setTextDirection(Qt.LayoutDirection.LeftToRight)
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    shown.document().setDefaultTextOption(option)
    shown.setPlainText(visible(text[:MAX_SHOWN], keep="\n\t"))
    shown.setAccessibleName(wording("document.preview"))
    lines = min(max(shown.document().lineCount(), 3), _LINES)
    shown.setMinimumHeight(lines * shown.fontMetrics().lineSpacing() + 14)
    shown.setMaximumHeight(2 * _LINES * shown.fontMetrics().lineSpacing() + 14)
    layout.addWidget(shown)
    if cut or len(text) > MAX_SHOWN:
        note = widgets.label(wording("document.cut"))
        style.set_faint(note)
        layout.addWidget(note)
    return panel
