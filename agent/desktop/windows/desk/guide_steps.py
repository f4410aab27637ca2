"""Steps of the guide: what a step is, the greeting with its two settings, this computer, and where to go from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk.doctor_link import DoctorLink
from agent.desktop.windows.desk.flow import Flow
from agent.desktop.windows.desk.setting_rows import SettingRow
from agent.desktop.windows.doctor_panel import DoctorPanel

if TYPE_CHECKING:
    from agent.desktop.windows.desk.guide import Content

SETTINGS = ("language", "autostart")
PAGES = ("sign", "certificates", "diagnosis", "settings")  # where one can go from the last step


class Step(QWidget):
    """`name`: its title is the key `guide.step.NAME`, what it is about `guide.about.NAME`."""

    name: ClassVar[str]

    def __init__(self, page: Content) -> None:
        super().__init__()
        self.page = page
        self.wording = page.wording
        self.client = page.client
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(style.GAP)
        self.body.addWidget(widgets.label(self.wording(f"guide.about.{self.name}")))

    def entered(self) -> None:
        """The person sees it: look at what it is about."""

    def left(self) -> None:
        """The person sees it no more: wait for nothing."""


class Greeting(Step):
    name = "greeting"

    def __init__(self, page: Content) -> None:
        super().__init__(page)
        self._rows: dict[str, SettingRow] = {}
        self._place = QVBoxLayout()
        self._place.setSpacing(style.GAP)
        self.body.addLayout(self._place)
        self.body.addWidget(widgets.label(self.wording("guide.come_back")))
        self.body.addStretch(1)

    def entered(self) -> None:
        self.client.call("list_settings", {}, self._show, self.page.say_error, self)

    def _show(self, result: dict[str, Any]) -> None:
        for setting in result["settings"]:
            name = setting["name"]
            if name in self._rows:
                self._rows[name].put(setting["value"])
            elif name in SETTINGS:
                self._rows[name] = row = SettingRow(setting, self.wording, self._changed)
                self._place.addWidget(row)

    def _changed(self, name: str, value: Any) -> None:
        self.page.banner.clear()

        def answered(_: dict[str, Any]) -> None:
            if name == "language":
                self.page.speak(str(value))
            else:
                title = self.wording(f"setting.{name}.title")
                self.page.banner.say("information", self.wording("settings.saved", setting=title))

        def failed(error: Any) -> None:
            self.page.say_error(error)
            self.entered()

        self.client.call("change_setting", {"name": name, "value": value}, answered, failed, self)


class Machine(Step):
    """The doctor's first look: readers, drivers, browsers, the agent itself, and the clock."""

    name = "machine"

    def __init__(self, page: Content) -> None:
        super().__init__(page)
        self.panel = DoctorPanel(self.wording, page.banner, "guide")
        self.body.addWidget(self.panel, 1)
        self._link = DoctorLink(self)
        self.panel.said.connect(self._link.say)
        self._link.told.connect(self.panel.take)
        self._link.ended.connect(self._ended)

    def entered(self) -> None:
        if not self._link.open:
            self.panel.examine()

    def left(self) -> None:
        """A look is broken off; a repair is ended by the doctor alone."""
        self._link.close()
        if self.panel.busy:
            self.panel.stopped()

    def _ended(self) -> None:
        if not self.panel.busy:
            self.panel.forget()
        else:
            self.panel.stopped()
            self.page.banner.say("error", self.wording("doctor.broke"))


class Ready(Step):
    name = "ready"

    def __init__(self, page: Content) -> None:
        super().__init__(page)
        buttons = []
        for name in PAGES:
            button = QPushButton(self.wording(f"desk.page.{name}"))
            button.clicked.connect(lambda _=False, name=name: page.open_page(name))
            buttons.append(button)
        self.body.addLayout(Flow(*buttons))
        self.body.addStretch(1)
