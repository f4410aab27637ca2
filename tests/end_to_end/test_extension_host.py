"""What the extension says when the native host is missing, forbidden or dead, in the browsers' real words."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.config import Locations, locations
from tests.harness import browsers
from tests.harness.browsers import Page
from tests.harness.fake_agent import FakeAgent
from tests.harness.site import Site

EXITED = {  # what each browser says of a host that ended without a word
    # It depends on whether Chromium reads the end first, or still writes to the host that is gone.
    "chromium": ("Native host has exited.", "Error when communicating with the native messaging host."),
    "firefox": ("",),
}


class Person:
    """One person's browser, not set up yet."""

    def __init__(self, family: str, folder: Path) -> None:
        self.family = family
        self.environment = browsers.private_environment(folder)
        self.locations: Locations = locations(self.environment)

    @property
    def manifest(self) -> Path:
        if self.family == "chromium":
            return browsers.profile_folder(self.environment) / "NativeMessagingHosts" / "pero.agent.json"
        return Path(self.environment["HOME"]) / ".mozilla" / "native-messaging-hosts" / "pero.agent.json"


@pytest.fixture(scope="module", params=browsers.FAMILIES)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Person, browsers.Browser, Site]]:
    person = Person(request.param, tmp_path_factory.mktemp("person"))
    with Site() as site, browsers.start(person.family, person.environment) as browser:
        yield person, browser, site


@pytest.fixture
def person(shared: tuple[Person, browsers.Browser, Site]) -> Iterator[Person]:
    person = shared[0]
    browsers.set_up(person.environment)
    yield person
    browsers.set_up(person.environment, "--remove")


@pytest.fixture
def page(shared: tuple[Person, browsers.Browser, Site]) -> Iterator[Page]:
    _person, browser, site = shared
    page = browser.open(site.url())
    yield page
    page.close()


def test_without_a_manifest_the_host_is_missing(person: Person, page: Page) -> None:
    person.manifest.unlink()
    fields = page.failure("await pero.connect()")
    assert (fields["code"], fields["number"], fields["actor"]) == ("host_missing", 5002, "administrator")
    assert "pero setup" in fields["advice"]
    assert page.evaluate("return (await pero.status()).state") == "host_missing"


def test_a_manifest_for_another_extension_forbids_ours(person: Person, page: Page) -> None:
    manifest = json.loads(person.manifest.read_text("utf-8"))
    if person.family == "chromium":
        manifest["allowed_origins"] = [f"chrome-extension://{'a' * 32}/"]
    else:
        manifest["allowed_extensions"] = ["other@example"]
    person.manifest.write_text(json.dumps(manifest), "utf-8")
    # Firefox 153 tells a page's extension the same as for a missing host, and the difference only in its own log.
    expected = "host_forbidden" if person.family == "chromium" else "host_missing"
    assert page.failure("await pero.connect()")["code"] == expected


def test_a_host_that_crashes_at_once_has_exited(person: Person, page: Page) -> None:
    person.locations.host_launcher.write_text("#!/bin/sh\nkill -SEGV $$\n", "utf-8")
    fields = page.failure("await pero.connect()")
    assert (fields["code"], fields["number"], fields["retriable"]) == ("host_exited", 5004, True)
    assert list(fields["facts"]) == ["detail"]
    assert fields["facts"]["detail"] in EXITED[person.family]


def test_a_launcher_that_went_away_is_told(person: Person, page: Page) -> None:
    person.locations.host_launcher.unlink()
    assert page.failure("await pero.connect()")["code"] in ("host_missing", "host_exited")


def test_a_host_that_speaks_no_frames_is_told_and_the_next_call_starts_another(person: Person, page: Page) -> None:
    person.locations.host_launcher.write_text("#!/bin/sh\necho Traceback; exec cat >/dev/null\n", "utf-8")
    assert page.failure("await pero.connect()")["code"] == "host_exited"
    browsers.set_up(person.environment)
    with FakeAgent(person.locations):
        assert page.evaluate("return await pero.connect()")["allowed"] is True


def test_a_host_killed_in_mid_request_is_told_and_the_next_call_starts_another(person: Person, page: Page) -> None:
    with FakeAgent(person.locations) as agent:
        agent.hold("sign")
        page.evaluate('window.call = pero.sign({ name: "a", content: "a" }); call.catch(() => 0)')
        agent.wait_for("sign")
        for process in host_processes(person.locations):
            os.kill(process, signal.SIGKILL)
        assert page.failure("await call")["code"] == "host_exited"
        assert page.evaluate("return (await pero.status()).state") == "ready"


def test_without_an_agent_it_is_not_running_and_says_what_to_do(person: Person, page: Page) -> None:
    status = page.evaluate("const { state, transport, error } = await pero.status();"
                           "return { state, transport, advice: error.advice, text: error.message }")  # fmt: skip
    assert (status["state"], status["transport"]) == ("not_running", "extension")
    assert "pero run" in status["advice"]
    assert status["text"] != "not_running"


def test_a_socket_folder_that_others_can_enter_is_refused(person: Person, page: Page) -> None:
    with FakeAgent(person.locations):
        person.locations.runtime.chmod(0o755)
        try:
            fields = page.failure("await pero.connect()")
        finally:
            person.locations.runtime.chmod(0o700)
    assert fields["code"] == "state_unsafe"
    assert fields["facts"]["path"] == str(person.locations.runtime)


def test_once_mended_the_same_page_goes_on(person: Person, page: Page) -> None:
    person.manifest.unlink()
    assert page.evaluate("return (await pero.status()).state") == "host_missing"
    browsers.set_up(person.environment)
    assert page.evaluate("return (await pero.status()).state") == "not_running"
    with FakeAgent(person.locations):
        assert page.evaluate("return (await pero.status()).state") == "ready"


def host_processes(where: Locations) -> list[int]:
    """The native hosts that relay to this agent's socket."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"native_host" in command and os.fsencode(where.socket) in command:
                found.append(int(entry.name))
    assert found
    return found
