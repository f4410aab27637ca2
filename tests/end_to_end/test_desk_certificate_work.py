"""A certificate's life on its page: asked for, installed, renamed, deleted; PINs changed; keys brought in (R14, R16).

Real windows and a real token; by keys, and by the screen reader for what is in Russian.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from agent.consent.origins import Origins
from tests.harness import gost_token, managed
from tests.harness.command_line import CommandLine
from tests.harness.display import Display
from tests.harness.gost_token import openssl_gost
from tests.harness.keyfiles import certificate_for, make_key_file, several_keys
from tests.harness.managed import Bench

_SHOWN = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "NO_AT_BRIDGE")
LONG = 60.0  # seconds, on a busy machine
TRIES = 10  # of the test's token
SITE = "https://site.example"


@pytest.fixture(scope="module")
def display() -> Iterator[Display]:
    with Display() as display:
        yield display


@pytest.fixture
def pero(tmp_path: Path, display: Display) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        line.environment |= {name: display.environment[name] for name in _SHOWN}
        yield line


def with_token(pero: CommandLine) -> Bench:
    """An empty token that makes GOST keys."""
    bench = managed.gost_bench(pero.folder)
    pero.environment |= bench.environment
    pero.settings(modules=(bench.module,))
    return bench


@contextlib.contextmanager
def page(pero: CommandLine, display: Display) -> Iterator[None]:
    with pero.agent():
        opened = pero.run("desk", "certificates")
        assert opened.status == 0, opened.complaint
        display.wait_for_window("Certificates", deadline=LONG)
        yield


def says(display: Display, words: str) -> None:
    display.until(lambda: any(words in (node["name"] or "") for node in display.accessible.tree()), words, LONG)


def press(display: Display, button: str, *keys: str, window: str = "Certificates") -> None:
    """The keys of a button, once it can be pressed and its window is in front."""
    display.wait_for_accessible(button, role="push button", state="enabled", deadline=LONG)
    display.wait_for_window(window, deadline=LONG)
    display.press(*keys)


def answer(display: Display, button: str, *secrets: str) -> None:
    """The agent's own window, told by its button: secrets with Tab between them, then Enter."""
    display.wait_for_accessible(button, role="push button", deadline=LONG)
    display.wait_for_window("Pero", deadline=LONG)  # the newest
    display.until(lambda: _has_keyboard(display, "password text"), "a field for a secret", LONG)
    display.type_keys("\t".join(secrets))
    display.wait_for_accessible(button, role="push button", state="enabled", deadline=LONG)
    display.press("Return")


def _has_keyboard(display: Display, role: str) -> bool:
    nodes = display.accessible.find(role=role)
    return any("focused" in node["states"] and "read only" not in node["states"] for node in nodes)


def named(display: Display, title: str, path: Path) -> None:
    """In a dialog for files, by keys."""
    display.wait_for_window(title, deadline=LONG)
    display.type_keys(str(path))
    display.press("Return")


FORM = "Request a certificate"


def test_a_certificate_is_asked_for_in_russian_and_the_issued_one_installed(
    display: Display, pero: CommandLine
) -> None:
    """The token is pulled out while the form is filled, and comes back."""
    bench, request = with_token(pero), pero.folder / "request.p10"
    out = bench.folder.with_name(f".{bench.folder.name}")
    filled = {
        "Name of person or organisation": "Иванов Иван Иванович",
        "Region": "77 г. Москва",
        "Organisation": "ООО «Ромашка»",
        "OGRN, 13 digits": "1027700132195",
        "INN of a person, 12 digits": "500100732259",
    }
    with page(pero, display):
        press(display, "Request a certificate…", "alt+q")
        display.wait_for_window(FORM, deadline=LONG)
        says(display, "GOST R 34.10-2012 256, new")
        for name, words in filled.items():
            display.accessible.fill(name, words)
        bench.folder.rename(out)
        press(display, "Make the request", "Return", window=FORM)
        says(display, "not connected")
        out.rename(bench.folder)
        press(display, "Make the request", "Return", window=FORM)
        answer(display, "Make", bench.pin)
        answer(display, "Sign", bench.pin)
        says(display, "The request is ready")
        press(display, "Save…", "Return", window=FORM)
        named(display, "Save", request)
        says(display, "Written:")
        read = ("req", "-inform", "DER", "-in", request, "-noout")
        shown = openssl_gost(*read, "-verify", "-subject", "-nameopt", "utf8")
        assert b"verify OK" in shown.stdout + shown.stderr
        assert all(words in shown.stdout.decode() for words in filled.values())
        display.press("Escape")
        display.wait_for_no_window(FORM, deadline=LONG)
        public = openssl_gost(*read, "-pubkey").stdout
        issued = gost_token.issue(public, "Иванов Иван Иванович", gost_token.authority("gost256-A"))
        (pero.folder / "issued.cer").write_bytes(issued)
        press(display, "Install a certificate…", "alt+i")
        named(display, "Install a certificate", pero.folder / "issued.cer")
        answer(display, "Write", bench.pin)
        says(display, "The certificate was installed beside its key")
        says(display, "Иванов Иван Иванович")
    assert "Certificate Object" in "\n".join(bench.objects())


def test_a_certificate_is_renamed_and_deleted_by_keys_alone_and_enter_deletes_nothing(
    display: Display, pero: CommandLine
) -> None:
    token = gost_token.make_gost_token(pero.folder / "tokens", "p256", common_name="Test Signer")
    pero.use_gost_token(token)

    def objects() -> str:
        return token.pkcs11_tool(*token.logged_in, "--list-objects").stdout.decode()

    with page(pero, display):
        press(display, "Rename…", "alt+n")
        display.wait_for_window("Rename", deadline=LONG)
        display.type_keys("Work signature")
        display.press("Return")
        answer(display, "Rename", token.pin)
        says(display, "Renamed.")
        assert "Work signature" in objects()
        press(display, "Delete…", "alt+d")
        says(display, "Only a copy brings it back")
        display.wait_for_window("Delete", deadline=LONG)
        display.press("Return")  # goes back
        display.wait_for_no_window("Delete", deadline=LONG)
        press(display, "Delete…", "alt+d")
        says(display, "Only a copy brings it back")
        display.wait_for_window("Delete", deadline=LONG)
        display.press("Tab")
        display.wait_for_accessible("Delete", role="push button", state="focused", deadline=LONG)
        display.press("space")
        answer(display, "Delete for good", token.pin)
        says(display, "Deleted.")
    assert "Certificate Object" not in objects()
    assert "Private Key Object" in objects()


def test_a_pin_is_changed_and_one_that_is_locked_is_unblocked(display: Display, pero: CommandLine) -> None:
    bench = with_token(pero)
    with page(pero, display):
        press(display, "Change PIN", "alt+p")
        answer(display, "Change", bench.pin, "my-own-pin", "my-own-pin")
        says(display, "the new PIN or passphrase is in force")
        assert bench.takes("my-own-pin")
        for _ in range(TRIES):
            assert not bench.takes("wrong-pin")
        press(display, "Refresh", "alt+r")
        press(display, "Unblock PIN", "alt+u")
        answer(display, "Unlock", bench.so_pin, "another-9", "another-9")
        says(display, "The PIN is unblocked.")
    assert bench.takes("another-9")


def test_a_pfx_is_brought_onto_a_token_after_a_wrong_password_and_bad_ones_are_told(
    display: Display, pero: CommandLine
) -> None:
    bench = with_token(pero)
    given = make_key_file(pero.folder, "p256", passphrase="ascii-words", name="given.pfx")
    content = given.path.read_bytes()
    (pero.folder / "bad.pfx").write_bytes(content[: len(content) // 2])
    (pero.folder / "three.pfx").write_bytes(several_keys(pero.folder))
    with page(pero, display):
        for name, words in (("bad.pfx", "or it is damaged: bad.pfx"), ("three.pfx", "three.pfx holds several")):
            press(display, "Import a key…", "alt+m")
            named(display, "Import a key", pero.folder / name)
            answer(display, "Copy", "any", bench.pin)
            says(display, words)
            display.press("Escape")
            display.wait_for_no_window("Copy this key file", deadline=LONG)
            says(display, words)  # on the page
        assert not [line for line in bench.objects() if "Key" in line]
        press(display, "Import a key…", "alt+m")
        named(display, "Import a key", given.path)
        answer(display, "Copy", "wrong-words", bench.pin)
        says(display, "The passphrase is incorrect.")
        answer(display, "Copy", "ascii-words")
        says(display, "The key of given.pfx is on the token.")
    assert any("Private Key Object" in line for line in bench.objects())


def test_a_key_file_gets_its_new_certificate_and_is_offered_first_to_a_site(
    display: Display, pero: CommandLine
) -> None:
    """By keys alone. What is known of trust and revocation stands on the card."""
    made = make_key_file(pero.folder, "p256", passphrase="ascii-words")
    assert pero.run("keyfile", "add", made.path, pin="ascii-words").status == 0
    Origins(pero.places.origins).allow(SITE, datetime.now(UTC))
    root = pero.folder / "root.pem"
    root.write_bytes(made.identity.authority.public_bytes(Encoding.PEM))
    pero.environment["SSL_CERT_FILE"] = str(root)
    known = {made.identity.thumbprint: {"state": "good", "checked": "2026-11-20T10:00:00Z"}}
    pero.places.states.write_text(json.dumps(known))
    issued = certificate_for(made.identity.key.public_key(), "Renewed Signer", days=365)
    (pero.folder / "renewed.pem").write_bytes(issued.public_bytes(Encoding.PEM))
    with page(pero, display):
        says(display, "the chain leads to the trusted root “Test Root”")
        says(display, "not revoked as of 2026-11-20")
        press(display, "For a site…", "alt+s")
        display.wait_for_accessible(SITE, deadline=LONG)
        display.wait_for_window("For a site", deadline=LONG)
        display.press("Return")
        says(display, "this certificate is offered first")
        display.wait_for_window("Certificates", deadline=LONG)
        display.press("Tab")
        display.until(lambda: _has_keyboard(display, "table cell"), "the list", LONG)
        display.press("End")
        press(display, "Install a certificate…", "alt+i")
        named(display, "Install a certificate", pero.folder / "renewed.pem")
        answer(display, "Write", "ascii-words")
        says(display, "The certificate was installed beside its key")
        says(display, "Renewed Signer")
    owners = {one["owner"] for one in pero.run("keyfile", "list", "--json").json["certificates"]}
    assert owners == {"Test Signer", "Renewed Signer"}
    assert Origins(pero.places.origins).certificate(SITE) == made.identity.thumbprint
