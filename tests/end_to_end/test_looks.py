"""Every window in both languages, on a usual screen and a small one at 200 %: nothing cut off, all of it translated."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from agent.desktop.windows.desk.pages import PAGES
from tests.harness.command_line import CommandLine
from tests.harness.display import Display
from tests.harness.screenshots import shows
from tests.harness.screenshots_desk import lived_in

Looks = dict[str, dict[str, list[str]]]
Look = Callable[[str, str, tuple[int, int], int], Looks]
LANGUAGES = ("ru", "en")
SCREENS = (((1366, 768), 1), ((1024, 600), 2))  # pixels, scale
KINDS = ("prompts", "desk")
_TIMEOUT = 300  # seconds for all the windows of one kind; on a quiet machine they take four

_RUSSIAN = re.compile("Макетова|Рутокен|Госуслуги|ФНС|ЕИС «Закупки»")  # names in what the doctor found
# What is written the same in every language: names, addresses, numbers, standards, and a language in itself.
_DATA = re.compile(
    r"(SHA-256(: )?)?[0-9a-f\s\u200b]*|https://[^ ]*|\S+\.(txt|p12|p7s|so)|Pero|English|Русский|US|RU|"
    r"• /\S+( \S+)*|Test (Root|Signer)|RSA 2048|P-256|CAdES B-T|Aktiv Rutoken ECP 00 00|USB token|text/plain"
)


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Look]:
    """All windows of a kind in a language on a screen, each combination looked at once."""
    folder = tmp_path_factory.mktemp("looks")
    with CommandLine(folder) as pero:
        lived_in(pero, "en")
        with pero.agent():

            @cache
            def look_at(kind: str, language: str, size: tuple[int, int], scale: int) -> Looks:
                return _looked(language, size, scale, pero, folder if kind == "desk" else None)

            yield look_at


def _looked(language: str, size: tuple[int, int], scale: int, pero: CommandLine, folder: Path | None) -> Looks:
    of_the_agent = [pero.places.socket, folder] if folder else []
    with Display(size=size, window_manager=False) as display:
        environment = display.environment | {"QT_SCALE_FACTOR": str(scale), "LANG": "C.UTF-8"}
        done = subprocess.run(
            [sys.executable, "-m", "tests.harness.looks_process", language, *map(str, of_the_agent)],
            env=environment, capture_output=True, text=True, timeout=_TIMEOUT, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: Looks = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("size", "scale"), SCREENS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_cut_off_or_out_of_reach(
    look: Look, kind: str, language: str, size: tuple[int, int], scale: int
) -> None:
    seen = look(kind, language, size, scale)
    assert {name: one["faults"] for name, one in seen.items() if one["faults"]} == {}


@pytest.mark.parametrize("kind", KINDS)
def test_every_window_was_looked_at(look: Look, kind: str) -> None:
    seen = look(kind, "ru", *SCREENS[0])
    wanted = set(PAGES) if kind == "desk" else {name for name, _ in shows("ru")}
    assert wanted <= set(seen)
    assert all(seen[name]["texts"] for name in wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_a_russian_window_says_nothing_in_english(look: Look, kind: str) -> None:
    seen = look(kind, "ru", *SCREENS[0])
    assert _strange(seen, re.compile("[A-Za-z]"), unless=re.compile("[А-яЁё]")) == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_english_window_says_nothing_in_russian(look: Look, kind: str) -> None:
    seen = look(kind, "en", *SCREENS[0])
    assert _strange(seen, re.compile("[А-яЁё]")) == []


def _strange(seen: Looks, letters: re.Pattern[str], unless: re.Pattern[str] | None = None) -> list[tuple[str, str]]:
    texts = [(name, text) for name, one in seen.items() for text in one["texts"]]
    return [
        (name, text)
        for name, text in texts
        if letters.search(_RUSSIAN.sub("", text)) and not (unless and unless.search(text)) and not _DATA.fullmatch(text)
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_a_key_that_has_no_wording(look: Look, language: str) -> None:
    key = re.compile(r"[a-z_]+(\.[a-z_0-9-]+)+")
    seen = [text for kind in KINDS for one in look(kind, language, *SCREENS[0]).values() for text in one["texts"]]
    assert [text for text in seen if key.fullmatch(text) and not _DATA.fullmatch(text)] == []


def test_the_toolkits_own_words_are_in_the_windows_language(look: Look) -> None:
    russian, english = (look("prompts", language, *SCREENS[0])["toolkit"]["texts"] for language in ("ru", "en"))
    assert {"Копировать", "Вставить", "январь"} <= {word.replace("Январь", "январь") for word in russian}
    assert {"Copy", "Paste", "January"} <= set(english)


def test_what_is_copied_has_no_invisible_marks(look: Look) -> None:
    assert look("prompts", "en", *SCREENS[0])["copied"]["texts"] == ["ab" * 32]
