"""The drawings of the pages are one set: each page has one, all are drawn alike, and they take the desktop's colour."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

import agent.desktop
from agent.desktop.windows.desk.pages import PAGES

FOLDER = Path(agent.desktop.__path__[0]) / "icons" / "pages"


def test_each_page_has_a_drawing_and_no_drawing_is_without_a_page() -> None:
    assert {drawing.stem for drawing in FOLDER.glob("*.svg")} == set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_a_drawing_has_the_lines_and_the_colour_of_all_the_others(page: str) -> None:
    drawing = etree.fromstring((FOLDER / f"{page}.svg").read_bytes())
    assert dict(drawing.attrib) == {
        "viewBox": "0 0 24 24",
        "fill": "none",
        "stroke": "currentColor",
        "stroke-width": "1.7",
        "stroke-linecap": "round",
        "stroke-linejoin": "round",
    }
    own = {attribute for part in drawing for attribute in part.attrib}
    assert own.isdisjoint({"fill", "stroke", "style", "class", "stroke-width"})
