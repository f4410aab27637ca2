"""The extension when the agent or the background dies, in both browsers."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import locations
from tests.end_to_end.conftest import World
from tests.harness import browsers
from tests.harness.browsers import Page
from tests.harness.fake_agent import FakeAgent
from tests.harness.site import Site


def test_an_agent_killed_in_mid_request_is_told_and_found_again(world: World, page: Page) -> None:
    world.agent.hold("sign")
    page.evaluate('window.call = pero.sign({ name: "a", content: "a" }); call.catch(() => 0)')
    world.agent.wait_for("sign")
    world.agent.stop()
    fields = page.failure("await call")
    assert (fields["code"], fields["retriable"]) == ("connection_lost", True)
    assert page.evaluate("return (await pero.status()).state") == "not_running"
    world.agent.start()
    assert page.evaluate("return (await pero.status()).state") == "ready"


def test_many_pages_are_told_when_the_agent_dies(world: World) -> None:
    world.agent.hold("sign")
    pages = [world.open() for _ in range(3)]
    for page in pages:
        page.evaluate('window.call = pero.sign({ name: "a", content: "a" }); call.catch(() => 0)')
        world.agent.wait_for("sign")
    world.agent.stop()
    assert [page.failure("await call")["code"] for page in pages] == ["connection_lost"] * 3
    world.agent.start()
    for page in pages:
        page.close()


def test_a_page_speaks_on_after_its_browser_ended_the_extensions_background(tmp_path: Path) -> None:
    """Chromium alone: Firefox offers no way to end a background from outside."""
    environment = browsers.private_environment(tmp_path)
    browsers.set_up(environment)
    browser = browsers.start("chromium", environment)
    assert isinstance(browser, browsers.Chromium)
    with FakeAgent(locations(environment)) as agent, Site() as site, browser:
        page = browser.open(site.url())
        agent.hold("sign")
        page.evaluate('window.call = pero.sign({ name: "a", content: "a" }); call.catch(() => 0)')
        agent.wait_for("sign")
        browser.stop_background()
        assert page.failure("await call")["code"] == "connection_lost"
        agent.release("sign")
        assert page.evaluate("return (await pero.status()).state") == "ready"


def test_a_page_that_is_left_takes_its_requests_with_it_though_the_browser_keeps_it(world: World, page: Page) -> None:
    world.site.pages["/another"] = "<!doctype html>"
    world.agent.hold("sign")
    page.evaluate('window.call = pero.sign({ name: "a", content: "a" }); call.catch(() => 0)')
    asked = world.agent.wait_for("sign")
    page.go(world.site.url("/another"))
    world.agent.wait_until_closed(asked["page"])
    world.agent.release("sign")


@pytest.mark.parametrize("family", browsers.FAMILIES)
def test_an_extension_that_is_reloaded_ends_the_requests_in_flight(family: str, tmp_path: Path) -> None:
    environment = browsers.private_environment(tmp_path)
    browsers.set_up(environment)
    with FakeAgent(locations(environment)) as agent, Site() as site, browsers.start(family, environment) as browser:
        page, popup = browser.open(site.url()), browser.open(browser.extension_url("popup/popup.html"))
        agent.hold("sign")
        page.evaluate('window.call = pero.sign({ name: "a", content: "a" }); call.catch(() => 0)')
        agent.wait_for("sign")
        popup.evaluate("setTimeout(() => chrome.runtime.reload(), 0)")
        assert page.failure("await call")["code"] == "connection_lost"
