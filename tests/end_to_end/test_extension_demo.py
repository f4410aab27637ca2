"""The demo page, in both browsers."""

from __future__ import annotations

import base64
import hashlib

from tests.end_to_end.conftest import World


def test_the_demo_page_signs(world: World) -> None:
    page = world.open("/demo/index.html")
    steps = page.evaluate(
        """const status = document.querySelector("#status");
        const settled = async () => {
          while (status.dataset.state === "busy") await new Promise((resolve) => setTimeout(resolve, 10));
          return status.dataset.state;
        };
        const states = [await settled()];
        document.querySelector("#document").value = "Привет";
        for (const id of ["connect", "choose", "sign"]) {
          document.querySelector("#" + id).click();
          states.push(await settled());
        }
        return states"""
    )
    assert steps == ["ready"] * 4
    shown = page.evaluate(
        """const part = (id) => document.querySelector(id);
        return [part("#result").dataset.signature, part("#result").hidden, part("#download").download,
          part("#certificate").textContent, part("#download").href.startsWith("blob:")]"""
    )
    signature = base64.b64encode(hashlib.sha256("Привет".encode()).digest()).decode()
    assert shown == [signature, False, "document.txt.p7s", "CN=DEMO Signer", True]
    page.close()


def test_the_demo_page_says_what_went_wrong_and_what_to_do(world: World) -> None:
    world.agent.stop()
    page = world.open("/demo/index.html")
    said = page.evaluate(
        """const status = document.querySelector("#status");
        while (status.dataset.state === "busy") await new Promise((resolve) => setTimeout(resolve, 10));
        return [status.dataset.code, status.textContent, document.querySelector("#advice").textContent]"""
    )
    world.agent.start()
    assert said[0] == "not_running"
    assert "not_running" in said[1]
    assert "pero run" in said[2]
    page.close()
