"""`pero diagnose` about certificates, time, proxies and portals: an authority, time servers and sites on loopback are
broken one after another, told in both languages, mended, and found well again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agent.config import Portal
from tests.harness.authority_server import AuthorityServer
from tests.harness.command_line import CommandLine
from tests.harness.keyfiles import PASSPHRASE
from tests.harness.sites import answering, listening
from tests.harness.time_server import time_server

AREAS = ("certificates", "time", "network", "portals")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def cases(pero: CommandLine) -> dict[str, str]:
    """The case of each check that these areas tell, of the last finding where there are several."""
    arguments = [part for area in AREAS for part in ("--area", area)]
    return {row["id"]: row["case"] for row in pero.run("diagnose", "--json", *arguments).json["findings"]}


def lines(pero: CommandLine, language: str) -> str:
    arguments = [part for area in AREAS for part in ("--area", area)]
    return pero.run("diagnose", *arguments, language=language).output


def test_what_is_around_a_certificate_is_broken_told_mended_and_found_well(tmp_path: Path, stack: ExitStack) -> None:
    for name in ("authority", "person"):
        (tmp_path / name).mkdir()
    server = stack.enter_context(AuthorityServer(tmp_path / "authority", "ec"))
    pero = stack.enter_context(CommandLine(tmp_path / "person"))
    clocks = tuple(stack.enter_context(time_server(0.0)) for _ in range(3))
    site = f"http://127.0.0.1:{stack.enter_context(listening(answering()))}/"
    broken = f"http://127.0.0.1:{stack.enter_context(listening(answering(503)))}/"

    def settings(*portals: str, **more: Any) -> None:
        named = tuple(Portal(url, "Портал") for url in portals)
        rules: dict[str, Any] = {"certificate_networks": ("127.0.0.0/8",), "clock_hosts": clocks, "expiry_days": 10}
        pero.settings(**rules | {"portals": named, "clock_pages": (site,)} | more)

    settings(site)
    signer = server.authority.signer()
    path = server.authority.key_file(signer, PASSPHRASE)
    assert pero.run("keyfile", "add", path, pin=PASSPHRASE).status == 0
    pero.environment["SSL_CERT_FILE"] = str(server.authority.root.certificate)
    well = {
        "certificates.usable": "valid", "certificates.chain": "complete", "certificates.revocation": "good",
        "time.clock": "right", "network.connection": "leads_out", "network.port80": "open", "network.proxy": "none",
        "portals.reach": "answers",
    }  # fmt: skip
    assert cases(pero).items() >= well.items()

    server.ways |= {"/ocsp/issuing": "status_503", "/list/issuing": "hang_up"}
    del pero.environment["SSL_CERT_FILE"]
    settings(site, broken, expiry_days=40, clock_hosts=())
    found = cases(pero)
    assert found.items() >= {
        "certificates.usable": "ends_soon", "certificates.chain": "root_unknown",
        "certificates.revocation": "all_silent", "time.clock": "one_source", "portals.reach": "outage",
    }.items()  # fmt: skip
    assert "Портал не работает: отвечает ошибкой 503" in lines(pero, "ru_RU")
    assert "Портал is out of order: it answers with error 503" in lines(pero, "en_US")

    server.ways.clear()
    settings(site, proxy="http://127.0.0.1:1")
    found = cases(pero)
    wrong = found["network.proxy"], found["network.connection"], found["portals.reach"]
    assert wrong == ("silent", "proxy", "skipped")
    assert found["certificates.revocation"] == "all_silent", "authorities are asked through the proxy too"

    pero.environment["SSL_CERT_FILE"] = str(server.authority.root.certificate)
    settings(site)
    assert cases(pero).items() >= well.items()

    server.authority.revoke(signer)
    assert cases(pero)["certificates.revocation"] == "revoked"
