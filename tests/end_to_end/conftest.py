"""A person with both browsers, the extension in them, and an agent that answers as told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from agent.config import locations
from tests.harness import browsers
from tests.harness.browsers import Page
from tests.harness.fake_agent import CANNED, FakeAgent
from tests.harness.site import PAGE, Site


class World(NamedTuple):
    family: str
    agent: FakeAgent
    site: Site
    browser: browsers.Browser

    def open(self, path: str = "/", *, host: str = "127.0.0.1") -> Page:
        return self.browser.open(self.site.url(path, host=host))


@pytest.fixture(scope="session", params=browsers.FAMILIES)
def shared_world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    environment = browsers.private_environment(tmp_path_factory.mktemp("person"))
    browsers.set_up(environment)
    with (
        FakeAgent(locations(environment)) as agent,
        Site({"/": PAGE}) as site,
        browsers.start(request.param, environment) as browser,
    ):
        yield World(request.param, agent, site, browser)


@pytest.fixture
def world(shared_world: World) -> World:
    shared_world.agent.answers = dict(CANNED)
    shared_world.agent.envelopes.clear()
    return shared_world


@pytest.fixture
def page(world: World) -> Iterator[Page]:
    opened = world.open()
    yield opened
    opened.close()
