"""Names that others chose, in every window that asks something, on a screen of 1024x600 at 200 %: of 4,000 characters,
turned around, in letters that look like others. They hide nothing, push nothing out of sight and are seen for what they
are (R10, R36)."""

from __future__ import annotations

import socket
import unicodedata
from collections.abc import Iterator
from typing import Any, cast

import pytest
import shiboken6
from PySide6.QtCore import QObject, QSize
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from agent.consent.prompter import BatchDocument, ConnectionPrompt, PassphrasePrompt
from agent.desktop import messages
from agent.desktop.windows import batch, prompt_window, style
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.desk import authorities
from agent.desktop.windows.desk.client import AgentClient, Answered, Failed
from agent.desktop.windows.prompt_window import PromptWindow
from agent.desktop.windows.run import window_for
from agent.desktop.windows.wording import Wording
from agent.texts.catalogue import LANGUAGES
from tests.harness import prompts
from tests.harness.looks import faults, texts

ROOM = QSize(512 - 16, 300 - 48)  # logical pixels: the screen at 200 %, without the frame
NAMES = {
    "long": "long-" * 799 + "exe.pdf",
    "words": "many short words " * 235,
    "turned": "invoice\u202efdp.exe\u2066\u200f",
    "alike": "pаypal-Cбербанк\u200b\u00a0／",
    "markup": "<b>x</b>&amp;<img src=x>\n\n\n\nline",
    "marks": "x" + "\u0335\u0489" * 2000,
    "wide": "𒐫" * 1333 + "界" * 1333,
}
WINDOWS = ("connection", "choice", "signing", "sign_in", "batch", "passphrase", "token", "delete")


def asked(kind: str, name: str) -> messages.Show:
    """A question in which everything that others can choose is that name."""
    site = f"https://{name}.example"
    certificate = prompts.certificate(
        owner=name, issuer=name, key=name, token_label=name, token_serial=name, details=(("certificate.owner", name),)
    )
    offered = {"certificates": (certificate,) * 2, "faults": (name,)}
    asker = {"origin": site, "shown_origin": site}
    document = prompts.document(text=name, name=name, media_type=name, stated=(("reason", name), ("mark", name)))
    rows = tuple(BatchDocument(name, 1, "sha256", "ab" * 32, name if n == 1 else "") for n in range(5))
    details = (("token_detail.owner", name), ("token_detail.file", name))
    of_token = {"token_label": name, "token_serial": name, "token_reader": name, "details": details}
    return {
        "connection": lambda: messages.ShowConnection(ConnectionPrompt(site, site, "en")),
        "choice": lambda: messages.ShowChoice(prompts.choice(**offered, **asker)),
        "signing": lambda: messages.ShowSigning(prompts.signing(document=document, **offered, **asker)),
        "sign_in": lambda: messages.ShowSigning(prompts.signing(sign_in=site + "/x", **offered, **asker)),
        "batch": lambda: messages.ShowBatch(prompts.batch(documents=rows, stated=(("reason", name),), **offered)),
        "passphrase": lambda: messages.ShowPassphrase(PassphrasePrompt(name, "en")),
        "token": lambda: messages.ShowToken(prompts.token(**of_token)),
        "delete": lambda: messages.ShowToken(prompts.token("delete", losses=(("token_loss.key", name),), **of_token)),
    }[kind]()  # type: ignore[no-any-return, no-untyped-call]


@pytest.fixture(scope="module")
def application() -> QApplication:
    application = QApplication.instance() or QApplication(["test", "-platform", "offscreen"])
    assert isinstance(application, QApplication)
    return application


@pytest.fixture
def channel(application: QApplication) -> Iterator[Channel]:
    ends = [*socket.socketpair(), *socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)]
    made = Channel(ends[0], ends[2])
    yield made
    shiboken6.delete(made)
    for end in ends:
        end.close()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", WINDOWS)
def test_no_name_hides_anything_or_pushes_it_out_of_sight(
    application: QApplication, channel: Channel, monkeypatch: pytest.MonkeyPatch, kind: str, name: str
) -> None:
    for module in (prompt_window, batch):
        monkeypatch.setattr(module, "room", lambda: ROOM)
    window = window_for(asked(kind, NAMES[name]), channel)
    assert isinstance(window, PromptWindow)
    try:
        window.appear()
        application.processEvents()
        assert window.width() <= ROOM.width()
        assert window.height() <= ROOM.height()
        assert faults(window) == []
        assert hidden_in("".join(texts(window))) == set()
        buttons = [one for one in window.findChildren(QPushButton) if one.isVisibleTo(window)]
        assert len(buttons) >= 2
        assert [one.text() for one in buttons if not seen_whole(one, window)] == []
    finally:
        shiboken6.delete(window)


class Answering:
    """In the agent's place: it trusts authorities of that name."""

    def __init__(self, name: str) -> None:
        row = {"owner": name, "issuer": name, "not_after": "2027-05-31T20:59:59Z", "thumbprint": "ab" * 32}
        self._result = {"authorities": [row, {**row, "thumbprint": "cd" * 32}]}

    def call(self, _method: str, _asked: dict[str, Any], answered: Answered, _failed: Failed, _owner: QObject) -> int:
        answered(self._result)
        return 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_list_of_authorities_shows_the_whole_of_every_name(
    application: QApplication, monkeypatch: pytest.MonkeyPatch, language: str, name: str
) -> None:
    monkeypatch.setattr(authorities, "room", lambda: ROOM)
    page = QWidget()
    window = authorities.AuthoritiesWindow(page, cast(AgentClient, Answering(NAMES[name])), Wording(language))
    try:
        window.show()
        application.processEvents()
        assert window.width() <= ROOM.width()
        assert window.height() <= ROOM.height()
        assert faults(window) == []
        assert hidden_in("".join(texts(window))) == set()
        assert all(seen_whole(one, window) for one in window.findChildren(QPushButton))
    finally:
        shiboken6.delete(page)


def hidden_in(text: str) -> set[str]:
    """Characters that turn text around or are not seen; a place where a line may break is Pero's own."""
    return {one for one in text if one not in "\n\t\u200b" and unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp")}


def seen_whole(part: QWidget, window: QWidget) -> bool:
    corner = part.mapTo(window, part.rect().topLeft())
    return window.rect().contains(part.rect().translated(corner))


@pytest.mark.parametrize("ground", ["white", "#efefef", "#323232", "#1e1e1e", "black"])
def test_words_of_second_rank_and_of_errors_can_be_read_on_light_and_dark(ground: str) -> None:
    """WCAG 2.1, success criterion 1.4.3: a contrast of 4.5."""
    behind = QColor(ground)
    words = QColor("black" if behind.lightnessF() > 0.5 else "white")
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.Window, behind)
    palette.setColor(QPalette.ColorRole.WindowText, words)
    assert contrast(style.faint(palette), behind) >= 4.5
    for kind in ("error", "information"):
        assert contrast(style.readable(style.hue(kind), behind), behind) >= 4.5, kind
    for kind in ("error", "warning", "information"):
        assert contrast(words, style.tint(kind, palette)) >= 4.5, kind


def contrast(one: QColor, other: QColor) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: QColor) -> float:
    """WCAG 2.1, relative luminance."""
    parts = (colour.redF(), colour.greenF(), colour.blueF())
    red, green, blue = (one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
