"""Requests and replies as PROTOCOL.md publishes them: the agent answers each example as it is written there."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from agent.api.caller import Caller
from agent.api.methods import METHODS
from agent.diagnostics.quick import QuickLook
from agent.errors import ERRORS, PinLocked, Refused
from tests.harness.core import SITE, Core
from tests.harness.diagnosed import Fake, token

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
PROTOCOL = Path(__file__).parents[2] / "PROTOCOL.md"
PATTERNS = {
    "<hex64>": lambda value: isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value),
    "<hex32>": lambda value: isinstance(value, str) and re.fullmatch("[0-9a-f]{32}", value),
    "<base64>": lambda value: isinstance(value, str) and re.fullmatch("[A-Za-z0-9+/]+={0,2}", value),
    "<text>": lambda value: isinstance(value, str) and value != "",
    "<int>": lambda value: isinstance(value, int),
}
CALLERS = {"command": Core.command, "extension": Core.extension}
NEEDS_REAL_TOKENS = {
    "add_key_file",
    "forget_key_file",
    "backup_key_file",
    "find_strays",
    "delete_stray",
    "try_signature",
    "list_modules",
    "add_module",
    "forget_module",
    "stop",
    "open_desk",
    "list_settings",
    *(f"token_{name}" for name in ("changes", "objects", "change_pin", "unblock", "set_pin", "generate_key")),
    *(f"token_{name}" for name in ("request", "write_certificate", "import", "rename", "delete")),
}  # shown by the command line's tests


def matches(expected: Any, given: Any) -> bool:
    if isinstance(expected, str) and expected in PATTERNS:
        return bool(PATTERNS[expected](given))
    if isinstance(expected, dict):
        return (
            isinstance(given, dict)
            and expected.keys() == given.keys()
            and all(matches(value, given[key]) for key, value in expected.items())
        )
    if isinstance(expected, list):
        return isinstance(given, list) and len(expected) == len(given) and all(map(matches, expected, given))
    return type(expected) is type(given) and expected == given


def prepare(core: Core, name: str) -> None:
    if name in {"sign-explained", "diagnose"}:
        machine = Fake()
        machine.tokens = [token(pin_locked=True)]
        core.services.quick_look = QuickLook(lambda: nullcontext(machine))
    if name == "archive-journal":
        core.services.journal.note("pause", {})
    if name not in {"list-journal", "verify-journal"}:
        core.tokens.add("DEMO Signer")
    if name == "connect-refused":
        core.person.connection = Refused()
    if name in {"sign-pin-locked", "sign-explained"}:
        core.tokens.fail = [PinLocked(token="memory")]
        core.person.answers = [None, Refused()]
    if name in {"list-sites", "forget-site"}:
        core.origins.allow(SITE, core.now)


async def handed_over(core: Core, caller: Caller, name: str) -> str:
    """The document of the examples, as far as the example wants it to be there."""
    caller.transport = "loopback"
    parameters = {"name": "hello.txt", "size": 12}
    upload: str = (await core.call(caller, "upload_begin", parameters))["result"]["upload"]
    if name not in {"upload-chunk", "upload-ticket"}:
        await core.call(caller, "upload_chunk", {"upload": upload, "offset": 0, "data": "SGVsbG8sIFBlcm8K"})
    if name == "download-chunk":
        await core.call(caller, "sign", {"upload": upload, "attached": True})
    return upload


async def signed_batch(core: Core, caller: Caller) -> str:
    """A batch of one document, all of it done."""
    parameters = {"documents": [{"name": "hello.txt", "content": "SGVsbG8sIFBlcm8K"}]}
    batch: str = (await core.call(caller, "sign_batch", parameters))["result"]["batch"]
    task = core.services.batches.of(caller, batch).task
    assert task is not None
    await task
    return batch


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
async def test_the_agent_answers_the_published_example(path: Path, tmp_path: Path) -> None:
    golden = json.loads(path.read_text())
    core = Core(tmp_path)
    prepare(core, path.stem)
    first_contact = path.stem in {"connect", "connect-refused", "not-allowed"}
    role = golden["role"]
    caller = core.page(allowed=not first_contact) if role == "page" else CALLERS[role](core)
    request = golden["request"]
    if path.stem == "sign-file":
        file = tmp_path / "contract.txt"
        file.write_text("signed by its path")
        request["params"]["path"] = str(file)

    if path.stem == "certificate-state":
        request["params"]["certificate"] = core.tokens.entries[0].thumbprint

    if "<upload>" in json.dumps(request):
        request = json.loads(json.dumps(request).replace("<upload>", await handed_over(core, caller, path.stem)))

    if "<batch>" in json.dumps(request):
        request = json.loads(json.dumps(request).replace("<batch>", await signed_batch(core, caller)))

    answer = await core.raw(caller, json.dumps(request))
    core.dispatcher.closed(caller)

    assert matches(golden["response"], answer), json.dumps(answer, indent=2)


def test_every_method_has_an_example() -> None:
    shown = {json.loads(path.read_text())["request"]["method"] for path in GOLDEN}
    assert {method.name for method in METHODS} - shown == NEEDS_REAL_TOKENS


def test_the_protocol_page_quotes_the_examples_as_they_are() -> None:
    page = PROTOCOL.read_text()
    quoted = dict(re.findall(r"<!-- wire: ([a-z-]+) -->\n```json\n(.*?)```", page, re.DOTALL))
    assert {name: json.loads(text) for name, text in quoted.items()} == {
        path.stem: json.loads(path.read_text()) for path in GOLDEN
    }


def test_the_protocol_page_lists_every_error_with_its_code() -> None:
    rows = re.findall(r"^\| (-?\d+) \| `(\w+)` \| (\w+) \| (yes|no) \|", PROTOCOL.read_text(), re.MULTILINE)
    assert rows == [
        (str(error.code), error.name, str(error.actor), "yes" if error.retriable else "no") for error in ERRORS
    ]


def test_error_codes_are_used_once() -> None:
    codes = [error.code for error in ERRORS]
    assert len(codes) == len(set(codes))
    assert len({error.name for error in ERRORS}) == len(codes)
