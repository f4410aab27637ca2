"""The certificates on offer, what the modules say that did not answer, and what to do where there are none."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QListWidget, QVBoxLayout, QWidget

from agent.consent.prompter import Offered, OfferedCertificate
from agent.desktop.windows import style, widgets
from agent.desktop.windows.certificates import CertificatePanel
from agent.desktop.windows.wording import Wording
from agent.texts.visible import visible


class OfferPanel(QWidget):
    """See CertificatePanel, whose list is at the top."""

    changed = Signal()
    entered = Signal()

    def __init__(self, offered: Offered, preferred: str | None, wording: Wording) -> None:
        super().__init__()
        self._wording = wording
        self._panel = CertificatePanel(offered.certificates, preferred, wording)
        self._none = widgets.Banner()
        self._faults = widgets.Banner()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.GAP)
        for widget in (self._panel, self._none, self._faults):
            layout.addWidget(widget)
        self._panel.changed.connect(self.changed)
        self._panel.entered.connect(self.entered)
        self._tell(offered)

    @property
    def list(self) -> QListWidget:
        return self._panel.list

    @property
    def current(self) -> OfferedCertificate | None:
        return self._panel.current

    @property
    def chosen(self) -> OfferedCertificate | None:
        return self._panel.chosen

    def take(self, offered: Offered) -> bool:
        """Others are on offer now; whether what is chosen changed."""
        self._tell(offered)
        return self._panel.replace(offered.certificates)

    def _tell(self, offered: Offered) -> None:
        usable = any(not certificate.problems for certificate in offered.certificates)
        words = "" if usable else self._wording("certificates.insert" if offered.insert_token else "certificates.none")
        self._none.say("information" if offered.insert_token else "warning", words)
        self._faults.say("warning", "\n".join(visible(fault) for fault in offered.faults))
        self._panel.setVisible(bool(offered.certificates))
