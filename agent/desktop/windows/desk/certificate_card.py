"""What is known of one certificate, token or key file, and the buttons for what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk.certificate_list import Choice
from agent.desktop.windows.wording import Wording
from agent.model import KEY_FILES
from agent.texts.standards import standard
from agent.texts.visible import visible

_COLUMNS = 2  # of buttons


class Action(NamedTuple):
    name: str  # `certs.do.NAME` is its wording
    act: Callable[[], None]
    enabled: bool = True


class Card(QScrollArea):
    def __init__(self, wording: Wording) -> None:
        super().__init__()
        self._wording = wording
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(wording("certs.card"))

    def show_choice(self, choice: Choice | None, actions: Sequence[Action]) -> None:
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

    def _buttons(self, actions: Sequence[Action]) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(style.GAP // 2)
        for number, action in enumerate(actions):
            button = QPushButton(self._wording(f"certs.do.{action.name}"))
            button.setEnabled(action.enabled)
            button.clicked.connect(lambda _=False, act=action.act: act())
            grid.addWidget(button, number // _COLUMNS, number % _COLUMNS)
        return grid

    def _grid(self, choice: Choice) -> QGridLayout:
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        for row, (key, value) in enumerate(rows(choice, self._wording)):
            name = widgets.label(self._wording(key))
            style.set_faint(name)
            shown = widgets.address_label(value) if key == "certificate.thumbprint" else widgets.label(value)
            shown.setAccessibleName(f"{self._wording(key)}: {value}")
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(shown, row, 1)
        return grid


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
    return [wording(f"problem.{one}", **days) for one in value["problems"]]
