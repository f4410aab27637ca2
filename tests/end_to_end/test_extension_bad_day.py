"""The extension when the agent or the background dies, in both browsers."""

from __future__ import annotations

from tests.end_to_end.conftest import World
from tests.harness import browsers
from tests.harness.browsers import Page


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


def test_a_page_speaks_on_after_its_browser_ended_the_extensions_background(world: World, page: Page) -> None:
    if not isinstance(world.browser, browsers.Chromium):
        return  # Firefox offers no way to end a background page from outside
    world.agent.hold("sign")
    page.evaluate('window.call = pero.sign({ name: "a", content: "a" }); call.catch(() => 0)')
    world.agent.wait_for("sign")
    world.browser.stop_background()
    assert page.failure("await call")["code"] == "connection_lost"
    world.agent.release("sign")
    assert page.evaluate("return (await pero.status()).state") == "ready"
