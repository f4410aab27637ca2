"""The demo page in a real browser, as somebody has it who watches and clicks: buttons, words, downloads."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Error as PlaywrightError
from websockets.exceptions import ConnectionClosed

from tests.harness import browsers

PATIENCE = 120.0  # seconds that the page, the browser and Pero have where no person is waited for
_CLOSED = (PlaywrightError, ConnectionClosed)


class DemoFailed(Exception):
    """Something did not go as it should; the message says what, for the person."""


class Result(NamedTuple):
    signature: bytes
    detached: bool


class DemoPage:
    """The page at this address, in a browser of its own; `close` ends both."""

    def __init__(self, family: str, environment: Mapping[str, str], url: str) -> None:
        self._downloads = Path(environment["HOME"]) / "Downloads"
        self._browser = browsers.start(family, environment, headless=False)
        try:
            self._page = self._browser.open(url)
            self._page.show()
        except BaseException:
            self._browser.close()
            raise

    def close(self) -> None:
        self._browser.close()

    @property
    def browser_name(self) -> str:
        return self._read("navigator.userAgent")

    @property
    def status(self) -> str:
        return self.text("status")

    def text(self, element: str) -> str:
        return self._read(f"document.getElementById('{element}').textContent")

    def press(self, button: str) -> None:
        """Press a button of the page once it can be pressed. Raises DemoFailed."""
        enabled = f"String(!document.getElementById('{button}').disabled)"
        wait(lambda: self._read(enabled) == "true", PATIENCE, "the page's buttons")
        self._read(f"document.getElementById('{button}').click()")

    def until_ready(self) -> None:
        """Wait until the page's call has ended. Raises DemoFailed with the page's own words where it failed."""
        wait(lambda: self._state() != "busy", PATIENCE, "the page's answer")
        if self._state() == "error":
            raise DemoFailed(f"The page says: {self.status}")

    def signature(self, seconds: float, say: Callable[[str], None] = lambda status: None) -> Result:
        """What the page received, as soon as it has it; `say` is told what the page says meanwhile.

        Raises DemoFailed, also where the browser is closed.
        """
        field = "document.getElementById('result').dataset.{} ?? ''"
        before = self.status

        def received() -> bool:
            nonlocal before
            if before != (before := self.status):
                say(before)
            return bool(self._read(field.format("signature")))

        wait(received, seconds, "a signature", pause=0.3)
        signature, detached = (self._read(field.format(name)) for name in ("signature", "detached"))
        return Result(base64.b64decode(signature), detached == "true")

    def download(self, link: str, target: Path) -> None:
        """Click one of the page's links and keep what the browser downloads. Raises DemoFailed."""
        if isinstance(self._browser, browsers.Chromium):
            page = self._page.page  # type: ignore[attr-defined]  # Playwright's page, used in its thread

            def fetch() -> None:
                with page.expect_download() as download:
                    page.click(f"#{link}")
                download.value.save_as(target)

            self._browser.run(fetch)
            return
        name = self._read(f"document.getElementById('{link}').download")
        self._read(f"document.getElementById('{link}').click()")
        file = self._downloads / name
        # Firefox makes the file empty first and renames the whole one over it.
        wait(lambda: file.is_file() and file.stat().st_size > 0, PATIENCE, f"the download of {name}")
        shutil.copyfile(file, target)

    def _state(self) -> str:
        return self._read("document.getElementById('status').dataset.state ?? 'busy'")

    def _read(self, expression: str) -> str:
        try:
            return str(self._page.evaluate(f"return {expression}"))
        except _CLOSED as error:
            raise DemoFailed("The browser was closed.") from error


def wait(look: Callable[[], bool], seconds: float, what: str, *, pause: float = 0.1) -> None:
    """Wait for something that sends no event. Raises DemoFailed."""
    end = time.monotonic() + seconds
    while not look():
        if time.monotonic() > end:
            raise DemoFailed(f"Waited {seconds:.0f} seconds in vain for {what}.")
        time.sleep(pause)
