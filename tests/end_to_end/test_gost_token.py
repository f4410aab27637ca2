"""The whole way of a signature with a GOST key on a token (R5, R11). The judge is openssl with its GOST engine."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.command_line import CommandLine
from tests.harness.gost_token import GostToken, make_gost_token, openssl_gost
from tests.harness.whole import Desk

CONTENT = "Договор № 1\n".encode()


def accepted(token: GostToken, signature: Path, content: Path | None) -> bytes:
    """What openssl says was signed; fails where it does not accept the signature as CAdES-BES."""
    given = ["-content", content] if content else []
    return openssl_gost(
        "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", signature,
        "-CAfile", token.authority.certificate, "-purpose", "any", *given,
    ).stdout  # fmt: skip


@pytest.fixture
def pero(tmp_path: Path) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        (tmp_path / "contract.txt").write_bytes(CONTENT)
        yield line


@pytest.mark.parametrize("key", ["gost256-A", "gost256-TCA", "gost512-A"])
def test_a_file_is_signed_with_a_token(pero: CommandLine, key: str) -> None:
    token = make_gost_token(pero.folder / "tokens", key)
    pero.use_gost_token(token)
    document, anchor = pero.folder / "contract.txt", token.authority.certificate

    assert pero.run("sign", "contract.txt", pin=token.pin).status == 0
    detached = pero.folder / "contract.txt.p7s"
    assert accepted(token, detached, document) == CONTENT
    assert pero.run("verify", detached, "--content", document, "--trust", anchor).status == 0

    assert pero.run("sign", "contract.txt", "--attached", pin=token.pin).status == 0
    assert accepted(token, pero.folder / "contract.txt.p7m", None) == CONTENT
    assert pero.holds(token.pin) == []


def test_a_token_with_another_order_of_octets_signs_well(pero: CommandLine) -> None:
    token = make_gost_token(pero.folder / "tokens", "gost512-B")
    token.set_options("signature-order = reversed")
    pero.use_gost_token(token)
    assert pero.run("sign", "contract.txt", pin=token.pin).status == 0
    assert accepted(token, pero.folder / "contract.txt.p7s", pero.folder / "contract.txt") == CONTENT


def test_a_token_that_signs_only_what_it_digested_itself_signs_well(pero: CommandLine) -> None:
    token = make_gost_token(pero.folder / "tokens", "gost512-B")
    token.set_options("without-mechanism = 0xD4321006", "digest-order = reversed")
    pero.use_gost_token(token)
    assert pero.run("sign", "contract.txt", pin=token.pin).status == 0
    assert accepted(token, pero.folder / "contract.txt.p7s", pero.folder / "contract.txt") == CONTENT


def test_a_signature_that_is_right_in_no_order_does_not_leave(pero: CommandLine) -> None:
    token = make_gost_token(pero.folder / "tokens")
    token.set_options("digest-order = swapped")
    pero.use_gost_token(token)
    ended = pero.run("sign", "contract.txt", "--json", pin=token.pin)
    assert (ended.status, ended.json["error"]["name"]) == (3, "signature_wrong")
    assert not list(pero.folder.glob("*.p7s"))


def test_a_page_gets_a_signature_by_a_token(tmp_path: Path) -> None:
    with Desk(tmp_path / "desk", "chromium") as desk:
        token = desk.add_gost_token()
        desk.start_agent()
        desk.open_browser()
        page = desk.page()
        desk.allow(page)
        answer = desk.sign(page, CONTENT.decode(), "договор.txt")
        assert "error" not in answer, answer
        (tmp_path / "signature").write_bytes(base64.b64decode(answer["base64"]))
        (tmp_path / "content").write_bytes(CONTENT)
        assert accepted(token, tmp_path / "signature", tmp_path / "content") == CONTENT
