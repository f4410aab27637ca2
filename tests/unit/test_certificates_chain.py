"""Issuers found among certificates that lie about."""

from __future__ import annotations

import itertools

import pytest

from agent.certificates.chain import chain_for, is_signed_by
from agent.errors import CertificateDamaged
from tests.harness.openssl import AUTHORITY, SIGNER, Infrastructure


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Infrastructure:
    return Infrastructure(tmp_path_factory.mktemp("pki"))


def test_the_chain_goes_up_to_the_root_whatever_the_order(pki: Infrastructure) -> None:
    leaf = pki.signer("p-256").der
    lying_about = [pki.root.der, b"rubbish", leaf, pki.intermediate.der, pki.signer("p-384").der]
    for candidates in itertools.permutations(lying_about):
        assert chain_for(leaf, candidates) == (pki.intermediate.der, pki.root.der)


def test_a_chain_goes_as_far_as_it_is_known(pki: Infrastructure) -> None:
    leaf = pki.signer("p-256").der
    assert chain_for(leaf, [pki.intermediate.der]) == (pki.intermediate.der,)
    assert chain_for(leaf, [pki.root.der]) == ()
    assert chain_for(pki.root.der, [pki.root.der, leaf]) == ()


def test_a_namesake_is_no_issuer_with_or_without_key_identifiers(pki: Infrastructure) -> None:
    leaf = pki.signer("p-256").der
    namesake = pki.make("namesake", "rsa-2048", None, AUTHORITY, subject="/C=RU/CN=intermediate")
    assert chain_for(leaf, [namesake.der]) == ()
    assert chain_for(leaf, [namesake.der, pki.intermediate.der]) == (pki.intermediate.der,)
    bare = pki.make(
        "bare", "p-256", pki.intermediate, SIGNER + "subjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n"
    )
    assert bare.description.authority_key_identifier is None
    assert chain_for(bare.der, [namesake.der, pki.intermediate.der]) == (pki.intermediate.der,)


def test_a_signer_is_no_issuer(pki: Infrastructure) -> None:
    signer = pki.signer("p-256")
    child = pki.make("child", "p-256", signer, SIGNER)
    assert chain_for(child.der, [signer.der]) == ()


def test_signatures_of_certificates_verify_by_their_issuers_key_alone(pki: Infrastructure) -> None:
    for holder in (pki.root, pki.intermediate, pki.signer("p-256"), pki.signer("rsa-2048")):
        issuer, other = (holder.issuers or (holder,))[0], pki.signer("p-384")
        assert is_signed_by(holder.der, issuer.description.public_key) is True
        assert is_signed_by(holder.der, other.description.public_key) is False
        body = holder.der.replace(b"\x0c", b"\x13", 1)
        assert is_signed_by(body, issuer.description.public_key) is not True


def test_an_algorithm_that_is_none_of_ours_is_said_to_be_unknown(pki: Infrastructure) -> None:
    old = pki.make("old", "p-256", pki.root, SIGNER, digest="sha1")
    assert is_signed_by(old.der, pki.root.description.public_key) is None


def test_a_damaged_leaf_is_an_error(pki: Infrastructure) -> None:
    with pytest.raises(CertificateDamaged):
        chain_for(b"rubbish", [pki.root.der])
