"""The page of certificates against an agent that answers as told: state, order, the keyboard, what cannot be done."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import shiboken6
from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit, QPushButton, QTreeWidget

from agent.desktop.windows.desk import asking
from agent.desktop.windows.desk.certificates import Content
from agent.desktop.windows.desk.client import AgentClient
from agent.desktop.windows.desk.page import Place
from agent.desktop.windows.desk.request_form import RequestForm
from agent.desktop.windows.wording import Wording
from agent.errors import RevocationUnavailable, TokenAbsent
from agent.trust.status import REASONS
from tests.harness.told_agent import FILE, TOKEN, ToldAgent, card, state, token

NAME = "Name of person or organisation"


@pytest.fixture(scope="module")
def application() -> QApplication:
    application = QApplication.instance() or QApplication(["test", "-platform", "offscreen"])
    assert isinstance(application, QApplication)
    return application


@pytest.fixture
def agent() -> ToldAgent:
    return ToldAgent()


@pytest.fixture
def page(application: QApplication, agent: ToldAgent) -> Iterator[Content]:
    ways = [lambda _where: None] * (len(Place._fields) - 2)  # to other pages and languages
    made = Content(Place(cast(AgentClient, agent), Wording("en"), *ways))
    made.show()
    yield made
    shiboken6.delete(made)


def show(page: Content, agent: ToldAgent, *cards: dict[str, Any], tokens: tuple[dict[str, Any], ...] = ()) -> None:
    agent.answers["certificate_cards"] = {"cards": list(cards), "tokens": list(tokens), "faults": []}
    page.shown()


def texts(page: Content) -> str:
    return "\n".join(label.text() for label in page.findChildren(QLabel) if label.isVisibleTo(page))


def button(page: QObject, words: str) -> QPushButton:
    found = [one for one in page.findChildren(QPushButton) if one.text().replace("&", "") == words]
    return found[-1]


def lines(page: Content) -> list[str]:
    tree = page.findChild(QTreeWidget)
    assert isinstance(tree, QTreeWidget)
    groups = [tree.topLevelItem(row) for row in range(tree.topLevelItemCount())]
    return [group.child(row).text(0) for group in groups for row in range(group.childCount())]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (state(), "the chain leads to the trusted root “Корень”"),
        (state(problem="root_not_trusted"), "this computer does not trust the root “Корень”"),
        (state(path=["Анна"], problem="chain_not_built"), "the certificates above “Анна” are missing"),
        (state(revocation="good", checked="2026-11-20T10:00:00Z"), "not revoked as of"),
        (state(revocation="revoked", revoked_at="2026-11-19T10:00:00Z", reason="key_compromise"), "in other hands"),
        (state(revoked_above="Центр"), "the issuer's certificate “Центр” was revoked"),
        (state(can_ask=False), "the certificate names nobody"),
        (state(), "nobody was asked yet"),
    ],
)
def test_a_card_says_who_vouches_for_a_certificate_and_what_is_known_of_its_revocation(
    page: Content, agent: ToldAgent, known: dict[str, Any], words: str
) -> None:
    agent.answers["certificate_state"] = known
    show(page, agent, card())
    assert words in texts(page)
    assert agent.asked[-1] == ("certificate_state", {"certificate": "aa" * 32})  # nobody is asked over the network


def test_a_card_stands_before_its_state_is_known_and_without_it(page: Content, agent: ToldAgent) -> None:
    agent.answers["certificate_state"] = None
    show(page, agent, card())
    assert "being looked at" in texts(page)
    agent.answers["certificate_state"] = TokenAbsent(token="Token", module="/m.so")
    page.shown()
    assert "Центр" in texts(page)
    assert page.banner.text == ""


def test_an_answer_that_comes_late_is_not_shown_on_another_card(page: Content, agent: ToldAgent) -> None:
    agent.answers["certificate_state"] = lambda asked: state(path=["x", asked["certificate"][:2]])
    show(page, agent, card(), card("bb" * 32, not_after="2026-12-01T00:00:00Z"))
    page.show_state(state(path=["x", "late"]), "bb" * 32)
    assert "late" not in texts(page)
    assert "“aa”" in texts(page)


def test_every_reason_and_problem_has_words(application: QApplication) -> None:
    from agent.desktop.windows.desk import certificate_state

    problems = ("chain_not_built", "root_not_trusted", "issuer_expired", "issuer_not_yet_valid", "certificate_expired",
                "not_yet_valid", "algorithm_unsupported", "chain_invalid")  # fmt: skip
    for language in ("ru", "en"):
        told = [certificate_state.trust(state(problem=problem), Wording(language)) for problem in problems]
        revoked = [
            state(revocation="revoked", revoked_at="2026-11-19T10:00:00Z", reason=name) for name in REASONS.values()
        ]
        told += [certificate_state.revocation(card(), one, Wording(language)) for one in revoked]
        assert not any("certs." in words for words in told)


def test_revoked_and_replaced_certificates_say_so_in_the_list_and_on_their_cards(
    page: Content, agent: ToldAgent
) -> None:
    revoked = card(revocation="revoked", revoked_at="2026-11-19T10:00:00Z", reason="superseded")
    show(page, agent, revoked, card("bb" * 32, replaced_until="2027-05-05T00:00:00Z"))
    assert [word in line for word, line in zip(("newer", "Revoked"), lines(page), strict=True)] == [True, True]
    assert "A newer certificate is here" in texts(page)
    show(page, agent, revoked)
    assert "signatures with it are not accepted" in texts(page)


def test_with_a_clock_that_was_set_back_nothing_is_signed_and_the_day_is_named(page: Content, agent: ToldAgent) -> None:
    show(page, agent, card(problems=["not_yet_valid"]))
    assert "2026" in lines(page)[0]
    assert not button(page, "Test signature").isEnabled()
    assert not button(page, "For a site…").isEnabled()
    assert button(page, "Export…").isEnabled()


def test_the_button_that_has_the_keyboard_keeps_it_when_the_page_is_read_anew(page: Content, agent: ToldAgent) -> None:
    show(page, agent, card())
    button(page, "Export…").setFocus()
    before = button(page, "Export…")
    page.shown()
    after = button(page, "Export…")
    assert after is not before
    assert page.focusWidget() is after


def test_asking_those_who_revoke_says_what_they_answered_and_leaves_the_page_usable(
    page: Content, agent: ToldAgent
) -> None:
    show(page, agent, card())
    agent.answers["certificate_state"] = None
    button(page, "Check revocation").click()
    assert agent.asked[-1] == ("certificate_state", {"certificate": "aa" * 32, "ask": True})
    assert page.banner.text == "Revocation is being checked…"
    assert button(page, "Export…").isEnabled()
    agent.answers["certificate_state"] = RevocationUnavailable(thumbprint="aa", tried="ocsp:ca.example=timed_out")
    button(page, "Check revocation").click()
    assert "ca.example" in page.banner.text
    agent.answers["certificate_state"] = state(
        revocation="revoked", revoked_at="2026-11-19T10:00:00Z", reason="superseded"
    )
    button(page, "Check revocation").click()
    assert page.banner.text.startswith("revoked on")


def test_a_full_disk_is_told_on_the_page_and_leaves_nothing_behind(
    page: Content, agent: ToldAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "public.cer"
    monkeypatch.setattr(asking, "save_name", lambda *_: str(target))
    show(page, agent, card())
    agent.answers["certificates"] = {"certificates": [{"thumbprint": "aa" * 32, "certificate": "QUJD" * 1000}]}
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
    try:
        button(page, "Export…").click()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert str(target) in page.banner.text
    assert "Written" not in page.banner.text
    assert list(tmp_path.iterdir()) == []
    button(page, "Export…").click()
    assert target.read_bytes() == b"ABC" * 1000


def test_a_certificate_that_is_dropped_is_installed_for_the_key_of_what_is_chosen(
    page: Content, agent: ToldAgent, tmp_path: Path
) -> None:
    from tests.harness.keyfiles import make_identity

    made = make_identity("p256")
    (tmp_path / "issued.cer").write_bytes(made.der)
    page.take_files([str(tmp_path / "issued.cer")])
    assert "First choose the token" in page.banner.text
    agent.answers["token_objects"] = {"objects": []}
    show(page, agent, card(token=FILE, key_file=True))
    page.take_files([str(tmp_path / "issued.cer")])
    method, given = agent.asked[-1]
    assert (method, given["token"], len(given["chain"])) == ("token_write_certificate", FILE, 1)
    (tmp_path / "bad.crt").write_bytes(b"nothing")
    page.take_files([str(tmp_path / "bad.crt")])
    assert "certificate" in page.banner.text


def test_a_certificate_is_deleted_by_the_name_that_its_token_has_for_it(
    page: Content, agent: ToldAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"kind": "certificate", "id": "01", "thumbprint": "aa" * 32}
    agent.answers["token_objects"] = {"objects": [{**name, "kind": "key"}, {**name, "label": "x"}]}
    monkeypatch.setattr(asking, "sure", lambda *_: False)
    show(page, agent, card())
    button(page, "Delete…").click()
    assert "token_objects" not in [method for method, _ in agent.asked]
    monkeypatch.setattr(asking, "sure", lambda *_: True)
    button(page, "Delete…").click()
    assert agent.asked[-1] == ("token_delete", {"token": TOKEN, "objects": [name]})


def test_a_certificate_that_went_away_meanwhile_is_not_exported(page: Content, agent: ToldAgent) -> None:
    show(page, agent, card())
    agent.answers["certificates"] = {"certificates": []}
    agent.answers["certificate_cards"] = {"cards": [], "tokens": [], "faults": []}
    button(page, "Export…").click()
    assert lines(page) == []
    assert "There are no certificates" in texts(page)


@pytest.fixture
def form(page: Content, agent: ToldAgent) -> Iterator[RequestForm]:
    agent.answers["token_objects"] = {"objects": []}
    made = RequestForm(page, cast(AgentClient, agent), Wording("en"), TOKEN)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    made.open()
    field(made, NAME).setText("Иванов Иван")
    yield made
    shiboken6.delete(made)


def field(form: RequestForm, name: str) -> QLineEdit:
    return next(one for one in form.findChildren(QLineEdit) if one.accessibleName() == name)


@pytest.mark.parametrize(
    ("name", "typed", "told"), [("", "", NAME), ("Иванов Иван", "112-233-445 96", "SNILS, 11 digits")]
)
def test_a_form_that_cannot_be_right_makes_no_key(
    form: RequestForm, agent: ToldAgent, name: str, typed: str, told: str
) -> None:
    field(form, NAME).setText(name)
    field(form, "SNILS, 11 digits").setText(typed)
    agent.asked.clear()
    button(form, "Make the request").click()
    assert told in form.banner.text
    assert agent.asked == []
    assert button(form, "Make the request").isEnabled()
    field(form, NAME).setText("Иванов Иван")
    field(form, "SNILS, 11 digits").setText("112-233-445 95")
    button(form, "Make the request").click()
    assert [method for method, _ in agent.asked] == ["token_generate_key"]


def test_typing_begins_with_the_name(form: RequestForm) -> None:
    assert form.focusWidget() is field(form, NAME)


def test_a_token_that_was_pulled_out_keeps_the_form_and_makes_no_second_key(
    form: RequestForm, agent: ToldAgent
) -> None:
    field(form, "Surname").setText("Иванов")
    gone = TokenAbsent(token="Token", module="/m.so")
    agent.answers["token_generate_key"] = gone
    button(form, "Make the request").click()
    assert "not connected" in form.banner.text
    assert field(form, "Surname").text() == "Иванов"
    assert button(form, "Make the request").isEnabled()
    row = {"kind": "key", "id": "0a", "thumbprint": "bb" * 32, "label": "", "key": "P-256", "certificates": []}
    agent.answers["token_generate_key"] = {"object": row}
    agent.answers["token_request"] = gone  # pulled out between key and request
    button(form, "Make the request").click()
    agent.answers["token_request"] = {"request": "QUJD"}
    agent.asked.clear()
    button(form, "Make the request").click()
    assert [method for method, _ in agent.asked] == ["token_request"]
    assert agent.asked[0][1]["key"]["id"] == "0a"


def test_keys_that_could_not_be_read_are_read_when_the_token_is_back(form: RequestForm, agent: ToldAgent) -> None:
    choice = form.findChild(QComboBox)
    assert isinstance(choice, QComboBox)
    choice.clear()
    button(form, "Make the request").click()
    assert choice.count() == 4


def test_enter_saves_what_was_made_and_another_word_in_the_form_makes_it_old(
    form: RequestForm, agent: ToldAgent
) -> None:
    agent.answers["token_generate_key"] = {
        "object": {"kind": "key", "id": "0a", "thumbprint": "", "label": "", "key": "P-256", "certificates": []}
    }
    agent.answers["token_request"] = {"request": "QUJD"}
    assert button(form, "Make the request").isDefault()
    button(form, "Make the request").click()
    assert button(form, "Save…").isDefault()
    field(form, "Surname").textEdited.emit("И")
    assert not button(form, "Save…").isEnabled()
    assert button(form, "Make the request").isDefault()


def test_a_key_file_asks_for_its_own_key_and_makes_no_other(page: Content, agent: ToldAgent) -> None:
    row = {"kind": "key", "id": "", "thumbprint": "bb" * 32, "label": "anna.p12", "key": "P-256", "certificates": ["x"]}
    agent.answers["token_objects"] = {"objects": [row]}
    show(page, agent, tokens=(token(**FILE),))
    assert not [one for one in page.findChildren(QPushButton) if one.text() == "I&mport a key…"]
    button(page, "Request a certificate…").click()
    made = page.findChild(RequestForm)
    assert isinstance(made, RequestForm)
    choice = made.findChild(QComboBox)
    assert isinstance(choice, QComboBox)
    assert [choice.itemText(number) for number in range(choice.count())] == ["P-256, of the file anna.p12"]
    shiboken6.delete(made)


def test_a_pin_is_unblocked_and_set_only_where_that_is_so(page: Content, agent: ToldAgent) -> None:
    show(page, agent, tokens=(token(),))
    assert not button(page, "Unblock PIN").isEnabled()
    assert not button(page, "Set the first PIN").isEnabled()
    show(page, agent, tokens=(token(pin_locked=True, pin_initialized=False),))
    assert button(page, "Unblock PIN").isEnabled()
    assert button(page, "Set the first PIN").isEnabled()
