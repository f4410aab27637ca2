"""What is asked of the agent, over and over."""

from __future__ import annotations

import base64
import json

WARM_UP = 5  # calls before those that count
DOCUMENT = ("A line of sixty-three characters and a line end, sixteen times." + "\n") * 16
assert len(DOCUMENT) == 1024


def null_request(number: int) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "status", "params": {}})


def sign_request(number: int) -> str:
    """A document of 1 KiB, detached."""
    document = {"content": base64.b64encode(DOCUMENT.encode()).decode(), "name": "document.txt"}
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "sign", "params": {"document": document}})
