"""The services of an `Authority` on loopback, right or wrong as they are told.

    with AuthorityServer(folder, "rsa") as server:
        server.stamping()                         # settings of its time-stamp authority
        server.stamping("wrong_nonce")            # one that answers wrongly in this way
        server.ways["/ocsp/issuing"] = "html"     # from now on
        server.asked                              # what came in: method, path, headers, body

Ways of any service: right, slow, hang_up, html, huge, endless, damaged, status_503, elsewhere, to_file, unauthorized.
Ways of the time-stamp authority: STAMPING. It is a proxy too, for addresses of http.
"""

from __future__ import annotations

import base64
import contextlib
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from asn1crypto import tsp, x509

from agent.config import TimestampAuthority
from tests.harness.authority import Authority, Holder

LOGIN = ("тест", "секрет:1")
PATIENCE = 30.0  # seconds for which a slow service says nothing
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_STAMPING = "extendedKeyUsage=critical,timeStamping\n"
_TYPES = {"tsa": "application/timestamp-reply", "ocsp": "application/ocsp-response"}


class Asked(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


class AuthorityServer:
    """See the module's docstring."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.ways: dict[str, str] = {}
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.authority = Authority(folder, kind, self.url)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @contextlib.contextmanager
    def secure(self) -> Iterator[str]:
        """The same services over https, with a certificate of the authority's; their address."""
        extensions = "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"
        holder = self.authority.make("https", self.authority.root, extensions)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(holder.certificate, holder.key)
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stamping(self, way: str = "right", **more: Any) -> TimestampAuthority:
        """One that always answers in this way."""
        return TimestampAuthority(url=f"{self.url}/tsa/{way}", name=more.pop("name", way), **more)

    def answer(self, asked: Asked, way: str) -> bytes:
        """The right service's answer, or one that is wrong in content."""
        _, service, name = asked.path.split("/", 2)
        authority = self.authority
        if service == "tsa":
            return STAMPING[way](authority, asked.body)
        issuer: Holder = {"root": authority.root, "issuing": authority.issuing}[name.split("/")[0]]
        if service == "ocsp":
            return OCSP[way](authority, asked.body, issuer)
        if service == "list":
            return LISTS[way](authority, issuer)
        return issuer.der


# Time-stamp authorities


def _changed(change: Callable[[Any], None]) -> Callable[[Authority, bytes], bytes]:
    """Stamps another request than it was sent."""

    def stamp(authority: Authority, query: bytes) -> bytes:
        request = tsp.TimeStampReq.load(query)
        change(request)
        return authority.stamp(request.dump(force=True))

    return stamp


def _other_imprint(request: Any) -> None:
    octets = request["message_imprint"]["hashed_message"].native
    request["message_imprint"]["hashed_message"] = octets[:-1] + bytes((octets[-1] ^ 1,))


def _other_nonce(request: Any) -> None:
    request["nonce"] = request["nonce"].native ^ 1


def _no_policy(request: Any) -> None:
    del request["req_policy"]


def _no_nonce(request: Any) -> None:
    del request["nonce"]


def _no_certificate(request: Any) -> None:
    request["cert_req"] = False


def _flipped(authority: Authority, query: bytes) -> bytes:
    """The last octet is of the signature's value."""
    response = authority.stamp(query)
    return response[:-1] + bytes((response[-1] ^ 1,))


def _signed_by(name: str, purpose: str, *more: str) -> Callable[[Authority, bytes], bytes]:
    """A right TSTInfo, signed with a certificate that is not for it, or without naming the certificate."""

    def stamp(authority: Authority, query: bytes) -> bytes:
        response = tsp.TimeStampResp.load(authority.stamp(query))
        content = response["time_stamp_token"]["content"]["encap_content_info"]["content"].contents
        holder = authority.stamper(name, purpose)
        status = response["status"].dump()
        signed = authority.sign_content(content, _TST_INFO, holder, *more)
        return b"\x30\x82" + (len(status) + len(signed)).to_bytes(2, "big") + status + signed

    return stamp


def _other_certificate(authority: Authority, query: bytes) -> bytes:
    """In place of the signer's certificate one of the same key, issuer and number that the signer did not mean."""
    response = tsp.TimeStampResp.load(authority.stamp(query))
    twin = authority.twin(authority.stamping)
    data = response["time_stamp_token"]["content"]
    data["certificates"] = [x509.Certificate.load(twin.der)]
    response["time_stamp_token"] = {"content_type": "signed_data", "content": data}
    encoded: bytes = response.dump()
    return encoded


def _rejecting(authority: Authority, query: bytes) -> bytes:
    """openssl's own refusal of a digest that it does not do."""
    request = tsp.TimeStampReq.load(query)
    request["message_imprint"]["hash_algorithm"] = {"algorithm": "sha1"}
    request["message_imprint"]["hashed_message"] = bytes(20)
    return authority.stamp(request.dump(force=True))


def _expired(authority: Authority, query: bytes) -> bytes:
    return authority.stamp(query, authority.stamper("expired", days=-1))


STAMPING: dict[str, Callable[[Authority, bytes], bytes]] = {
    "right": lambda authority, query: authority.stamp(query),
    "wrong_imprint": _changed(_other_imprint),
    "wrong_nonce": _changed(_other_nonce),
    "no_nonce": _changed(_no_nonce),
    "no_certificate": _changed(_no_certificate),
    "bad_signature": _flipped,
    "no_purpose": _signed_by("no-purpose", "", "-cades"),
    "other_purpose": _signed_by("other-purpose", "extendedKeyUsage=critical,clientAuth\n", "-cades"),
    "two_purposes": _signed_by("two-purposes", "extendedKeyUsage=critical,timeStamping,clientAuth\n", "-cades"),
    "not_critical": _signed_by("not-critical", "extendedKeyUsage=timeStamping\n", "-cades"),
    "unnamed_certificate": _signed_by("unnamed", _STAMPING),
    "other_certificate": _other_certificate,
    "expired": _expired,
    "other_policy": _changed(_no_policy),
    "rejecting": _rejecting,
}

# OCSP responders


def _unnamed_responder(authority: Authority, query: bytes, issuer: Holder) -> bytes:
    return authority.answer_ocsp(query, issuer, authority.signer("not-a-responder"))


def _foreign_responder(authority: Authority, query: bytes, issuer: Holder) -> bytes:
    purpose = "extendedKeyUsage=OCSPSigning\nnoCheck=ignored\n"
    return authority.answer_ocsp(query, issuer, authority.make("foreign-responder", authority.root, purpose))


def _listed_responder(authority: Authority, query: bytes, issuer: Holder) -> bytes:
    """One whose own certificate may be revoked."""
    purpose = "extendedKeyUsage=OCSPSigning\n" + authority.places("issuing", ocsp=False)
    return authority.answer_ocsp(query, issuer, authority.make("listed-responder", authority.issuing, purpose))


def _flipped_answer(authority: Authority, query: bytes, issuer: Holder) -> bytes:
    answer = authority.answer_ocsp(query, issuer, issuer, "-resp_no_certs", "-ndays", "1")
    return answer[:-1] + bytes((answer[-1] ^ 1,))


def _without_nonce(authority: Authority, query: bytes, issuer: Holder) -> bytes:
    from asn1crypto import ocsp

    request = ocsp.OCSPRequest.load(query)
    del request["tbs_request"]["request_extensions"]
    return authority.answer_ocsp(request.dump(force=True), issuer)


def _other_ocsp_nonce(authority: Authority, query: bytes, issuer: Holder) -> bytes:
    at = query.index(b"\x2b\x06\x01\x05\x05\x07\x30\x01\x02") + 14
    return authority.answer_ocsp(query[:at] + bytes((query[at] ^ 1,)) + query[at + 1 :], issuer)


def _about_another(authority: Authority, _: bytes, issuer: Holder) -> bytes:
    """A right answer, about another certificate of the issuer's."""
    asked = authority.folder / "about-another.query"
    authority.run(
        "ocsp", "-issuer", issuer.certificate, "-cert", authority.stamping.certificate, "-no_nonce", "-reqout", asked
    )
    return authority.answer_ocsp(asked.read_bytes(), issuer)


OCSP: dict[str, Callable[[Authority, bytes, Holder], bytes]] = {
    "right": lambda authority, query, issuer: authority.answer_ocsp(query, issuer),
    "by_issuer": lambda authority, query, issuer: authority.answer_ocsp(query, issuer, issuer),
    "by_key": lambda authority, query, issuer: authority.answer_ocsp(
        query, issuer, None, "-resp_key_id", "-ndays", "1"
    ),
    "without_nonce": _without_nonce,
    "wrong_nonce": _other_ocsp_nonce,
    "about_another": _about_another,
    "bad_signature": _flipped_answer,
    "not_a_responder": _unnamed_responder,
    "foreign_responder": _foreign_responder,
    "listed_responder": _listed_responder,
    "rejecting": lambda *_: b"\x30\x03\x0a\x01\x03",  # tryLater (RFC 6960 section 4.2.1)
}

# Revocation lists

_POINT = "issuingDistributionPoint=critical,@point\n[point]\n"
LISTS: dict[str, Callable[[Authority, Holder], bytes]] = {
    "right": lambda authority, issuer: authority.revocation_list(issuer),
    "old": lambda authority, issuer: authority.revocation_list(
        issuer, "", "-crl_lastupdate", "260101000000Z", "-crl_nextupdate", "260102000000Z"
    ),
    "other_issuer": lambda authority, issuer: authority.revocation_list(authority.root),
    "only_authorities": lambda authority, issuer: authority.revocation_list(issuer, _POINT + "onlyCA=TRUE\n"),
    "only_users": lambda authority, issuer: authority.revocation_list(issuer, _POINT + "onlyuser=TRUE\n"),
    "other_part": lambda authority, issuer: authority.revocation_list(
        issuer, _POINT + "fullname=URI:http://part.example/7.crl\n"
    ),
    "own_part": lambda authority, issuer: authority.revocation_list(
        issuer, _POINT + f"fullname=URI:{authority.url}/list/{issuer.name}\n"
    ),
    "some_reasons": lambda authority, issuer: authority.revocation_list(
        issuer, _POINT + "onlysomereasons=keyCompromise\n"
    ),
    "critical_stranger": lambda authority, issuer: authority.revocation_list(issuer, "1.2.3.4.5=critical,DER:0500\n"),
    "bad_signature": lambda authority, issuer: _flip(authority.revocation_list(issuer)),
}


def _flip(content: bytes) -> bytes:
    return content[:-1] + bytes((content[-1] ^ 1,))


# HTTP


def _handler(server: AuthorityServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_CONNECT(self) -> None:
            self._note(b"")
            self._reply(server.ways.get("CONNECT", 502), b"")

        def _serve(self) -> None:
            asked = self._note(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            wanted = server.ways.get("proxy")
            if self.path.startswith("http:") and wanted and self.headers.get("Proxy-Authorization") != wanted:
                self._reply(407, b"", ("Proxy-Authenticate", "Basic"))
                return
            path = urlsplit(self.path).path
            service = path.split("/")[1]
            way = path.split("/")[2] if service == "tsa" else server.ways.get(path, "right")
            done = _WAYS.get(way)
            if done is not None:
                done(self, server)
            elif way.startswith("status_"):
                self._reply(int(way.removeprefix("status_")), b"no")
            else:
                body = server.answer(asked._replace(path=path), way)
                self._reply(200, body, ("Content-Type", _TYPES.get(service, "application/octet-stream")))

        def _note(self, body: bytes) -> Asked:
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            server.asked.append(asked)
            return asked

        def _reply(self, status: int | str, body: bytes, *headers: tuple[str, str]) -> None:
            self.send_response(int(status))
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            return None

    return Handler


def _html(handler: Any, _: AuthorityServer) -> None:
    handler._reply(200, b"<html><body>Log in first</body></html>", ("Content-Type", "text/html; charset=utf-8"))


def _endless(handler: Any, server: AuthorityServer) -> None:
    """No length is said, and it does not end."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True
    try:
        while not server.closing.is_set():
            handler.wfile.write(bytes(1 << 16))
    except OSError:
        return


def _huge(handler: Any, _: AuthorityServer) -> None:
    """The length is said; nothing of it should be waited for."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(1 << 40))
    handler.end_headers()
    handler.close_connection = True


def _hang_up(handler: Any, _: AuthorityServer) -> None:
    handler.close_connection = True


def _slow(handler: Any, server: AuthorityServer) -> None:
    server.closing.wait(PATIENCE)
    handler.close_connection = True


def _unauthorized(handler: Any, server: AuthorityServer) -> None:
    """Wants LOGIN (RFC 7617, UTF-8)."""
    wanted = "Basic " + base64.b64encode(":".join(LOGIN).encode()).decode()
    if handler.headers.get("Authorization") == wanted:
        handler._reply(200, server.answer(server.asked[-1]._replace(path="/tsa/right"), "right"))
    else:
        handler._reply(401, b"", ("WWW-Authenticate", 'Basic realm="tsa", charset="UTF-8"'))


def _to(status: int, where: str) -> Callable[[Any, AuthorityServer], None]:
    def send(handler: Any, server: AuthorityServer) -> None:
        handler._reply(status, b"", ("Location", where.format(url=server.url, port=server.port)))

    return send


_WAYS: dict[str, Callable[[Any, AuthorityServer], None]] = {
    "html": _html,
    "html_as_reply": lambda handler, _: handler._reply(200, b"<html>", ("Content-Type", _TYPES["tsa"])),
    "damaged": lambda handler, _: handler._reply(200, b"\x30\x82\xff\xff\x30", ("Content-Type", _TYPES["tsa"])),
    "endless": _endless,
    "huge": _huge,
    "hang_up": _hang_up,
    "slow": _slow,
    "unauthorized": _unauthorized,
    "to_right": _to(307, "{url}/tsa/right"),
    "to_itself": _to(307, "{url}/tsa/to_itself"),
    "to_other_host": _to(307, "http://localhost:{port}/tsa/right"),
    "to_http": lambda handler, server: _to(307, server.url + "/tsa/right")(handler, server),
    "to_file": _to(307, "file:///etc/passwd"),
    "moved": _to(302, "{url}/tsa/right"),
    "to_second_loopback": _to(302, "http://127.0.0.2:{port}/list/issuing"),
    "list_moved": _to(302, "{url}/list/issuing/again"),
}


def paths(asked: list[Asked]) -> list[str]:
    """The services that were asked, in order."""
    return [re.sub(r"^http://[^/]*", "", one.path) for one in asked]
