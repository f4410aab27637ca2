"""What a page must not get from the extension, whatever it sends: both browsers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.end_to_end.conftest import World
from tests.harness import browsers
from tests.harness.browsers import Page
from tests.harness.site import PAGE, Site

FRAMES = '<!doctype html><iframe src="/"></iframe><iframe src="http://localhost:{port}/"></iframe>'

# A page that speaks for itself instead of through the library. raw(...texts) sends and returns what comes back.
RAW = """<!doctype html><script>
  const { port1, port2 } = new MessageChannel();
  window.answers = [];
  let told = () => {};
  port1.onmessage = (event) => { window.answers.push(event.data); told(); };
  window.postMessage("pero:connect:1", "/", [port2]);
  window.raw = (...messages) => messages.forEach((message) => port1.postMessage(message));
  window.until = async (part) => {
    while (!window.answers.some((answer) => answer.includes(part))) await new Promise((resolve) => (told = resolve));
    return window.answers.filter((answer) => answer.includes(part));
  };
</script>"""


@pytest.fixture
def raw(world: World) -> Iterator[Page]:
    world.site.pages["/raw"] = RAW
    page = world.open("/raw", host="localhost")
    yield page
    page.close()


def test_the_origin_is_the_browsers_word_though_the_page_says_another(world: World, raw: Page) -> None:
    lie = {"page": "p1", "origin": "https://bank.example", "top_frame": True}
    request = {"jsonrpc": "2.0", "id": 1, "method": "status", "params": {}, **lie}
    wrapped = {**lie, "message": {"jsonrpc": "2.0", "id": 2, "method": "connect"}, "id": 2, "method": "connect"}
    raw.evaluate(f"raw({json.dumps(json.dumps(request))}, {json.dumps(json.dumps(wrapped))}); await until('jsonrpc')")
    for method, sent in (("status", request), ("connect", wrapped)):
        envelope = world.agent.wait_for(method)
        assert envelope["origin"] == world.site.origin(host="localhost")
        assert envelope["message"] == sent


def test_an_https_site_is_named_with_its_port(world: World) -> None:
    with Site(https=True) as secure:
        page = world.browser.open(secure.url(host="site.test"))
        page.evaluate("await pero.status()")
        assert world.agent.wait_for("status")["origin"] == f"https://site.test:{secure.port}"
        page.close()


def test_a_plain_http_site_elsewhere_has_no_way_in(world: World) -> None:
    page = world.open(host="site.test")
    assert page.evaluate("return (await pero.status()).state") == "not_installed"
    page.close()


@pytest.mark.parametrize("frame", ["same origin", "another origin"])
def test_a_frame_inside_a_page_is_refused_and_the_agent_hears_nothing(world: World, frame: str) -> None:
    world.site.pages["/frames"] = FRAMES.format(port=world.site.port)
    page = world.open("/frames")
    if frame == "same origin":
        state = page.evaluate("return await frames[0].pero.status()")
    else:
        world.site.pages["/asking"] = PAGE.replace(
            "window.pero = pero;", "parent.postMessage(JSON.stringify(await pero.status()), '*');"
        )
        url = world.site.url("/asking", host="localhost")
        state = page.evaluate(
            f"""return JSON.parse(await new Promise((resolve) => {{
              addEventListener("message", (event) => typeof event.data === "string" && event.data !== "pero:connect:1"
                && resolve(event.data));
              document.querySelectorAll("iframe")[1].src = "{url}";
            }}))"""
        )
    assert state["state"] == "frame_refused"
    assert not world.agent.heard()
    page.close()


GARBAGE = [
    "",
    "{",
    "null",
    "[]",
    "[1,2]",
    '"text"',
    "1e999",
    '{"id": {"toString": 1}, "method": "status"}',
    '{"__proto__": {"method": "status"}, "id": 1}',
    '{"jsonrpc": "2.0", "id": "x", "method": ["status"]}',
    '{"chunk": {"id": "c1", "index": 5, "last": true, "data": "!"}}',
    '{"page": "p1", "closed": true}',
    "[" * 50_000,
    '{"id": 3, "method": "nothing", "filler": "' + "<" * 523_000 + '"}',
]


def test_garbage_from_one_page_leaves_the_others_alone(world: World, page: Page, raw: Page) -> None:
    world.agent.hold("sign")
    page.evaluate('window.call = pero.sign({ name: "a", content: "a" }); call.catch(() => 0)')
    world.agent.wait_for("sign")
    hosts = len(world.agent.arguments)
    last = json.dumps({"jsonrpc": "2.0", "id": "last", "method": "status", "params": {}})
    raw.evaluate(
        f"raw(...{json.dumps(GARBAGE)}, {{}}, new ArrayBuffer(9), 7, null, {json.dumps(last)}); await until('\"last\"')"
    )
    assert raw.evaluate("return (await until('no JSON')).length"), "what is no JSON is answered, not dropped"
    raw.evaluate("window.postMessage('pero:connect:1', '/'); window.postMessage({ pero: 1 }, '/')")
    world.agent.release("sign")
    assert page.evaluate("return (await call).detached") is True
    assert page.evaluate("return (await pero.status()).state") == "ready"
    assert len(world.agent.arguments) == hosts, "the native port was opened anew: garbage had broken it"


def test_a_page_that_replaced_everything_of_its_own_gets_no_further(world: World) -> None:
    """The content script must not run through functions that the page replaced."""
    world.site.pages["/poisoned"] = PAGE.replace(
        "<script",
        """<script>
          window.called = [];
          const spy = (name) => function () { window.called.push(name); return "spied"; };
          window.originals = { stringify: JSON.stringify, post: MessagePort.prototype.postMessage };
          JSON.parse = new Proxy(JSON.parse, {});
          Array.prototype[Symbol.iterator] = new Proxy(Array.prototype[Symbol.iterator], {});
          Object.defineProperty(Object.prototype, "origin", { get: spy("origin"), configurable: true });
          Object.defineProperty(MessageEvent.prototype, "source", { get: spy("source") });
          String.prototype.toString = spy("toString");
        </script><script""",
        1,
    )
    page = world.open("/poisoned")
    assert page.evaluate("return (await pero.status()).state") == "ready"
    assert world.agent.wait_for("status")["origin"] == world.site.origin()
    assert page.evaluate("return window.called") == []
    page.close()


def test_the_extension_itself_needs_no_more_than_native_messaging(world: World) -> None:
    built = browsers.built_extension(world.family)
    manifest = json.loads((built / "manifest.json").read_text("utf-8"))
    assert manifest["permissions"] == ["nativeMessaging"]
    assert "host_permissions" not in manifest
    assert not [path for path in built.rglob("*") if path.suffix == ".pem"]
