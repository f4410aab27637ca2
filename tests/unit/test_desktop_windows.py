"""Parts of the windows that need no screen: plain text everywhere, a field that gives nothing away, complete words."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import shiboken6
from babel.messages.pofile import read_po
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit

import agent.desktop.windows as windows
from agent.desktop import messages
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.pin_panel import SecretField
from agent.desktop.windows.run import window_for
from agent.desktop.windows.wording import Wording
from agent.ipc.pin import MAX_PIN
from agent.texts import catalogue
from tests.harness import prompts

TRICKY = "<b>x</b>"


@pytest.fixture(scope="module")
def application() -> QApplication:
    application = QApplication.instance() or QApplication(["test", "-platform", "offscreen"])
    assert isinstance(application, QApplication)
    return application


@pytest.fixture
def channel(application: QApplication) -> Iterator[Channel]:
    ends = [*socket.socketpair(), *socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)]
    yield Channel(ends[0], ends[2])
    for end in ends:
        end.close()


SHOWN = [
    messages.ShowConnection(prompts.connection()),
    messages.ShowChoice(prompts.choice(faults=(TRICKY,), certificates=(prompts.certificate(owner=TRICKY),))),
    messages.ShowSigning(prompts.signing(shown_origin=TRICKY, document=prompts.document(name=TRICKY))),
    messages.ShowSigning(prompts.signing(document=prompts.document(digest_only=True), certificates=())),
    messages.ShowPassphrase(prompts.passphrase("ru")),
]


@pytest.mark.parametrize("show", SHOWN, ids=lambda show: type(show).__name__)
def test_no_label_guesses_at_formatting(channel: Channel, show: messages.ToWindow) -> None:
    window = window_for(show, channel)
    assert window is not None
    labels = [label for label in window.findChildren(QLabel) if label.text()]
    assert labels
    assert [label.text() for label in labels if label.textFormat() != Qt.TextFormat.PlainText] == []
    shiboken6.delete(window)


def test_the_secret_field_gives_nothing_to_the_clipboard(application: QApplication) -> None:
    clipboard = QGuiApplication.clipboard()
    clipboard.setText("before")
    field = SecretField()
    field.show()
    QTest.keyClicks(field, "1234")
    assert field.text() not in field.displayText()
    for key in (Qt.Key.Key_A, Qt.Key.Key_C, Qt.Key.Key_X):
        QTest.keyClick(field, key, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(field, "1234")
    field.selectAll()
    field.copy()
    field.cut()
    assert clipboard.text() == "before"


def test_a_taken_secret_does_not_come_back(application: QApplication) -> None:
    field = SecretField()
    field.show()
    QTest.keyClicks(field, "1234")
    assert field.take() == b"1234"
    field.setEchoMode(QLineEdit.EchoMode.Normal)  # undoes where a password field would not
    field.undo()
    assert field.text() == ""
    assert field.maxLength() <= MAX_PIN


def _entries(language: str) -> dict[str, list[str]]:
    path = catalogue.FOLDER / language / "LC_MESSAGES" / "windows.po"
    with path.open("rb") as file:
        messages_ = [message for message in read_po(file, locale=language) if message.id]
    return {
        message.id[0] if isinstance(message.id, tuple) else message.id: list(
            message.string if isinstance(message.string, tuple) else (message.string,)
        )
        for message in messages_
    }


def test_both_languages_have_the_same_words_with_the_same_places() -> None:
    russian, english = _entries("ru"), _entries("en")
    assert set(russian) == set(english)
    for key, wordings in russian.items():
        places = {frozenset(re.findall(r"\{\w+\}", wording)) for wording in (*wordings, *english[key])}
        assert len(places) == 1, key
        assert all((*wordings, *english[key])), key


def test_every_wording_that_the_windows_ask_for_is_there() -> None:
    folder = Path(windows.__file__).parent
    source = "\n".join(file.read_text("utf-8") for file in folder.glob("*.py"))
    asked = set(re.findall(r"(?:wording|plural|add_button|add_agreement)\(\s*\"([a-z_.]+)\"", source))
    asked |= set(re.findall(r"\"((?:certificate|progress|choice)\.[a-z_]+)\"", source))
    assert len(asked) > 40
    assert {key for key in asked - set(_entries("en")) if not Wording("en").known(key)} == set()  # other domains too


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
@pytest.mark.parametrize(
    "key",
    [f"problem.{name}" for name in ("expired", "not_yet_valid", "key_usage", "no_key", "key_unsupported")]
    + [f"warning.pin_{name}" for name in ("count_low", "final_try", "locked", "to_be_changed", "not_set")],
)
def test_every_problem_and_warning_has_words(language: str, key: str) -> None:
    assert Wording(language).known(key)


def test_no_two_buttons_of_a_window_have_the_same_letter() -> None:
    together = [
        ("button.refuse", "button.allow_once", "button.allow_remember"),
        ("button.refuse", "button.choose"),
        ("button.refuse", "button.sign", "pin.label", "pin.last_try_agreed"),
        ("button.refuse", "button.sign", "passphrase.label", "pin.last_try_agreed"),
        ("button.refuse", "button.add", "passphrase.label"),
        ("button.give_up", "button.try_again", "button.keep_level", "pin.label", "pin.last_try_agreed"),
    ]
    for language in catalogue.LANGUAGES:
        for keys in together:
            letters = [re.findall("&(.)", Wording(language)(key))[0].lower() for key in keys]
            assert len(set(letters)) == len(letters), (language, keys)


def test_sizes_and_days_are_in_the_words_of_the_language() -> None:
    assert Wording("ru").size(1536) == "1,5 КиБ (1536 байт)"
    assert Wording("en").size(1) == "1 byte"
    assert Wording("ru").day("2027-05-31T20:59:59Z") == "31.05.2027"
    assert Wording("en").day("nonsense\u202e") == "nonsense⟨U+202E⟩"


def test_what_a_signature_says_besides_the_document_is_shown_with_what_hides_in_it(channel: Channel) -> None:
    stated = (
        ("reason", "agreed \u202eon behalf of all"),
        ("mark", "x" * 900),
        ("element", "body-1"),
        ("kind", "XAdES B-T"),
    )
    document = prompts.document(stated=stated)
    window = window_for(messages.ShowSigning(prompts.signing(document=document)), channel)
    assert window is not None
    shown = [label.text().replace("\u200b", "") for label in window.findChildren(QLabel)]
    for said in ("agreed ⟨U+202E⟩on behalf of all", "x" * 900, "body-1", "XAdES B-T"):
        assert said in shown
    assert max(label.minimumSizeHint().width() for label in window.findChildren(QLabel)) < 800
    shiboken6.delete(window)


def test_what_every_signature_of_a_batch_says_is_shown_once_above_the_list(channel: Channel) -> None:
    stated = (("reason", "agreed \u202eon behalf of all"), ("mark", "x" * 900))
    window = window_for(messages.ShowBatch(prompts.batch(stated=stated, shown_origin=TRICKY)), channel)
    assert window is not None
    channel.document.emit(messages.ShowDocument(0, prompts.document(stated=stated)))
    labels = [label for label in window.findChildren(QLabel) if label.text()]
    assert {label.textFormat() for label in labels} == {Qt.TextFormat.PlainText}
    shown = [label.text().replace("\u200b", "") for label in labels]
    for said in ("agreed ⟨U+202E⟩on behalf of all", "x" * 900):
        assert shown.count(said) == 1
    assert max(label.minimumSizeHint().width() for label in labels) < 800
    shiboken6.delete(window)
