"""What is known of one certificate, token or key file, and the buttons for what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk import certificate_state
from agent.desktop.windows.desk.certificate_list import Choice, Row
from agent.desktop.windows.desk.flow import Flow
from agent.desktop.windows.wording import Wording
from agent.model import KEY_FILES
from agent.texts.standards import standard
from agent.texts.visible import visible

_WORD = 24  # characters that have room in one line of the smallest window


_STATED = ("certs.trust", "certs.revocation")  # lines that the answer of `certificate_state` fills


class Action(NamedTuple):
    name: str  # `certs.do.NAME` is its wording
    act: Callable[[], None]
    enabled: bool = True


class Card(QScrollArea):
    def __init__(self, wording: Wording) -> None:
        super().__init__()
        self._wording = wording
        self._choice: Choice | None = None
        self._by_name: dict[str, QPushButton] = {}
        self._stated: dict[str, QLabel] = {}
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(wording("certs.card"))

    def show_choice(self, choice: Choice | None, actions: Sequence[Action], state: Row | None = None) -> None:
        """`state`: the answer of `certificate_state`, where it is there. The button that has the keyboard keeps it."""
        focused = self._focused_action()
        self._choice, self._by_name, self._stated = choice, {}, {}
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(style.GAP, 0, style.GAP, 0)
        layout.setSpacing(style.GAP)
        if choice is None:
            layout.addWidget(widgets.label(self._wording("certs.none")))
        else:
            layout.addWidget(widgets.section(_title(choice, self._wording)))
            bad = _problems(choice, self._wording)
            if bad:
                banner = widgets.Banner()
                banner.say("warning", "\n".join(bad))
                layout.addWidget(banner)
        layout.addLayout(self._buttons(actions))
        if choice is not None:
            layout.addLayout(self._grid(choice))
        layout.addStretch(1)
        self.setWidget(inside)
        self.show_state(state)
        if focused and (button := self._by_name.get(focused)) is not None and button.isEnabled():
            button.setFocus()
        self.setMinimumWidth(inside.minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width())

    def show_state(self, state: Row | None) -> None:
        """Who vouches for the certificate that is shown, and its revocation, in their lines."""
        if self._choice is None or self._choice.kind != "certificate":
            return
        told = {
            "certs.trust": certificate_state.trust(state, self._wording),
            "certs.revocation": certificate_state.revocation(self._choice.value, state, self._wording),
        }
        for key, words in told.items():
            self._stated[key].setText(words)
            self._stated[key].setAccessibleName(f"{self._wording(key)}: {words}")

    def _focused_action(self) -> str:
        """Also while another window is in front, such as the one that asked for the PIN."""
        focused = self.window().focusWidget()
        return next((name for name, button in self._by_name.items() if button is focused), "")

    def _buttons(self, actions: Sequence[Action]) -> Flow:
        flow = Flow()
        flow.setSpacing(style.GAP // 2)
        for action in actions:
            button = QPushButton(self._wording(f"certs.do.{action.name}"))
            button.setEnabled(action.enabled)
            self._by_name[action.name] = button
            button.clicked.connect(lambda _=False, act=action.act: act())
            flow.addWidget(button)
        return flow

    def _grid(self, choice: Choice) -> QGridLayout:
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        for row, (key, value) in enumerate(rows(choice, self._wording)):
            name = widgets.label(self._wording(key))
            style.set_faint(name)
            shown = widgets.address_label(value) if _unbroken(value) else widgets.label(value)
            shown.setAccessibleName(f"{self._wording(key)}: {value}")
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            if key in _STATED:
                self._stated[key] = shown
            grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(shown, row, 1)
        return grid


def _unbroken(value: str) -> bool:
    """Whether a word of it may be wider than the card."""
    return any(len(word) > _WORD for word in value.split())


def rows(choice: Choice, wording: Wording) -> list[tuple[str, str]]:
    """Label key of the catalogue, value made visible; what is not said is left out."""
    found = _certificate(choice, wording) if choice.kind == "certificate" else _token(choice, wording)
    return [(key, visible(value)) for key, value in found if value]


def _certificate(choice: Choice, wording: Wording) -> list[tuple[str, str]]:
    card = choice.value
    numbers = card["numbers"]

    def day(name: str) -> str:
        return wording.day(card[name]) if card[name] else ""

    period = " — ".join(part for part in (day("key_not_before"), day("key_not_after")) if part)
    return [
        ("certificate.owner", card["owner"]),
        ("certs.role", wording(f"certs.as.{card['role']}")),
        ("certificate.organisation", card["organization"]),
        ("certs.title", card["title"]),
        ("certs.inn", numbers.get("inn", "")),
        ("certs.inn_le", numbers.get("inn_le", "")),
        ("certs.ogrn", numbers.get("ogrn", "")),
        ("certs.ogrnip", numbers.get("ogrnip", "")),
        ("certificate.snils", numbers.get("snils", "")),
        ("certificate.issuer", card["issuer"]),
        ("certs.qualified", wording(f"certs.qualified.{'yes' if card['qualified_form'] else 'no'}")),
        ("certs.validity", f"{day('not_before')} — {day('not_after')}"),
        ("certs.key_period", period),
        *((key, "…") for key in _STATED),
        ("certificate.key", standard(card["key"], wording.language)),
        ("certificate.token", _place(card, wording)),
        ("certs.sites", ", ".join(card["sites"])),
        ("certificate.serial", card["serial"]),
        ("certificate.thumbprint", card["thumbprint"]),
    ]


def _token(choice: Choice, wording: Wording) -> list[tuple[str, str]]:
    token = choice.value
    if token["module"] == KEY_FILES:
        return [("certs.name", token["label"]), ("certs.kind", wording("certs.key_file"))]
    return [
        ("certs.name", token["label"]),
        ("certs.model", f"{token['manufacturer']} {token['model']}".strip()),
        ("certificate.token_serial", token["serial"]),
        ("certs.reader", token["reader"]),
        ("certs.module", token["module"]),
    ]


def _place(card: dict[str, object], wording: Wording) -> str:
    token = card["token"]
    assert isinstance(token, dict)  # noqa: S101 - a message of the agent
    if card["key_file"]:
        return wording("certs.on_key_file", name=visible(token["label"]))
    return f"{token['label']} {token['serial']}".strip()


def _title(choice: Choice, wording: Wording) -> str:
    if choice.kind == "certificate":
        return visible(choice.value["owner"])
    return visible(choice.value["label"]) or wording("certs.token")


def _problems(choice: Choice, wording: Wording) -> list[str]:
    value = choice.value
    if choice.kind == "token":
        return [wording(f"warning.{one}") for one in value["warnings"]]
    days = {"from_day": wording.day(value["not_before"]), "to_day": wording.day(value["not_after"])}
    return [wording(f"problem.{one}", **days) for one in value["problems"]] + certificate_state.remarks(value, wording)
