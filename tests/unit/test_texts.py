"""Every wording exists in every language, is used, and asks for nothing that is not there."""

from __future__ import annotations

import ast
import inspect
import re
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from agent.diagnostics.base import AREAS, STATUSES
from agent.diagnostics.probes.system import SYSTEMS
from agent.errors import ERRORS, PeroError
from agent.texts.catalogue import DOMAINS, LANGUAGES, language_of, plural, text
from agent.texts.errors import REASONS, RIGHTS, SYSTEM

ROOT = Path(__file__).resolve().parents[2]
KEY = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9_]+)+")
TABLES = ("_FLAGS", "_OTHER_PROBLEMS")  # of checks whose cases are rows
WELL = ("ok", "not_applicable")
COMMON_CASES = ("broken", "failed", "skipped", "timeout")  # of any check


@cache
def messages(language: str, domain: str) -> dict[str, Message]:
    """The entries of a .po file, by key."""
    path = ROOT / "agent" / "texts" / "locale" / language / "LC_MESSAGES" / f"{domain}.po"
    with path.open("rb") as file:
        catalog = read_po(file, locale=language, abort_invalid=True)
    return {key_of(message): message for message in catalog if message.id}


def key_of(message: Message) -> str:
    return message.id[0] if isinstance(message.id, (list, tuple)) else str(message.id)


def wordings(message: Message) -> list[str]:
    return list(message.string) if isinstance(message.string, (list, tuple)) else [str(message.string)]


def placeholders(wording: str) -> set[str]:
    return {re.split(r"[.\[!:]", name)[0] for _, name, _, _ in string.Formatter().parse(wording) if name}


@cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text("utf-8")) for path in sorted((ROOT / "agent").rglob("*.py"))}


def constants() -> Iterator[str]:
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def patterns() -> Iterator[re.Pattern[str]]:
    """Keys that are put together: f"problem.{name}" stands for every key of that shape."""
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                # Ids of checks have a dot; that no wording of theirs is left over is held below, exactly.
                name = "[a-z0-9_.-]+" if getattr(node.values[0], "value", "") == "check." else "[a-z0-9_-]+"
                parts = [re.escape(p.value) if isinstance(p, ast.Constant) else name for p in node.values]
                if KEY.fullmatch("".join(str(p.value) if isinstance(p, ast.Constant) else "x" for p in node.values)):
                    yield re.compile("".join(parts))


def all_keys() -> set[str]:
    return {key for domain in DOMAINS for key in messages("en", domain)}


def is_click_word(key: str) -> bool:
    """Words of click itself stand in our catalogue as they stand in its source."""
    return not KEY.fullmatch(key)


@pytest.mark.parametrize("domain", DOMAINS)
def test_both_languages_word_the_same_things(domain: str) -> None:
    assert set(messages("ru", domain)) == set(messages("en", domain))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("domain", DOMAINS)
def test_no_wording_is_empty_fuzzy_or_ragged(domain: str, language: str) -> None:
    for key, message in messages(language, domain).items():
        assert not message.fuzzy, key
        forms = wordings(message)
        assert all(form and form == form.strip() for form in forms), key
        if isinstance(message.id, (list, tuple)):
            assert len(forms) == {"ru": 3, "en": 2}[language], key


def test_no_key_stands_in_two_catalogues() -> None:
    keys = [key for domain in DOMAINS for key in messages("en", domain)]
    assert sorted(keys) == sorted(set(keys))


@pytest.mark.parametrize("domain", DOMAINS)
def test_both_languages_fill_in_the_same_facts(domain: str) -> None:
    for key, message in messages("en", domain).items():
        english = set().union(*map(placeholders, wordings(message)))
        russian = set().union(*map(placeholders, wordings(messages("ru", domain)[key])))
        assert russian == english or (is_click_word(key) and russian < english), key


def test_every_error_is_worded_and_nothing_else_is() -> None:
    wanted = {f"error.{error.name}.{part}" for error in ERRORS for part in ("text", "advice")}
    wanted |= {f"error.{name}.reason.{reason}" for name, reasons in REASONS.items() for reason in reasons}
    wanted |= {f"system.{name}" for name in SYSTEM.values()}
    wanted |= {f"error.right_missing.right.{right}" for right in RIGHTS}
    assert set(messages("en", "errors")) == wanted


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.name)
def test_wordings_of_an_error_ask_only_for_facts_that_it_has(error: type[PeroError]) -> None:
    """The docstring of an error lists its facts."""
    _, _, listed = (error.__doc__ or "").partition("Facts: ")
    known = set(re.findall(r"[a-z_]+", re.sub(r"\([^)]*\)", "", listed)))
    parts = ("text", "advice", *(f"reason.{reason}" for reason in REASONS.get(error.name, ())))
    for part in parts:
        assert placeholders(wordings(messages("en", "errors")[f"error.{error.name}.{part}"])[0]) <= known


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_that_the_code_names_is_worded(language: str) -> None:
    """Every string in the code that looks like a key of a family we have, and every key given to a wording call."""
    known = all_keys()
    named = {value for value in given_to_wordings() if KEY.fullmatch(value)}
    assert named, "the search finds something"
    assert {key for key in named if key not in known} == set()
    # A key with plural forms is asked for by `plural`; what `text` makes of it differs from one Python to the next.
    assert {key for key in named if key == text(key, language) == plural(key, 5, language)} == set()


def given_to_wordings() -> Iterator[str]:
    """String constants that are the first argument of text(...), plural(...), or a help=... of the command line."""
    for tree in trees().values():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("text", "plural", "_text", "say_text") and node.args:
                yield from strings_in(node.args[0])
            for keyword in node.keywords:
                if keyword.arg in ("help", "short_help", "epilog"):
                    yield from strings_in(keyword.value)


def strings_in(node: ast.expr) -> Iterator[str]:
    """The constants that an expression may come to: a constant, or the branches of a condition."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from strings_in(node.body)
        yield from strings_in(node.orelse)


def test_no_wording_is_left_over() -> None:
    used = set(constants())
    shapes = list(patterns())
    left = {
        key
        for key in all_keys()
        if not is_click_word(key) and key not in used and not any(shape.fullmatch(key) for shape in shapes)
    }
    assert left == set()


def test_words_of_click_are_clicks() -> None:
    source = "".join(inspect.getsource(module) for module in (click.core, click.types, click.exceptions))
    source += (
        inspect.getsource(click.formatting) + inspect.getsource(click.decorators) + inspect.getsource(click.parser)
    )
    ours = {key for key in messages("en", "commands") if is_click_word(key)}
    assert len(ours) > 10
    assert {word for word in ours if f'"{word}"' not in source} == set()


def findings() -> set[tuple[str, str, str]]:
    """(id, case, status) of every finding that a check can make."""
    found = set()
    for path, tree in trees().items():
        if path.parent.name != "checks":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
                identifier, case, status = node.args[:3]
                assert isinstance(identifier, ast.Constant)
                status_text = status.value if isinstance(status, ast.Constant) else "?"
                for value in cases_of(case, tree):
                    found.add((str(identifier.value), value, str(status_text)))
    return found


def cases_of(node: ast.expr, tree: ast.Module) -> Iterator[str]:
    """A constant, a choice of two, or a name that runs over one of the module's tables."""
    direct = list(strings_in(node))
    if direct:
        yield from direct
        return
    assert isinstance(node, ast.Name)
    for other in ast.walk(tree):
        if (
            isinstance(other, (ast.Assign, ast.AnnAssign))
            and other.value is not None
            and targets(other) & {node.id, *TABLES}
        ):
            strings = (leaf.value for leaf in ast.walk(other.value) if isinstance(leaf, ast.Constant))
            yield from (value for value in strings if isinstance(value, str) and value not in STATUSES)


def targets(node: ast.Assign | ast.AnnAssign) -> set[str]:
    found = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
    return {target.id for target in found if isinstance(target, ast.Name)}


def test_every_finding_is_worded_and_no_other_is() -> None:
    known = messages("en", "diagnostics")
    wanted = {f"check.{case}.text" for case in COMMON_CASES}
    wanted |= {f"check.{case}.advice" for case in COMMON_CASES if case != "failed"}
    for identifier, case, status in findings():
        assert case not in COMMON_CASES, f"{identifier}.{case} would be worded as what any check may come to"
        wanted |= {f"check.{identifier}.title", f"check.{identifier}.{case}.text"}
        advice = f"check.{identifier}.{case}.advice"
        if status in WELL or (status == "?" and advice not in known):
            continue
        reasons = {f"check.{identifier}.{case}.why", f"check.{identifier}.why"} & set(known)
        wanted |= {advice, *(reasons or {f"check.{identifier}.why"})}
        wanted |= {f"{advice}_{system}" for system in SYSTEMS.values()} & set(known)  # where their ways differ
    assert len(wanted) > 60
    assert {key for key in known if key.startswith("check.")} == wanted


def test_every_area_is_worded() -> None:
    assert {key for key in messages("en", "diagnostics") if key.startswith("area.")} == {
        f"area.{area}.title" for area in AREAS
    }


def test_every_kind_of_journal_entry_has_words() -> None:
    kinds = set()
    for tree in trees().values():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = {"begin": 0, "note": 0, "note_all": 0, "intention": 1}.get(called, len(node.args))
            if place < len(node.args) and isinstance(node.args[place], ast.Constant):
                kinds.add(f"journal.kind.{node.args[place].value}")
    kinds |= {"journal.kind.outcome", "journal.kind.journal_begun", "journal.kind.archived"}
    assert {key for key in messages("en", "commands") if key.startswith("journal.kind.")} == kinds


@pytest.mark.parametrize("language", LANGUAGES)
def test_kinds_of_journal_entries_stand_in_one_column_and_begin_alike(language: str) -> None:
    words = [text(key, language) for key in messages(language, "commands") if key.startswith("journal.kind.")]
    assert [word for word in words if not word[0].islower()] == []


def test_every_outcome_in_the_journal_has_words() -> None:
    """Errors of this machine, what intentions end with, and what the person answered a site."""
    outcomes = {error.name for error in ERRORS if error.code < 5000} | {"allowed"}
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "ended" and node.args:
                outcomes.update(strings_in(node.args[0]))
    assert {"signed", "chosen"} < outcomes
    worded = {key for key in messages("en", "commands") if key.startswith("journal.outcome.")}
    assert worded == {f"journal.outcome.{name}" for name in outcomes}


def test_russian_wordings_are_russian() -> None:
    """At least one Cyrillic letter in each, but for those that are only placeholders and signs."""
    for domain in DOMAINS:
        for key, message in messages("ru", domain).items():
            for form in wordings(message):
                bare = re.sub(r"\{[^}]*\}", "", form)
                assert not re.search("[A-Za-z]{4}", bare) or re.search("[А-Яа-яё]", bare), key


@pytest.mark.parametrize(
    ("environment", "setting", "language"),
    [
        ({}, "", "en"),
        ({"LANG": "ru_RU.UTF-8"}, "", "ru"),
        ({"LANG": "de_DE.UTF-8"}, "", "en"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "C"}, "", "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ru_RU.UTF-8"}, "", "ru"),
        ({"LANG": "ru_RU.UTF-8"}, "en", "en"),
        ({"LANG": "en_US.UTF-8"}, "ru", "ru"),
    ],
)
def test_the_language_is_the_setting_then_the_locale(environment: dict[str, str], setting: str, language: str) -> None:
    assert language_of(environment, setting) == language


@pytest.mark.parametrize(
    ("number", "russian"),
    [
        (1, "Осталась 1 попытка."),
        (2, "Осталось 2 попытки."),
        (5, "Осталось 5 попыток."),
        (11, "Осталось 11 попыток."),
        (21, "Осталась 21 попытка."),
    ],
)
def test_numbers_take_the_form_that_the_language_wants(number: int, russian: str) -> None:
    assert plural("asking.tries_left", number, "ru") == russian


def test_a_fact_that_is_missing_leaves_a_mark_and_no_error() -> None:
    assert "?" in text("error.file_unreadable.text", "en")
