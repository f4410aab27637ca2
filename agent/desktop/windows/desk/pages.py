"""PAGES: every page of Pero's window, one row each; a page is imported when it is first shown."""

from __future__ import annotations

import importlib

from agent.desktop.windows.desk.page import Page, Place

PAGES: dict[str, str] = {
    "certificates": "agent.desktop.windows.desk.certificates",
    "sign": "agent.desktop.windows.desk.sign",
    "verify": "agent.desktop.windows.desk.verify",
    "journal": "agent.desktop.windows.desk.journal",
    "diagnosis": "agent.desktop.windows.desk.diagnosis",
    "care": "agent.desktop.windows.desk.care",
    "sites": "agent.desktop.windows.desk.sites",
    "settings": "agent.desktop.windows.desk.settings",
    "guide": "agent.desktop.windows.desk.guide",
}


def make(name: str, place: Place) -> Page:
    """A page is the class called `Content` of its module."""
    made = importlib.import_module(PAGES[name]).Content(place)
    assert isinstance(made, Page)  # noqa: S101 - a test holds the table
    return made
