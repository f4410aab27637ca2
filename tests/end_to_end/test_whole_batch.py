"""A page has many documents signed with one confirmation and one PIN, every part real; openssl judges (R6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.browsers import Page
from tests.harness.whole import Desk, until

COUNT = 20
DOCUMENTS = f"Array.from({{ length: {COUNT} }}, (_, n) => ({{ name: `act ${{n}}.txt`, content: `text of ${{n}}` }}))"
# Begins a batch and tells what came of it; `results` grows meanwhile, and `each` may do something at a result.
BEGIN = """
  window.results = [];
  window.batch = pero.signBatch(%s, %s);
  window.call = (async () => {
    for await (const { index, base64, error } of batch) {
      results.push({ index, base64, error: error && error.code });
      %s
    }
  })().then(() => "over", (error) => error.name === "PeroError" ? error.code : error.name);
"""


@pytest.fixture(scope="module")
def shared_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("desk"), "chromium") as desk:
        desk.add_token("rsa2048")
        desk.start_agent()
        desk.open_browser()
        page = desk.page()
        desk.allow(page)
        page.close()
        yield desk


@pytest.fixture
def desk(shared_desk: Desk) -> Desk:
    shared_desk.faults()
    return shared_desk


@pytest.fixture
def page(desk: Desk) -> Iterator[Page]:
    page = desk.page()
    yield page
    page.close()


def begin(page: Page, options: str = "{}", each: str = "", documents: str = DOCUMENTS) -> None:
    page.evaluate(BEGIN % (documents, options, each))


def ended(page: Page) -> tuple[str, dict[int, Any]]:
    """How the iterator ended, and the results by the documents' numbers."""
    told = page.evaluate("return [await window.call, results]", seconds=60)
    found = {one["index"]: one for one in told[1]}
    assert len(found) == len(told[1])
    return told[0], found


def signed(found: dict[int, Any]) -> list[int]:
    return sorted(index for index, one in found.items() if not one.get("error"))


def accepted(desk: Desk, found: dict[int, Any]) -> None:
    for index in signed(found):
        desk.openssl_accepts({"base64": found[index]["base64"]}, f"text of {index}")


def last_prompts(desk: Desk) -> int:
    return [entry["kind"] for entry in desk.journal()].count("confirmed")


def test_a_page_gets_all_signatures_but_that_of_what_was_struck_out(desk: Desk, page: Page) -> None:
    before = last_prompts(desk)
    begin(page)
    desk.display.wait_until_ready("Refuse")
    desk.display.point_and_click("Find by name")
    desk.display.type_keys("act 17")
    until(lambda: "text of 17" in str(desk.display.accessible.tree()), "the document")
    desk.display.press("Tab", "space")
    until(lambda: "19 of 20 are going to be signed" in str(desk.display.accessible.tree()), "the count")
    desk.display.press("Tab", "Tab", "Tab")
    desk.display.sign(desk.pin)
    how, found = ended(page)
    assert how == "over"
    assert sorted(found) == list(range(COUNT))
    assert found[17]["error"] == "refused"
    assert len(signed(found)) == COUNT - 1
    accepted(desk, found)
    assert last_prompts(desk) == before + 1


@pytest.mark.parametrize(
    ("stop", "how"), [("controller.abort()", "AbortError"), ("batch.return()", "over"), ("break", "over")]
)
def test_a_page_that_stops_in_the_middle_keeps_what_is_done(desk: Desk, page: Page, stop: str, how: str) -> None:
    desk.faults("C_Sign sleep 300")
    page.evaluate("window.controller = new AbortController()")
    begin(page, "{ signal: controller.signal }", f"if (results.length === 2) {stop};")
    desk.display.sign(desk.pin)
    ending, found = ended(page)
    assert ending == how
    assert 1 <= len(signed(found)) < COUNT
    assert {one["error"] for one in found.values() if one.get("error")} <= {"cancelled"}
    accepted(desk, found)
    until(lambda: not desk.children("agent.desktop.windows.main"), "the window to go")


def test_what_was_signed_before_the_token_went_is_kept_and_the_rest_has_the_reason(desk: Desk, page: Page) -> None:
    desk.faults("C_Sign sleep 300")
    begin(page)
    desk.display.sign(desk.pin)
    until(lambda: page.evaluate("return results.length"), "the first result")
    desk.faults("token gone")
    until(lambda: "is not connected" in str(desk.display.accessible.tree()), "the reason")
    desk.display.wait_until_ready("Finish")
    shown = str(desk.display.accessible.tree())
    assert f"Signed: {page.evaluate('return results.length')} of {COUNT}." in shown
    desk.display.click("Finish")
    how, found = ended(page)
    assert how == "over"
    assert sorted(found) == list(range(COUNT))
    assert 1 <= len(signed(found)) < COUNT
    assert {one["error"] for one in found.values() if one.get("error")} == {"token_absent"}
    accepted(desk, found)


def test_a_person_who_connects_the_token_again_goes_on_with_the_rest(desk: Desk, page: Page) -> None:
    desk.faults("C_Sign sleep 300")
    begin(page)
    desk.display.sign(desk.pin)
    until(lambda: page.evaluate("return results.length"), "the first result")
    desk.faults("token gone")
    desk.display.wait_until_ready("Finish")
    desk.faults()
    until(lambda: "checked" in str(desk.display.accessible.tree()), "the list")
    desk.display.sign(desk.pin)
    how, found = ended(page)
    assert (how, signed(found)) == ("over", list(range(COUNT)))
    accepted(desk, found)


def test_a_request_that_is_taken_back_before_the_answer_signs_nothing(desk: Desk, page: Page) -> None:
    page.evaluate("window.controller = new AbortController()")
    begin(page, "{ signal: controller.signal }")
    desk.display.wait_until_ready("Refuse")
    page.evaluate("controller.abort()")
    assert ended(page) == ("AbortError", {})
    until(lambda: not desk.children("agent.desktop.windows.main"), "the window to go")


def test_a_window_that_is_killed_in_the_middle_costs_only_the_rest(desk: Desk, page: Page) -> None:
    desk.faults("C_Sign sleep 300")
    begin(page)
    desk.display.sign(desk.pin)
    until(lambda: page.evaluate("return results.length"), "the first result")
    (window,) = desk.children("agent.desktop.windows.main")
    window.kill()
    how, found = ended(page)
    assert (how, sorted(found)) == ("over", list(range(COUNT)))
    assert 1 <= len(signed(found)) < COUNT
    assert {one["error"] for one in found.values() if one.get("error")} == {"cancelled"}
    accepted(desk, found)


def test_two_sites_have_their_batches_one_after_the_other(desk: Desk, page: Page) -> None:
    other = desk.page(host="localhost")
    if other.evaluate("return (await pero.status()).state") == "not_allowed":
        desk.allow(other)
    begin(page)
    desk.display.wait_until_ready("Refuse")
    begin(other, "{ format: 'cms' }")
    desk.display.sign(desk.pin)
    assert signed(ended(page)[1]) == list(range(COUNT))
    until(lambda: "localhost" in str(desk.display.accessible.tree()), "the window of the other site")
    desk.display.sign(desk.pin)
    assert signed(ended(other)[1]) == list(range(COUNT))
    other.close()


def cancelled(desk: Desk) -> int:
    """How many signings ended so."""
    return [entry["facts"].get("outcome") for entry in desk.journal() if entry["kind"] == "outcome"].count("cancelled")


def test_a_page_that_goes_away_in_the_middle_ends_its_batch(desk: Desk) -> None:
    desk.faults("C_Sign sleep 300")
    before = cancelled(desk)
    leaving = desk.page()
    begin(leaving)
    desk.display.sign(desk.pin)
    until(lambda: leaving.evaluate("return results.length"), "the first result")
    leaving.close()
    until(lambda: not desk.children("agent.desktop.windows.main"), "the window to go")
    until(lambda: cancelled(desk) == before + 1, "the outcome")


LARGE = "Array.from({ length: 2 }, (_, n) => new File([new Uint8Array(9 << 20)], `act ${n}.bin`))"


@pytest.mark.parametrize(("leave", "how"), [("controller.abort()", "AbortError"), ("batch.return()", "over")])
def test_a_page_that_leaves_while_it_hands_over_leaves_nothing(desk: Desk, page: Page, leave: str, how: str) -> None:
    for _ in range(5):  # more than there is room for
        page.evaluate("window.controller = new AbortController()")
        begin(page, f"{{ signal: controller.signal, onProgress: () => {leave} }}", documents=LARGE)
        assert ended(page) == (how, {})
    assert not desk.children("agent.desktop.windows.main")
    begin(page, documents=LARGE)
    desk.display.sign(desk.pin)
    _, found = ended(page)
    assert signed(found) == [0, 1]
    desk.openssl_accepts({"base64": found[1]["base64"]}, bytes(9 << 20))


@pytest.mark.parametrize(
    ("documents", "options"),
    [
        ("[]", "{}"),
        ("'text'", "{}"),
        ("[{ name: 'a', content: 7 }]", "{}"),
        ("[{ name: 'a', content: 'a' }]", "{ lvl: 1 }"),
        ("[{ name: 'a', content: 'a' }]", "{ existing: new Uint8Array(1) }"),
        ("[{ name: 'a', algorithm: 'sha256', value: new Uint8Array(32) }]", "{ digestAlgorithm: 'sha512' }"),
    ],
)
def test_slips_in_the_arguments_are_type_errors(page: Page, documents: str, options: str) -> None:
    begin(page, options, documents=documents)
    assert ended(page) == ("TypeError", {})
