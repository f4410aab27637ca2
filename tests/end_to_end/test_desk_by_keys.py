"""Every page of Pero's window for who cannot see it or has no mouse: all has a name, Tab reaches it (R32, R36)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from agent.desktop.windows.desk.pages import PAGES
from agent.texts.catalogue import text
from tests.harness.command_line import CommandLine
from tests.harness.display import Display
from tests.harness.screenshots_desk import files_for, lived_in

_SHOWN = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "NO_AT_BRIDGE")
_DEADLINE = 60.0  # seconds
_MOST = 120  # presses of Tab in which the focus has gone round
# Of these, a person does something with each; where there is a row of them, Tab goes to one and arrows to the others.
_REACHED = {"push button", "check box", "text", "combo box", "spin button", "list", "table", "tree", "tree table"}
_BARE = {"frame", "filler", "table cell"}  # a cell may be empty
Chain = tuple[tuple[str, str, int], ...]


class World(NamedTuple):
    display: Display
    pero: CommandLine
    files: list[str]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A person's window, in Russian, with certificates, files and a history."""
    with Display() as display, CommandLine(tmp_path_factory.mktemp("keys")) as pero:
        pero.environment |= {name: display.environment[name] for name in _SHOWN} | {"LANG": "ru_RU.UTF-8"}
        files = lived_in(pero, "ru")
        with pero.agent():
            yield World(display, pero, files)


def opened(world: World, page: str) -> None:
    world.pero.run("desk", page, *files_for(page, world.files))
    world.display.wait_for_window(f"{text(f'desk.page.{page}', 'ru')} — Pero", deadline=_DEADLINE)


def usable(world: World) -> list[dict[str, Any]]:
    return [node for node in world.display.accessible.tree() if {"focusable", "enabled"} <= set(node["states"])]


def gone_round(display: Display) -> set[tuple[str, str]]:
    """Role and name of all to which Tab leads, and of all that these stand in."""
    met: set[tuple[str, str]] = set()
    places: list[Chain] = []
    display.accessible.focus_moves()
    while len(places) < _MOST:
        display.press("Tab")
        moves = display.until(display.accessible.focus_moves, f"the focus to go on from {places[-1:]}", _DEADLINE)
        chain = tuple(moves[-1])
        if chain in places:
            return met
        places.append(chain)
        met |= {(role, name) for role, name, _ in chain}
    raise AssertionError(f"Tab does not come round: {[chain[0] for chain in places[-5:]]}")


@pytest.mark.parametrize("page", PAGES)
def test_all_that_can_be_used_has_a_name_and_a_role_and_is_reached_by_tab(world: World, page: str) -> None:
    opened(world, page)
    display = world.display
    missed: set[tuple[str, str]] = set()

    def all_reached() -> bool:
        """Looked at again where the page was still being filled."""
        met = gone_round(display)
        missed.clear()
        missed.update({(node["role"], node["name"]) for node in usable(world) if node["role"] in _REACHED} - met)
        return not missed

    display.until(all_reached, f"Tab to lead to {missed}", _DEADLINE)
    nameless = [node for node in usable(world) if not node["name"] and node["role"] not in _BARE]
    assert [(node["role"], node["extents"]) for node in nameless] == []
    assert {node["role"] for node in usable(world)} & {"unknown", "invalid", ""} == set()


def test_an_error_on_a_page_is_announced(world: World) -> None:
    opened(world, "sites")
    display = world.display
    display.accessible.announcements()
    button = text("desk.sites.block_other", "ru").replace("&", "")
    display.click(button, deadline=_DEADLINE)
    display.wait_for_window(button.rstrip("…"), deadline=_DEADLINE)
    display.wait_for_accessible(text("desk.sites.block_which", "ru"), role="text", state="focused", deadline=_DEADLINE)
    display.press("ctrl+a")
    display.type_keys("no-site-at-all")
    display.press("Return")
    said: list[str] = []

    def heard() -> bool:
        said.extend(display.accessible.announcements())
        return any(node["name"] in said for node in display.accessible.tree() if node["name"])

    display.until(heard, "an error to be said aloud and shown", _DEADLINE)
