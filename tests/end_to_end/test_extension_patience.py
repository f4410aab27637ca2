"""An answer that takes as long as a person does: 90 seconds, in both browsers at once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

import pytest

from agent.config import locations
from tests.harness import browsers
from tests.harness.fake_agent import Envelope, FakeAgent, digest_as_signature
from tests.harness.site import Site

SECONDS = 90


async def after_a_while(envelope: Envelope) -> dict[str, Any]:
    await asyncio.sleep(SECONDS)
    return digest_as_signature(envelope)


@pytest.mark.slow
def test_an_answer_arrives_after_a_minute_and_a_half(tmp_path: Path) -> None:
    """Browsers end idle backgrounds of extensions after 30 seconds; the open native port must keep ours."""
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(Site())
        pages = []
        for family in browsers.FAMILIES:
            environment = browsers.private_environment(tmp_path / family)
            browsers.set_up(environment)
            agent = stack.enter_context(FakeAgent(locations(environment)))
            agent.answers["sign"] = after_a_while
            browser = stack.enter_context(browsers.start(family, environment))
            page = browser.open(site.url())
            page.evaluate('window.call = pero.sign({ name: "a", content: "a" }); call.catch(() => 0)')
            agent.wait_for("sign")
            pages.append((page, agent))
        started = time.monotonic()
        for page, agent in pages:
            assert page.evaluate("return (await call).detached", seconds=SECONDS + 60) is True
            assert page.evaluate("return (await pero.status()).state") == "ready"
            assert len(agent.arguments) == 1, "one native host lived through it"
        assert time.monotonic() - started > SECONDS - 15
