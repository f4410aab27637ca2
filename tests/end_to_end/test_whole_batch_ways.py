"""A batch of more than one message holds, by every way to the agent and in both browsers; openssl judges (R6)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.end_to_end.test_whole_batch import begin, ended, signed
from tests.harness.browsers import Page
from tests.harness.whole import Desk

MEBIBYTES = 56  # in seven documents: more than the one message of a batch takes
LARGE = f"""Array.from({{ length: 7 }}, (_, n) => new File(
  [`text of ${{n}}\\n`, new Uint8Array({MEBIBYTES // 7} * 1024 * 1024 + n)], `act ${{n}}.bin`))"""
SMALL = "Array.from({ length: 5 }, (_, n) => ({ name: `act ${n}.txt`, content: `text of ${n}` }))"


@pytest.fixture(scope="module", params=["chromium", "firefox"])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("desk"), request.param) as desk:
        desk.add_token("rsa2048")
        desk.start_agent()
        desk.open_browser()
        yield desk


@pytest.fixture(params=["extension", "loopback"])
def page(desk: Desk, request: pytest.FixtureRequest) -> Iterator[Page]:
    page = desk.page(host="localhost" if request.param == "loopback" else "127.0.0.1")
    if request.param == "loopback":
        assert desk.port == 14741, "another Pero of this machine holds the first port"
        page.evaluate("pero.configure({ transports: ['loopback'] })")
    if page.evaluate("return (await pero.status()).state") == "not_allowed":
        desk.allow(page)
    yield page
    page.close()


def test_more_than_a_message_holds_is_handed_over_before(desk: Desk, page: Page) -> None:
    page.evaluate("window.told = []; window.onProgress = (progress) => told.push(progress);")
    begin(page, "{ http: true, onProgress }", documents=f"[...{LARGE}, ...{SMALL}]")
    desk.display.wait_for_window("Pero", deadline=120)
    assert page.evaluate("return told.at(-1)") == {
        "phase": "sending",
        **dict.fromkeys(("done", "size"), page.evaluate("return told.at(-1).size")),
    }
    desk.display.sign(desk.pin)
    how, found = ended(page)
    assert (how, signed(found)) == ("over", list(range(12)))
    for index in range(12):
        number = index % 7
        zeros = b"" if index >= 7 else b"\n" + bytes((MEBIBYTES // 7 << 20) + number)
        desk.openssl_accepts({"base64": found[index]["base64"]}, f"text of {number}".encode() + zeros)
