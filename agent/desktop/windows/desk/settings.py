"""The page of settings: each with what it means; those that the administrator decided are shown as locked."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk.page import Page, Place
from agent.desktop.windows.desk.setting_rows import SettingRow
from agent.errors import PeroError

GROUPS: dict[str, tuple[str, ...]] = {
    "general": ("language", "autostart", "expiry_days", "expiry_thresholds", "quiet_hours", "passphrase_days"),
    "tokens": ("modules",),
    "network": ("timestamp_authorities", "proxy", "certificate_networks", "upload_bytes"),
    "diagnosis": ("portals", "clock_hosts", "clock_pages"),
}
_REST = "more"  # what no group names


class Content(Page):
    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._speak = place.speak
        self._rows: dict[str, SettingRow] = {}
        self._modules: list[str] = []
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setAccessibleName(self.wording("desk.page.settings"))
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.body.addWidget(self._area, 1)
        self._anew = QPushButton(self.wording("settings.reset"))
        self._anew.clicked.connect(lambda: self._ask("reset_settings", {}))
        self._anew.hide()
        self.body.addWidget(self._anew)

    def shown(self) -> None:
        self.client.call("list_settings", {}, self._show, self.say_error, self)

    def say_error(self, error: PeroError) -> None:
        """What stands in the file is shown again; of a damaged file the way out."""
        self.banner.say("error", self._failure(error))
        self._anew.setVisible(error.name == "settings_damaged")
        if error.name != "settings_damaged":
            self.client.call("list_settings", {}, self._put, lambda _: None, self)

    def _failure(self, error: PeroError) -> str:
        facts = dict(error.facts)
        if "setting" in facts:
            name = facts["setting"]
            facts["setting"] = self.wording(f"setting.{name}.title")
            if error.name == "setting_invalid":  # its detail is for programs
                meaning = self.wording(f"setting.{name}.meaning")
                return self.wording("settings.invalid", setting=facts["setting"], meaning=meaning)
        return self.wording.error(error.name, facts)

    def _show(self, result: dict[str, Any]) -> None:
        self._anew.hide()
        settings = {setting["name"]: setting for setting in result["settings"]}
        self._modules = settings["modules"]["value"]
        known = {name for names in GROUPS.values() for name in names}
        groups = {**GROUPS, _REST: tuple(name for name in settings if name not in known)}
        position = self._area.verticalScrollBar().value()
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, style.GAP, 0)
        self._rows = {}
        for group, names in groups.items():
            present = [name for name in names if name in settings]
            if not present:
                continue
            heading = widgets.section(self.wording(f"settings.group.{group}"))
            style.set_font(heading, scale=1.15, bold=True)
            layout.addWidget(heading)
            for name in present:
                row = self._rows[name] = SettingRow(settings[name], self.wording, self._changed)
                layout.addWidget(row)
        guide = QPushButton(self.wording("guide.open"))
        guide.clicked.connect(lambda: self.open_page("guide"))
        layout.addWidget(guide, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addStretch(1)
        self._area.setWidget(content)
        self._area.verticalScrollBar().setValue(position)

    def _put(self, result: dict[str, Any]) -> None:
        """The values anew, in the rows that stand: the focus stays where it is."""
        for setting in result["settings"]:
            if setting["name"] == "modules":
                self._modules = setting["value"]
            if setting["name"] in self._rows:
                self._rows[setting["name"]].put(setting["value"])

    def _changed(self, name: str, value: Any) -> None:
        if name == "modules":
            self._change_modules(value)
        else:
            self._ask("change_setting", {"name": name, "value": value}, name, value)

    def _change_modules(self, value: list[str]) -> None:
        for path in value:
            if path not in self._modules:
                self._ask("add_module", {"path": path}, "modules")
        for path in self._modules:
            if path not in value:
                self._ask("forget_module", {"path": path}, "modules")

    def _ask(self, method: str, parameters: dict[str, Any], name: str = "", value: Any = None) -> None:
        self.banner.clear()

        def answered(result: dict[str, Any]) -> None:
            if name == "language":
                self._speak(str(value))
                return
            if result.get("error"):  # of a module that was added and cannot be loaded
                self.banner.say("warning", self.wording.error(result["error"], result["facts"]))
            elif name:
                title = self.wording(f"setting.{name}.title")
                self.banner.say("information", self.wording("settings.saved", setting=title))
            if self._rows:
                self.client.call("list_settings", {}, self._put, self.say_error, self)
            else:
                self.shown()

        self.client.call(method, parameters, answered, self.say_error, self)
