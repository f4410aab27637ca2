"""The check of our own signature before it leaves."""

from __future__ import annotations

import hashlib

import pytest

from agent.errors import SignatureWrong
from agent.verification.own import verify_own
from tests.harness.openssl import SIGNER, Infrastructure, cms_sign, sign

DOCUMENT = b"To be signed\n"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Infrastructure:
    return Infrastructure(tmp_path_factory.mktemp("pki"))


@pytest.mark.parametrize("attached", [True, False])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("key", ["rsa-2048", "p-256", "p-384", "p-521"])
def test_our_signatures_pass(pki: Infrastructure, key: str, digest: str, attached: bool) -> None:
    holder = pki.signer(key)
    signature = sign(holder, digest, DOCUMENT, attached=attached, chain=(pki.intermediate.der,))
    verify_own(signature, hashlib.new(digest, DOCUMENT).digest(), holder.description)


def test_another_document_another_certificate_and_other_content_do_not_pass(pki: Infrastructure) -> None:
    holder = pki.signer("p-256")
    right = hashlib.sha256(DOCUMENT).digest()
    wrong = hashlib.sha256(b"other").digest()
    signature = sign(holder, "sha256", DOCUMENT, attached=True)
    twin = pki.make("twin", "p-256", pki.intermediate, SIGNER)
    for given, digest, certificate in (
        (signature, wrong, holder.description),
        (signature, right[:-1], holder.description),
        (signature, right, twin.description),
        (signature.replace(DOCUMENT, DOCUMENT.upper()), right, holder.description),
        (signature.replace(DOCUMENT, DOCUMENT.upper()), hashlib.sha256(DOCUMENT.upper()).digest(), holder.description),
        (signature + b"\0", right, holder.description),
        (b"", right, holder.description),
    ):
        with pytest.raises(SignatureWrong) as caught:
            verify_own(given, digest, certificate, token="T")
        assert caught.value.facts == {"token": "T"}


@pytest.mark.parametrize("key", ["rsa-2048", "p-256"])
def test_a_flipped_bit_anywhere_does_not_pass(pki: Infrastructure, key: str) -> None:
    holder = pki.signer(key)
    digest = hashlib.sha256(DOCUMENT).digest()
    signature = sign(holder, "sha256", DOCUMENT, attached=True)
    passed = []
    for at in range(len(signature)):
        changed = bytearray(signature)
        changed[at] ^= 1 << (at % 8)
        try:
            verify_own(bytes(changed), digest, holder.description)
        except SignatureWrong:
            continue
        passed.append(at)
    assert passed == []


def test_a_signature_without_attributes_is_none_of_ours(
    pki: Infrastructure, tmp_path_factory: pytest.TempPathFactory
) -> None:
    holder = pki.signer("p-256")
    document = tmp_path_factory.mktemp("foreign") / "document"
    document.write_bytes(DOCUMENT)
    with pytest.raises(SignatureWrong):
        verify_own(cms_sign(holder, document, "-noattr"), hashlib.sha256(DOCUMENT).digest(), holder.description)
