"""The forms of a signature. Judge: openssl reads and writes them."""

from __future__ import annotations

import base64
import textwrap

import pytest

from agent.cms.encodings import decoded, encoded
from tests.harness.openssl import openssl

DATA = openssl("cms", "-data_create", "-outform", "DER", data=b"x" * 1000).stdout  # a ContentInfo


def test_pem_is_what_openssl_writes_and_reads() -> None:
    text = openssl("cms", "-cmsout", "-inform", "DER", "-outform", "PEM", data=DATA).stdout
    assert encoded(DATA, "pem") == text
    assert openssl("cms", "-cmsout", "-inform", "PEM", "-outform", "DER", data=encoded(DATA, "pem")).stdout == DATA


@pytest.mark.parametrize("size", [0, 1, 47, 48, 49, 96, 1000])
def test_base64_with_and_without_lines(size: int) -> None:
    value = b"\x30" + bytes(size)
    assert encoded(value, "base64") == base64.b64encode(value)
    lines = "".join(f"{line}\n" for line in textwrap.wrap(base64.b64encode(value).decode(), 64))
    assert encoded(value, "base64_lines").decode() == lines
    assert encoded(value, "der") == value


@pytest.mark.parametrize("encoding", ["der", "pem", "base64", "base64_lines"])
def test_every_form_is_read_back(encoding: str) -> None:
    given = encoded(DATA, encoding)  # type: ignore[arg-type]
    assert decoded(given) == DATA
    if encoding != "der":
        assert decoded(given.replace(b"\n", b"\r\n")) == DATA


@pytest.mark.parametrize(
    "given", [b"", b"\x31\x00", b"-----BEGIN CMS-----\n", encoded(DATA, "pem") * 2, b"MAA=!", b"AAAA", b"\n \n"]
)
def test_what_is_none_of_them_is_refused(given: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decoded(given)
