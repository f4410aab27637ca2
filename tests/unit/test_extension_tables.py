"""The errors that the extension and the page library know are rows of agent.errors, and each has its words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from agent.errors import ERRORS

EXTENSION = Path(__file__).resolve().parents[2] / "browser_extension"
TABLE = {error.name: (error.code, str(error.actor), error.retriable) for error in ERRORS}
ROW = re.compile(r"^  (\w+): \[(-?\d+), \"(\w+)\", (true|false)", re.MULTILINE)
NEVER_TOLD_TO_PAGES = {  # of commands and of the journal: no method that a page may call raises them
    "unattended_forbidden", "key_file_damaged", "key_file_without_key", "certificate_damaged",
    "content_missing", "journal_tampered", "already_running", "file_unreadable", "file_unwritable",
    "settings_damaged", "ports_taken", "certificate_ambiguous",
    "so_pin_incorrect", "so_pin_locked", "passphrase_incorrect", "token_read_only", "token_full", "object_exists",
    "object_absent", "object_protected", "so_login_required", "pin_already_set", "operation_unsupported",
    "subject_invalid", "module_slow", "outcome_unknown", "key_file_several_keys", "label_unsuitable",
    "rights_refused", "mend_failed", "mend_overwritten",
    "export_failed", "setting_locked", "setting_invalid", "folder_synchronised", "last_try_unconfirmed",
    "passphrase_weak", "not_a_key_copy",
}  # fmt: skip


def rows(path: str) -> dict[str, tuple[int, str, bool]]:
    source = (EXTENSION / path).read_text("utf-8")
    return {name: (int(code), actor, again == "true") for name, code, actor, again in ROW.findall(source)}


@pytest.mark.parametrize(("path", "count"), [("source/background/errors.js", 9), ("library/pero.js", 4)])
def test_errors_born_in_the_browser_are_rows_of_the_one_table(path: str, count: int) -> None:
    found = rows(path)
    assert len(found) == count
    assert {name: TABLE[name] for name in found} == found


def test_the_librarys_types_name_every_error_that_a_page_can_meet() -> None:
    source = (EXTENSION / "library/pero.d.ts").read_text("utf-8")
    union = source[source.index("export type ErrorCode") : source.index("(string & {})")]
    named = set(re.findall(r'"(\w+)"', union))
    assert named <= set(TABLE)
    assert set(TABLE) - named == NEVER_TOLD_TO_PAGES
    table = source[: source.index("export type ErrorCode")]
    assert all(name in table for name in named)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_each_has_its_words_in_both_languages(language: str) -> None:
    messages = json.loads((EXTENSION / f"source/_locales/{language}/messages.json").read_text("utf-8"))
    for name in rows("source/background/errors.js"):
        assert messages[f"error_{name}_text"]["message"]
        assert f"error_{name}_advice" in messages
