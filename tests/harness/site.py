"""Web sites for tests: pages that a test writes, beside the library and the demo page, over http or https.

    with Site({"/": PAGE}) as site:
        browser.open(site.url())                     # http://127.0.0.1:PORT/
        browser.open(site.url("/demo/"))             # the demo page
        browser.open(site.url(host="localhost"))     # another origin, same server

An https site (`Site(..., https=True)`) has a certificate that nobody trusts: the harness's browsers accept it. They
also lead every name under `test.` to this machine, so that `https://site.test:PORT` is a site like any other.
"""

from __future__ import annotations

import datetime
import ssl
import tempfile
import threading
from collections.abc import Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

EXTENSION = Path(__file__).resolve().parents[2] / "browser_extension"

PAGE = """<!doctype html><meta charset="utf-8"><title>Test page</title>
<script type="module">import * as pero from "/library/pero.js"; window.pero = pero;</script>"""


class Site:
    """See the module's docstring. `pages`: path to HTML."""

    def __init__(self, pages: Mapping[str, str] | None = None, *, https: bool = False) -> None:
        self.pages = dict(pages or {"/": PAGE})
        self.scheme = "https" if https else "http"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self.pages))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        if https:
            self._server.socket = _tls().wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Site:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def url(self, path: str = "/", *, host: str = "127.0.0.1") -> str:
        return self.origin(host=host) + path

    def origin(self, *, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}"


class _Handler(SimpleHTTPRequestHandler):
    """Pages first, then the extension's folder (library and demo)."""

    protocol_version = "HTTP/1.1"

    def __init__(self, pages: Mapping[str, str], *arguments: object, **more: object) -> None:
        self._pages = pages
        super().__init__(*arguments, directory=str(EXTENSION), **more)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        page = self._pages.get(self.path.partition("?")[0])
        if page is None:
            super().do_GET()
            return
        content = page.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _tls() -> ssl.SSLContext:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test site")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("*.test"), x509.DNSName("site.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(private + certificate.public_bytes(serialization.Encoding.PEM))
        file.flush()
        context.load_cert_chain(file.name)
    return context
