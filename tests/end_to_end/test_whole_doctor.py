"""The popup says what is wrong with the machine, and a page's failed request which finding explains it (R22, R28).

Every part real: browser, extension, host, agent, window, token.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.browsers import FAMILIES
from tests.harness.whole import Desk

LOCKED = 0x40000  # CKF_USER_PIN_LOCKED
PIN_LOCKED = 0xA4  # CKR_PIN_LOCKED
SUMMARY = """
  for (;;) {
    const [ended] = [document.querySelector('#summary').textContent].filter((text) => text && !text.includes('…'));
    if (ended) return ended;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
"""
ROWS = "return [...document.querySelectorAll('li')].map((row) => [row.dataset.id, row.className, row.innerText])"


@pytest.fixture(scope="module", params=FAMILIES)
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("desk"), request.param) as desk:
        desk.add_token("p256")
        desk.start_agent()
        desk.open_browser()
        yield desk


def popup(desk: Desk) -> tuple[str, dict[str, tuple[str, str]]]:
    """What its last line says, and status and words of each row by id."""
    page = desk.browser.open(desk.browser.extension_url("popup/popup.html"))
    try:
        summary = page.evaluate(SUMMARY)
        return summary, {identifier: (status, words) for identifier, status, words in page.evaluate(ROWS)}
    finally:
        page.close()


def test_the_popup_shows_what_is_wrong_and_that_it_is_mended(desk: Desk) -> None:
    _, rows = popup(desk)
    assert "agent.files" not in rows
    state = desk.places.state
    state.chmod(0o755)
    try:
        summary, rows = popup(desk)
        status, words = rows["agent.files"]
        assert (status, words.split(".")[0]) == ("error", "Error")
        assert str(state) in words
        assert "pero diagnose" in summary
        assert next(iter(rows.values()))[0] == "error", "the worst is first"
    finally:
        state.chmod(0o700)
    assert "agent.files" not in popup(desk)[1]


def test_a_failed_request_carries_the_row_that_explains_it(desk: Desk) -> None:
    page = desk.page()
    refused: dict[str, Any] = page.failure("return await pero.sign({ name: 'a', content: 'a' })")
    assert (refused["code"], refused.get("finding", "")) == ("not_allowed", ""), "strangers are told nothing"
    desk.allow(page)
    desk.faults(f"C_Login rv {PIN_LOCKED:#x}")
    try:
        call = "pero.sign({ name: 'a', content: 'a' }).catch((e) => ({ code: e.code, finding: e.finding }))"
        desk.ask(page, call)
        desk.display.sign(desk.pin)
        desk.display.wait_until_ready("Sign", enabled=False)
        desk.faults(f"C_Login rv {PIN_LOCKED:#x}", f"C_GetTokenInfo set {LOCKED:#x}")
        desk.display.click("Refuse")
        assert desk.answer(page) == {"code": "pin_locked", "finding": "tokens.pin"}
        told = json.loads(desk.pero("diagnose", "--json", "--area", "tokens", expect=None))["findings"]
        (row,) = [one for one in told if one["id"] == "tokens.pin"]
        assert (row["case"], row["status"]) == ("pin_locked", "error"), "and the row is there for whoever helps"
        assert popup(desk)[1]["tokens.pin"][0] == "error"
    finally:
        desk.faults()
    page.close()
