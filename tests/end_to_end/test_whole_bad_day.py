"""The bad day, with every part real: what the person sees, what the page is told, and that the next request works."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.harness.browsers import Page
from tests.harness.whole import Desk, end, until

WINDOW = "agent.desktop.windows.main"
WORKER = "agent.tokens.worker"


@pytest.fixture(scope="module")
def shared_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("desk"), "chromium") as desk:
        desk.add_token("p256")
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


def error(answer: dict[str, object]) -> str:
    assert isinstance(answer, dict)
    assert "error" in answer, answer
    return str(answer["error"]["code"])  # type: ignore[index]


def reads(desk: Desk, part: str) -> None:
    def look() -> bool:
        return any(part in (node["name"] or "") for node in desk.display.accessible.tree())

    until(look, f"the words {part!r}")


def window_opens(desk: Desk) -> None:
    desk.display.wait_for_accessible(None, role="password text", state="focused")


def test_a_wrong_pin_keeps_the_window_and_the_right_one_signs(desk: Desk, page: Page) -> None:
    desk.ask_signature(page)
    desk.display.sign("00000000")
    reads(desk, "wrong")
    desk.display.press("ctrl+a", "Delete")
    desk.display.sign(desk.pin)
    desk.openssl_accepts(desk.answer(page), "hello")


def test_a_pin_that_is_not_given_is_a_refusal(desk: Desk, page: Page) -> None:
    desk.ask_signature(page)
    desk.display.wait_until_ready("Refuse")
    desk.display.press("Escape")
    assert error(desk.answer(page)) == "refused"
    assert desk.journal()[-1]["facts"]["outcome"] == "refused"


def test_a_window_that_is_killed_is_told_and_the_next_one_works(desk: Desk, page: Page) -> None:
    desk.ask_signature(page)
    window_opens(desk)
    for window in desk.children(WINDOW):
        window.kill()
    assert error(desk.answer(page)) == "window_closed"
    desk.openssl_accepts(desk.sign(page), "hello")


@pytest.mark.parametrize(
    ("fault", "code"), [("C_OpenSession rv 0xE0", "token_absent"), ("C_Sign rv 0x30", "token_failed")]
)
def test_a_token_that_fails_is_named_in_the_window_and_to_the_page(
    desk: Desk, page: Page, fault: str, code: str
) -> None:
    desk.ask_signature(page)
    window_opens(desk)
    desk.faults(fault)
    desk.display.sign(desk.pin)
    desk.display.click("Refuse")
    assert error(desk.answer(page)) == code
    desk.faults()
    desk.openssl_accepts(desk.sign(page), "hello")


def test_a_worker_that_dies_while_it_signs_costs_this_try_only(desk: Desk, page: Page) -> None:
    desk.ask_signature(page)
    window_opens(desk)
    desk.faults("C_Sign sleep 30000")
    desk.display.sign(desk.pin)
    time.sleep(1.0)  # the worker sleeps inside C_Sign now; it sends nothing that could be waited for
    for worker in desk.children(WORKER):
        worker.send_signal(signal.SIGKILL)
    desk.faults()
    desk.display.press("ctrl+a", "Delete")
    desk.display.sign(desk.pin)
    desk.openssl_accepts(desk.answer(page), "hello")


def test_two_tabs_at_once_are_asked_one_after_the_other(desk: Desk, page: Page) -> None:
    other = desk.page()
    desk.ask_signature(page, "first")
    window_opens(desk)
    desk.ask_signature(other, "second")
    assert len(desk.children(WINDOW)) == 1
    desk.display.sign(desk.pin)
    desk.openssl_accepts(desk.answer(page), "first")
    window_opens(desk)
    desk.display.sign(desk.pin)
    desk.openssl_accepts(desk.answer(other), "second")
    other.close()


def test_a_tab_that_is_closed_takes_its_window_away_and_the_queue_goes_on(desk: Desk, page: Page) -> None:
    closing = desk.page()
    desk.ask_signature(closing, "gone")
    window_opens(desk)
    desk.ask_signature(page, "still here")
    closing.close()
    until(lambda: "still here" in str(desk.display.accessible.tree()), "the next window")
    desk.display.sign(desk.pin)
    desk.openssl_accepts(desk.answer(page), "still here")


def test_a_page_takes_its_request_back(desk: Desk, page: Page) -> None:
    page.evaluate("window.controller = new AbortController()")
    desk.ask(page, "pero.sign({ name: 'a', content: 'a' }, { signal: controller.signal })")
    window_opens(desk)
    page.evaluate("controller.abort()")
    until(lambda: not desk.children(WINDOW), "the window to go")
    desk.openssl_accepts(desk.sign(page), "hello")


def test_a_refused_site_is_told_so_and_does_not_ask_again(desk: Desk) -> None:
    page = desk.page(host="localhost")
    desk.ask(page, "pero.connect()")
    desk.display.click("Refuse")
    assert error(desk.answer(page)) == "refused"
    assert page.failure("return await pero.connect()")["code"] == "refused"
    assert page.failure("return await pero.selectCertificate()")["code"] == "not_allowed"
    desk.pero("sites", "forget", desk.site.origin(host="localhost"))
    page.close()


def test_nothing_is_signed_where_the_journal_cannot_be_written(desk: Desk, page: Page) -> None:
    files = [path for path in desk.places.state.glob("journal.sqlite*") if path.is_file()]
    kept = [path.rename(path.with_name("kept-" + path.name)) for path in files]
    desk.places.journal.mkdir()
    try:
        assert page.failure("return await pero.sign({ name: 'a', content: 'a' })")["code"] == "journal_unwritable"
        assert not desk.children(WINDOW)
    finally:
        desk.places.journal.rmdir()
        for path in kept:
            path.rename(path.with_name(path.name.removeprefix("kept-")))
    desk.openssl_accepts(desk.sign(page), "hello")
    assert json.loads(desk.pero("journal", "verify", "--json"))["intact"] is True


def test_a_second_start_says_that_one_runs(desk: Desk) -> None:
    assert "already" in desk.pero("run", expect=3)


def test_an_expired_certificate_is_shown_with_its_reason_and_is_not_the_default(desk: Desk, page: Page) -> None:
    identity, pin = desk.identity, desk.pin
    desk.add_key_file("p384", days=-3, name="Old Signer")
    desk.identity, desk.pin = identity, pin
    desk.ask_signature(page)
    window_opens(desk)
    shown = str(desk.display.accessible.tree())
    assert "Old Signer" in shown
    assert "xpired" in shown
    desk.display.sign(desk.pin)
    answer = desk.answer(page)
    desk.openssl_accepts(answer, "hello")


def test_an_agent_that_is_killed_leaves_a_whole_journal_and_the_extension_comes_back(desk: Desk, page: Page) -> None:
    desk.ask_signature(page)
    window_opens(desk)
    end(desk.agent, signal.SIGKILL)
    assert error(desk.answer(page)) in ("connection_lost", "host_exited", "not_running")
    until(lambda: not any(_is_ours(desk, name) for name in (WINDOW, WORKER)), "windows and workers to end")
    assert page.failure("return await pero.sign({ name: 'a', content: 'a' })")["code"] == "not_running"
    desk.start_agent()
    assert json.loads(desk.pero("journal", "verify", "--json"))["intact"] is True
    desk.openssl_accepts(desk.sign(page), "hello")


def _is_ours(desk: Desk, module: str) -> bool:
    """Whether a process of that module still runs on this desk, whoever its parent is now."""
    for process in psutil.process_iter(["cmdline"]):
        if module in (process.info["cmdline"] or []):
            try:
                if process.environ().get("PERO_HOME") == desk.environment["PERO_HOME"]:
                    return True
            except (psutil.AccessDenied, psutil.NoSuchProcess):
                continue
    return False


def test_an_agent_that_is_stopped_tells_the_page_and_ends_well(desk: Desk, page: Page) -> None:
    desk.ask_signature(page)
    window_opens(desk)
    assert end(desk.agent) == 0
    assert error(desk.answer(page)) == "stopping"
    assert not desk.places.socket.exists()
    desk.start_agent()
    desk.openssl_accepts(desk.sign(page), "hello")


def test_a_browser_that_is_killed_in_mid_request_frees_the_queue(desk: Desk) -> None:
    desk.ask_signature(desk.page())
    window_opens(desk)
    desk.browser.kill()
    until(lambda: not desk.children(WINDOW), "the window to go")
    file = desk.folder / "after.txt"
    file.write_text("the queue goes on")
    desk.pero("sign", str(file), "--certificate", desk.identity.thumbprint, pin=desk.pin)
    assert (desk.folder / "after.txt.p7s").stat().st_size > 500
