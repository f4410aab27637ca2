"""What is done with a token or a key file: PINs, keys brought in, certificates requested and installed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.api.certificate_files import MAX_CHAIN, fitting, read_certificates
from agent.desktop.windows.desk import asking
from agent.desktop.windows.desk.certificate_card import Action
from agent.desktop.windows.desk.request_form import RequestForm
from agent.errors import PassphraseIncorrect, PeroError, PinIncorrect
from agent.model import KEY_FILES
from agent.texts.visible import visible

if TYPE_CHECKING:
    from agent.desktop.windows.desk.certificates import Content

Row = dict[str, Any]
_KEYS = (".pfx", ".p12")
_CERTIFICATES = (".cer", ".crt", ".pem", ".p7b", ".der")


class TokenActions:
    def __init__(self, page: Content) -> None:
        self._page = page
        self._wording = page.wording

    def of(self, token: Row, *, key_file: bool) -> list[Action]:
        name = {part: token[part] for part in ("label", "serial", "module")}
        rows: list[tuple[str, Callable[[], None], bool]] = [
            ("change_passphrase" if key_file else "change_pin", lambda: self._pin("change_pin", name), True)
        ]
        if not key_file:
            locked, empty = token["pin_locked"], not token["pin_initialized"]
            rows += [
                ("unblock", lambda: self._pin("unblock", name), locked),
                ("set_pin", lambda: self._pin("set_pin", name), empty),
            ]
        rows += [("request", lambda: self._request(name), True), ("install", lambda: self._install(name), True)]
        if not key_file:
            rows.append(("import", lambda: self._import(name), True))
        return [Action(*row) for row in rows]

    def add_key_file(self, path: str = "") -> None:
        """Kept by Pero as a key file; so is a backup restored."""
        path = path or asking.open_name(self._page, self._title("add_key_file"), self._kinds("p12", "*.pfx *.p12"))
        if not path:
            return

        def failed(error: PeroError) -> None:
            wrong = isinstance(error, PinIncorrect)
            self._page.say_error(PassphraseIncorrect(file=Path(path).name) if wrong else error)

        self._page.banner.clear()
        words = self._wording("certs.key_file_added", file=visible(Path(path).name))
        self._page.client.call("add_key_file", {"path": path}, lambda _: self._page.done(words), failed, self._page)

    def take_file(self, path: str) -> None:
        if path.lower().endswith(_KEYS):
            self.add_key_file(path)
        elif path.lower().endswith(_CERTIFICATES):
            choice = self._page.list.choice
            if choice is None:
                self._page.banner.say("information", self._wording("certs.choose_place"))
                return
            token = choice.value if choice.kind == "token" else choice.value["token"]
            self._install({part: token[part] for part in ("label", "serial", "module")}, path)

    def _call(self, method: str, parameters: Row, answered: Callable[[Row], None]) -> None:
        self._page.banner.clear()
        self._page.client.call(method, parameters, answered, self._page.say_error, self._page)

    def _pin(self, what: str, token: Row) -> None:
        self._call(f"token_{what}", {"token": token}, lambda _: self._page.done(self._wording(f"certs.done.{what}")))

    def _import(self, token: Row) -> None:
        path = asking.open_name(self._page, self._title("import"), self._kinds("p12", "*.pfx *.p12"))
        if path:
            words = self._wording("certs.imported", file=visible(Path(path).name))
            self._call("token_import", {"token": token, "path": path}, lambda _: self._page.done(words))

    def _install(self, token: Row, path: str = "") -> None:
        patterns = " ".join(f"*{ending}" for ending in _CERTIFICATES)
        path = path or asking.open_name(self._page, self._title("install"), self._kinds("cer", patterns))
        if not path:
            return
        try:
            certificates = read_certificates(Path(path))
        except PeroError as error:
            self._page.say_error(error)
            return

        def write(result: Row) -> None:
            keys = {row["thumbprint"] for row in result["objects"] if row["kind"] == "key"}
            try:
                der = fitting(certificates, keys)
            except PeroError as error:
                self._page.say_error(error)
                return
            parameters = {"token": token, "certificate": base64.b64encode(der).decode("ascii")}
            if token["module"] == KEY_FILES:  # its issuers lie in the same file
                parameters["chain"] = [base64.b64encode(one).decode("ascii") for one in certificates[:MAX_CHAIN]]
            words = self._wording("certs.installed")
            self._call("token_write_certificate", parameters, lambda _: self._page.done(words))

        self._call("token_objects", {"token": token}, write)

    def _request(self, token: Row) -> None:
        form = RequestForm(self._page, self._page.client, self._wording, token)
        form.open()

    def _kinds(self, name: str, patterns: str) -> str:
        return f"{self._wording(f'certs.kind.{name}')} ({patterns})"

    def _title(self, name: str) -> str:
        return self._wording(f"certs.do.{name}").replace("&", "").rstrip("…")
