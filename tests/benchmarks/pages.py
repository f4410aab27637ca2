"""Calls from a page, timed in the page by its own clock."""

from __future__ import annotations

import json

from tests.benchmarks.requests import DOCUMENT
from tests.harness.browsers import Page

NULL_CALL = "const status = await pero.status(); if (status.state !== 'ready') throw status.error;"
SIGN_CALL = f"await pero.sign({json.dumps({'name': 'document.txt', 'content': DOCUMENT})});"

# A WebSocket by itself: one message out, one back.
SOCKET = """
  const socket = new WebSocket(%s);
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
  const ask = (text) =>
    new Promise((resolve) => { socket.onmessage = (event) => resolve(event.data); socket.send(text); });
"""
SOCKET_CALL = 'await ask(\'{"jsonrpc":"2.0","id":1,"method":"status","params":{}}\');'

# To the extension's content script and back; it answers this one itself.
CONTENT_SCRIPT = """
  const { port1: port, port2: theirs } = new MessageChannel();
  await new Promise((resolve) => { port.onmessage = resolve; window.postMessage("pero:connect:1", "/", [theirs]); });
  const ask = () => new Promise((resolve) => { port.onmessage = resolve; port.postMessage("pero:ping"); });
"""
CONTENT_SCRIPT_CALL = "await ask();"


def times(page: Page, call: str, count: int, *, prepare: str = "", group: int = 1) -> list[float]:
    """Milliseconds of so many calls one after the other. `group`: calls of one sample, which is their mean, for
    browsers with a coarse clock."""
    found: list[float] = page.evaluate(
        f"""{prepare}
        const once = async () => {{ {call} }};
        for (let number = 0; number < 20; number += 1) await once();
        const found = [];
        for (let sample = 0; sample < {count // group}; sample += 1) {{
          const begin = performance.now();
          for (let number = 0; number < {group}; number += 1) await once();
          found.push((performance.now() - begin) / {group});
        }}
        return found;""",
        seconds=120.0,
    )
    return found


def time_one(page: Page, call: str) -> float:
    """Milliseconds of one call."""
    taken: float = page.evaluate(f"const begin = performance.now(); {call} return performance.now() - begin;")
    return taken
