"""Real browsers with the extension in them, behind one small interface.

    environment = private_environment(folder)        # HOME, PERO_HOME and the rest of a person who has nothing yet
    set_up(environment)                              # `pero setup`, as that person
    with start("firefox", environment) as browser:
        page = browser.open("http://127.0.0.1:8000/")
        page.evaluate("return await pero.status()")  # the body of an async function; its value comes back as JSON
        page.close()

`FAMILIES` are "chromium" (Playwright's driver, Debian's Chromium) and "firefox" (WebDriver BiDi, Debian's Firefox ESR).
Both are usable from any thread and beside a running event loop. With a `DISPLAY` in the environment and
`headless=False` they appear there. As root Chromium's sandbox is off: profiles here are thrown away.
"""

from __future__ import annotations

import abc
import contextlib
import functools
import importlib.util
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import websockets.sync.client
from playwright.sync_api import BrowserContext, sync_playwright
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page as PlaywrightPage

from agent.cli.context import context_from
from native_host.manifests import CHROMIUM_EXTENSION, FIREFOX_EXTENSION

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = ("chromium", "firefox")
DEADLINE = 60.0  # seconds; only waited for where something is broken
PATIENCE = 10.0  # seconds; for a browser to end by itself
LARGEST = 256 << 20  # bytes of one BiDi message
Result = TypeVar("Result")

_CHROMIUM_ARGUMENTS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP *.test 127.0.0.1",
)  # fmt: skip
_FIREFOX_UUID = "5f1d0c2e-7a43-4a0e-9d0b-3c6e1f2a4b58"  # of the extension; otherwise a new one for each profile
_FIREFOX_PREFERENCES = {
    "network.dns.localDomains": "site.test,other.test",
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "remote.prefs.recommended": True,
    "extensions.webextensions.uuids": json.dumps({FIREFOX_EXTENSION: _FIREFOX_UUID}),
}
_WRAPPED = """(async () => {
  try {
    const value = await (async () => { %s })();
    return JSON.stringify({ value });
  } catch (error) {
    const fields = { ...error, name: error?.name, message: error?.message ?? String(error), stack: error?.stack };
    return JSON.stringify({ error: fields });
  }
})()"""


class JavaScriptError(AssertionError):
    """What was evaluated threw. `fields`: name, message, and what else the error carries (code, facts, ...)."""

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__(f"{fields.get('name')}: {fields.get('message')}\n{fields.get('stack', '')}")
        self.fields = fields


class Page(abc.ABC):
    """A tab."""

    def evaluate(self, body: str, *, seconds: float = DEADLINE) -> Any:
        """Run the body of an async function in the page; its JSON value, or JavaScriptError."""
        answer = json.loads(self._evaluate(_WRAPPED % body, seconds))
        if "error" in answer:
            raise JavaScriptError(answer["error"])
        return answer.get("value")

    def failure(self, body: str) -> dict[str, Any]:
        """The fields of the error that the body throws."""
        try:
            value = self.evaluate(body)
        except JavaScriptError as error:
            return error.fields
        raise AssertionError(f"no error, but {value!r}")

    @abc.abstractmethod
    def _evaluate(self, expression: str, seconds: float) -> str: ...

    @abc.abstractmethod
    def go(self, url: str) -> None:
        """Leave for another address, in the same tab; loaded."""

    @abc.abstractmethod
    def show(self) -> None:
        """Bring the tab to the front."""

    @abc.abstractmethod
    def close(self) -> None: ...


class Browser(abc.ABC):
    family: str

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abc.abstractmethod
    def open(self, url: str) -> Page:
        """A new tab, loaded."""

    @abc.abstractmethod
    def extension_url(self, path: str) -> str:
        """The address of a file of the extension."""

    @abc.abstractmethod
    def close(self) -> None:
        """End it as a person does. May be called twice, and after `kill`."""

    @abc.abstractmethod
    def kill(self) -> None:
        """End it at once, with all its processes."""


def start(
    family: str, environment: Mapping[str, str], *, headless: bool = True, extension: Path | None = None
) -> Browser:
    """A browser of this family with the extension (or another build of it) in a new profile under HOME."""
    kinds: dict[str, type[Chromium | Firefox]] = {"chromium": Chromium, "firefox": Firefox}
    return kinds[family](environment, headless=headless, extension=extension or built_extension(family))


def private_environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a person with an empty home below `folder`."""
    home, runtime = folder / "home", folder / "run"
    home.mkdir(parents=True, exist_ok=True)
    runtime.mkdir(mode=0o700, exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "DISPLAY", "XAUTHORITY") if name in os.environ}
    own = {"HOME": str(home), "PERO_HOME": str(folder / "pero"), "XDG_RUNTIME_DIR": str(runtime)}
    return kept | own | {"XDG_CONFIG_HOME": str(home / ".config")} | more


def profile_folder(environment: Mapping[str, str]) -> Path:
    """Chromium's --user-data-dir, which is also where it then looks for manifests; made where it is not there yet."""
    folder = Path(environment["HOME"]) / "chromium-profile"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def set_up(environment: Mapping[str, str], *arguments: str) -> None:
    """`pero setup` with this environment, for the harness's Chromium profile too."""
    from agent.cli.setup import command

    arguments = arguments or ("--profile", str(profile_folder(environment)))
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        code = command.main(["--json", *arguments], obj=context_from(environment), standalone_mode=False)
    assert code == 0, f"pero setup ended with {code}"


@functools.cache
def built_extension(family: str) -> Path:
    """The extension of this family, built once for each run of the tests."""
    out = Path(tempfile.mkdtemp(prefix="pero-extension-"))
    return build_extension(family, out)


def build_extension(family: str, out: Path) -> Path:
    specification = importlib.util.spec_from_file_location("extension_build", ROOT / "browser_extension" / "build.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    built: Path = module.build(family, out)
    return built


class Chromium(Browser):
    """Playwright's objects belong to one thread; every call is made in it."""

    family = "chromium"

    def __init__(self, environment: Mapping[str, str], *, headless: bool, extension: Path) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="chromium")
        self._profile = profile_folder(environment)
        self._ended = False
        arguments = [*_CHROMIUM_ARGUMENTS, f"--load-extension={extension}", f"--disable-extensions-except={extension}"]
        arguments += ["--no-sandbox"] if os.getuid() == 0 else []

        def launch() -> BrowserContext:
            self._playwright = sync_playwright().start()
            return self._playwright.chromium.launch_persistent_context(
                self._profile,
                executable_path=shutil.which("chromium"),
                headless=headless,
                env=dict(environment),
                args=arguments,
                ignore_https_errors=True,
            )

        self.context = self.run(launch)

    def run(self, action: Callable[[], Result], seconds: float = DEADLINE) -> Result:
        """Do something with Playwright's objects, in their thread."""
        return self._thread.submit(action).result(seconds)

    def open(self, url: str) -> Page:
        def navigate() -> PlaywrightPage:
            page = self.context.new_page()
            page.goto(url)
            return page

        return _ChromiumPage(self, self.run(navigate))

    def extension_url(self, path: str) -> str:
        return f"chrome-extension://{CHROMIUM_EXTENSION}/{path}"

    def stop_background(self) -> None:
        """End the extension's service worker as the browser does when it was idle for long."""

        def stop() -> None:
            page = self.context.new_page()
            page.goto(self.extension_url("manifest.json"))
            session = self.context.new_cdp_session(page)
            session.send("ServiceWorker.enable")
            session.send("ServiceWorker.stopAllWorkers")
            page.close()

        self.run(stop)

    def close(self) -> None:
        if self._ended:
            return
        self._ended = True
        try:
            with contextlib.suppress(PlaywrightError):  # it was killed
                self.run(self.context.close)
        finally:
            self.run(self._playwright.stop)
            self._thread.shutdown()

    def kill(self) -> None:
        for process in _processes_with(f"--user-data-dir={self._profile}"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


class _ChromiumPage(Page):
    def __init__(self, browser: Chromium, page: PlaywrightPage) -> None:
        self._browser = browser
        self.page = page

    def _evaluate(self, expression: str, seconds: float) -> str:
        return str(self._browser.run(lambda: self.page.evaluate(expression), seconds))

    def go(self, url: str) -> None:
        self._browser.run(lambda: self.page.goto(url))

    def show(self) -> None:
        self._browser.run(self.page.bring_to_front)

    def close(self) -> None:
        self._browser.run(self.page.close)


class Firefox(Browser):
    """WebDriver BiDi without geckodriver."""

    family = "firefox"

    def __init__(self, environment: Mapping[str, str], *, headless: bool, extension: Path) -> None:
        profile = Path(tempfile.mkdtemp(prefix="firefox-profile-", dir=environment["HOME"]))
        preferences = (f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in _FIREFOX_PREFERENCES.items())
        (profile / "user.js").write_text("".join(preferences), "utf-8")
        self.log: list[str] = []
        options = ["--headless"] if headless else []
        self._process = subprocess.Popen(
            [
                "firefox-esr",
                *options,
                "--no-remote",
                "--remote-allow-system-access",
                "--remote-debugging-port",
                "0",
                "--profile",
                str(profile),
            ],
            env=dict(environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._open = contextlib.ExitStack()
        try:
            opening = websockets.sync.client.connect(
                self._address() + "/session", max_size=LARGEST, open_timeout=DEADLINE, ping_interval=None
            )
            self._socket = self._open.enter_context(opening)
            self.send("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
            self.send("webExtension.install", extensionData={"type": "path", "path": str(extension)})
        except BaseException:
            self.kill()
            raise

    def _address(self) -> str:
        """Where it listens, out of what it says on stderr; the rest of that is read on into `log`."""
        found: list[str] = []
        ready = threading.Event()

        def read() -> None:
            assert self._process.stderr is not None
            with self._process.stderr as lines:
                for line in lines:
                    self.log.append(line)
                    if match := re.search(r"WebDriver BiDi listening on (ws://\S+)", line):
                        found.append(match[1])
                        ready.set()
            ready.set()

        self._reading = threading.Thread(target=read, daemon=True)
        self._reading.start()
        ready.wait(DEADLINE)
        assert found, "Firefox does not listen: " + "".join(self.log[-20:])
        return found[0]

    def send(self, method: str, *, seconds: float = DEADLINE, **parameters: Any) -> dict[str, Any]:
        """One command of WebDriver BiDi; its result. Events that come in between are dropped."""
        with self._lock:
            identifier = next(self._ids)
            self._socket.send(json.dumps({"id": identifier, "method": method, "params": parameters}))
            while True:
                answer = json.loads(self._socket.recv(timeout=seconds))
                if answer.get("id") == identifier:
                    break
        if answer["type"] == "error":
            raise AssertionError(f"{method}: {answer['error']}: {answer['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, url: str) -> Page:
        context = self.send("browsingContext.create", type="tab")["context"]
        page = _FirefoxPage(self, context)
        page.go(url)
        return page

    def extension_url(self, path: str) -> str:
        return f"moz-extension://{_FIREFOX_UUID}/{path}"

    def close(self) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(Exception):
                self.send("browser.close", seconds=PATIENCE)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(PATIENCE)
        self.kill()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._open.close()
        self._reading.join(DEADLINE)


class _FirefoxPage(Page):
    def __init__(self, browser: Firefox, context: str) -> None:
        self._browser = browser
        self.context = context

    def _evaluate(self, expression: str, seconds: float) -> str:
        answer = self._browser.send(
            "script.evaluate",
            expression=expression,
            target={"context": self.context},
            awaitPromise=True,
            userActivation=True,
            seconds=seconds,
        )
        assert answer["type"] == "success", answer
        return str(answer["result"]["value"])

    def go(self, url: str) -> None:
        self._browser.send("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def show(self) -> None:
        self._browser.send("browsingContext.activate", context=self.context)

    def close(self) -> None:
        self._browser.send("browsingContext.close", context=self.context)


def _processes_with(argument: str) -> Iterator[int]:
    """The processes that have this argument on their command line."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                if argument.encode() in (entry / "cmdline").read_bytes():  # Chromium joins its own by spaces
                    yield int(entry.name)
