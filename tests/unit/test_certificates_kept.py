"""Issuers that Pero keeps: part of the chain of a signature, and nothing that a damaged folder could break."""

from __future__ import annotations

from pathlib import Path

from agent.certificates.kept import MAX_FILE, MAX_FILES, kept_issuers
from agent.model import KEY_FILES, CertificateEntry, Listing, TokenState
from agent.signing.fitting import Candidate
from agent.signing.steps import chain_of
from tests.harness.authority import Authority


def test_a_kept_issuer_comes_into_the_chain_of_a_signature(tmp_path: Path) -> None:
    (tmp_path / "authority").mkdir()
    (tmp_path / "issuers").mkdir()
    authority = Authority(tmp_path / "authority", "ec", "http://issuer.test")
    signer = authority.signer()
    (tmp_path / "issuers" / "one.cer").write_bytes(authority.issuing.der)
    (tmp_path / "issuers" / "damaged.cer").write_bytes(b"\x30\x03abc")
    token = TokenState(label="", serial="", manufacturer="", model="", module=KEY_FILES)
    entry = CertificateEntry(signer.description.thumbprint, signer.der, token, has_key=True)
    listing = Listing((entry,), (token,), (), kept_issuers(tmp_path / "issuers"))
    chosen = Candidate(entry, signer.description, ())
    assert chain_of(chosen, listing) == (authority.issuing.der,)
    assert chain_of(chosen, Listing((entry,), (token,), ())) == ()


def test_what_is_too_many_or_too_large_is_not_read(tmp_path: Path) -> None:
    assert kept_issuers(tmp_path / "absent") == ()
    for number in range(MAX_FILES + 10):
        (tmp_path / f"{number:04}.cer").write_bytes(b"x")
    (tmp_path / "0000.cer").write_bytes(b"x" * (MAX_FILE + 1))
    (tmp_path / "0001.cer").unlink()
    (tmp_path / "0001.cer").symlink_to("/dev/zero")
    assert kept_issuers(tmp_path) == (b"x",) * (MAX_FILES - 2)
