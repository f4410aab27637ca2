"""What is done with one certificate: tried, exported, renamed, backed up, set for a site, deleted."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agent.api.certificate_files import in_pem
from agent.desktop.windows.desk import asking
from agent.desktop.windows.desk.certificate_card import Action
from agent.desktop.windows.desk.certificate_state import revocation
from agent.errors import PeroError
from agent.texts.visible import visible

if TYPE_CHECKING:
    from agent.desktop.windows.desk.certificates import Content

Row = dict[str, Any]


class CertificateActions:
    def __init__(self, page: Content) -> None:
        self._page = page
        self._wording = page.wording

    def of(self, card: Row) -> list[Action]:
        rows: list[tuple[str, Callable[[Row], None], bool]] = [
            ("try", self._try, not card["problems"]),
            ("check", self._check, True),
            ("export", self._export, True),
            ("copy_thumbprint", lambda one: self._page.copy(one["thumbprint"]), True),
            ("rename", self._rename, True),
            ("site", self._site, not card["problems"]),
            ("delete", self._delete, True),
        ]
        if card["key_file"]:
            rows.insert(3, ("backup", self._backup, True))
        return [Action(name, lambda act=act: act(card), enabled) for name, act, enabled in rows]  # type: ignore[misc]

    def _call(self, method: str, parameters: Row, answered: Callable[[Row], None]) -> None:
        self._page.banner.clear()
        self._page.client.call(method, parameters, answered, self._page.say_error, self._page)

    def _find(self, card: Row, found: Callable[[Row], None]) -> None:
        """The certificate as its token names it now: by CKA_ID too."""

        def look(result: Row) -> None:
            rows = [one for one in result["objects"] if one["kind"] == "certificate"]
            row = next((one for one in rows if one["thumbprint"] == card["thumbprint"]), None)
            if row is None:  # it went meanwhile
                self._page.shown()
                return
            found({part: row[part] for part in ("kind", "id", "thumbprint")})

        self._call("token_objects", {"token": card["token"]}, look)

    def _try(self, card: Row) -> None:
        def tell(result: Row) -> None:
            if result["right"]:
                self._page.done(self._wording("certs.tried", token=visible(result["token"])))
            else:
                self._page.banner.say("error", self._wording("certs.tried_wrong"))

        self._call("try_signature", {"certificate": card["thumbprint"]}, tell)

    def _check(self, card: Row) -> None:
        """Those who revoke are asked over the network, by the agent; the window goes on."""

        def tell(state: Row) -> None:
            self._page.show_state(state, card["thumbprint"])
            is_bad = state["revocation"] == "revoked" or state["revoked_above"]
            words = revocation(card, state, self._wording)
            self._page.done(words, "error" if is_bad else "information")

        self._page.banner.say("information", self._wording("certs.checking"))
        parameters = {"certificate": card["thumbprint"], "ask": True}
        self._page.client.call("certificate_state", parameters, tell, self._page.say_error, self._page)

    def _export(self, card: Row) -> None:
        """The public part; the key stays where it is."""

        def write(result: Row) -> None:
            found = next((row for row in result["certificates"] if row["thumbprint"] == card["thumbprint"]), None)
            if found is None:
                self._page.shown()
                return
            kinds = f"{self._wording('certs.kind.cer')} (*.cer);;{self._wording('certs.kind.pem')} (*.pem)"
            target = asking.save_name(self._page, self._title("export"), _file_name(card["owner"], "cer"), kinds)
            if target:
                der = found["certificate"]
                pem = target.lower().endswith(".pem")
                self._write(target, in_pem(der, "CERTIFICATE") if pem else base64.b64decode(der))

        self._call("certificates", {}, write)

    def _write(self, target: str, content: bytes) -> None:
        try:
            asking.put(target, content)
        except PeroError as error:
            self._page.say_error(error)
        else:
            self._page.banner.say("information", self._wording("certs.written", path=visible(target)))

    def _rename(self, card: Row) -> None:
        title, question = self._title("rename"), self._wording("certs.new_name")
        label = asking.line(self._page, title, question)
        if not label:
            return

        def rename(name: Row) -> None:
            parameters = {"token": card["token"], "object": name, "label": label}
            self._call("token_rename", parameters, lambda _: self._page.done(self._wording("certs.renamed")))

        self._find(card, rename)

    def _site(self, card: Row) -> None:
        def ask(result: Row) -> None:
            sites = [site["origin"] for site in result["sites"] if site["allowed"]]
            if not sites:
                self._page.banner.say("information", self._wording("certs.no_sites"))
                return
            title, question = self._title("site"), self._wording("certs.which_site")
            number = asking.one_of(self._page, title, question, sites)
            if number is not None:
                set_for(sites[number])

        def set_for(origin: str) -> None:
            mine = origin in card["sites"]
            parameters = {"origin": origin, "certificate": "" if mine else card["thumbprint"]}
            words = self._wording("certs.site_taken_back" if mine else "certs.site_set", site=visible(origin))
            self._call("set_site_certificate", parameters, lambda _: self._page.done(words))

        self._call("list_sites", {}, ask)

    def _delete(self, card: Row) -> None:
        """The prompt window of the agent names what will be gone, and asks for the PIN."""

        def delete(name: Row) -> None:
            parameters = {"token": card["token"], "objects": [name]}
            self._call("token_delete", parameters, lambda _: self._page.done(self._wording("certs.deleted")))

        question = self._wording("certs.delete_sure", owner=visible(card["owner"]))
        if asking.sure(self._page, self._wording, self._title("delete"), question, self._wording("certs.delete_yes")):
            self._find(card, delete)

    def _backup(self, card: Row) -> None:
        target = asking.save_name(
            self._page,
            self._title("backup"),
            _file_name(card["owner"], "p12"),
            f"{self._wording('certs.kind.p12')} (*.p12)",
        )
        if not target:
            return
        reason = asking.line(self._page, self._title("backup"), self._wording("certs.backup_reason"))
        if reason is None:
            return
        parameters = {"thumbprint": card["thumbprint"], "path": target, "reason": reason}
        self._call(
            "backup_key_file", parameters, lambda result: self._write(target, base64.b64decode(result["content"]))
        )

    def _title(self, name: str) -> str:
        return self._wording(f"certs.do.{name}").replace("&", "").rstrip("…")


def _file_name(owner: str, ending: str) -> str:
    """A name that every file system takes."""
    name = re.sub(r"[^\w .-]", "", visible(owner)).strip(" .")[:60]
    return f"{name or 'certificate'}.{ending}"
