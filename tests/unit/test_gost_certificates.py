"""GOST certificates, lists and chains. Judges: RFC 9215, TC26's samples, and openssl with the gost engine."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path

import pytest

from agent.certificates.chain import chain_for, is_signed_by
from agent.certificates.description import describe, problems
from agent.trust.path import path_problem
from tests.harness.gost import AUTHORITY, KEYS, Gost, Holder, cms_vector, vectors
from tests.harness.openssl import SIGNER, Infrastructure

NAMES = {
    "A": "CryptoPro-A", "B": "CryptoPro-B", "C": "CryptoPro-C", "XA": "CryptoPro-XchA", "XB": "CryptoPro-XchB",
    "TCA": "TC26-A", "TCB": "TC26-B", "TCC": "TC26-C", "TCD": "TC26-D",
}  # fmt: skip
LATER = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)


@pytest.fixture(scope="module")
def gost(tmp_path_factory: pytest.TempPathFactory) -> Gost:
    return Gost(tmp_path_factory.mktemp("gost"))


def intermediate(gost: Gost, kind: str) -> Holder:
    return gost.make(f"intermediate-{kind}", kind, gost.root(kind), AUTHORITY)


@pytest.mark.parametrize("kind", KEYS)
def test_keys_are_described_with_their_parameter_set_and_can_sign(gost: Gost, kind: str) -> None:
    certificate = gost.signer(kind).description
    bits, name = int(kind[4:7]), kind.partition("-")[2]
    shown = NAMES[name] if bits == 256 else f"TC26-{name}"
    assert certificate.key == f"GOST R 34.10-2012 {bits} ({shown})"
    assert (certificate.key_type, certificate.bits) == (f"gost{bits}", bits)
    assert problems(certificate, LATER) == ()


@pytest.mark.parametrize("kind", KEYS)
def test_the_chain_is_found_by_signatures_that_verify(gost: Gost, kind: str) -> None:
    middle, root = intermediate(gost, kind), gost.root(kind)
    leaf = gost.make(f"leaf-{kind}", kind, middle)
    stranger = gost.signer(kind)
    assert chain_for(leaf.der, [root.der, stranger.der, middle.der]) == (middle.der, root.der)
    assert is_signed_by(leaf.der, middle.description.public_key) is True
    assert is_signed_by(leaf.der, root.description.public_key) is False
    assert (
        is_signed_by(leaf.der, gost.root("gost512-A" if "256" in kind else "gost256-A").description.public_key) is False
    )
    body = leaf.der.replace(b"leaf", b"loaf", 1)
    assert is_signed_by(body, middle.description.public_key) is False


@pytest.mark.parametrize("example", vectors()["rfc9215"], ids=lambda one: one["source"][:21])
def test_the_examples_of_the_rfc_are_signed_by_their_keys(example: dict[str, str]) -> None:
    certificate = bytes.fromhex(example["cert"])
    key = describe(certificate).public_key
    for name in ("cert", "crl", "csr"):
        signed = bytes.fromhex(example[name])
        assert is_signed_by(signed, key) is True
        at = len(signed) // 3
        assert is_signed_by(signed[:at] + bytes((signed[at] ^ 1,)) + signed[at + 1 :], key) is not True
    other = next(one for one in vectors()["rfc9215"] if one is not example)
    assert is_signed_by(certificate, describe(bytes.fromhex(other["cert"])).public_key) is False


@pytest.mark.parametrize("name", ["sender256_cert", "sender512_cert", "recipient256_cert", "recipient512_cert"])
def test_the_samples_of_tc26_are_signed_by_their_root(name: str) -> None:
    root, certificate = cms_vector("root256_cert"), cms_vector(name)
    assert is_signed_by(certificate, describe(root).public_key) is True
    assert is_signed_by(root, describe(root).public_key) is True
    assert is_signed_by(root, describe(certificate).public_key) is False


@pytest.mark.parametrize("kind", ["gost256-A", "gost512-B"])
def test_revocation_lists_of_openssl_are_signed_by_their_issuer(gost: Gost, tmp_path: Path, kind: str) -> None:
    root = gost.root(kind)
    (tmp_path / "index").write_text("")
    (tmp_path / "ca.cnf").write_text(
        (gost.folder / "openssl.cnf").read_text()
        + f"[ca]\ndefault_ca = here\n[here]\ndatabase = {tmp_path}/index\ndefault_crl_days = 1\ndefault_md = default\n"
    )
    made = tmp_path / "list"
    gost.openssl(
        "ca", "-config", tmp_path / "ca.cnf", "-gencrl", "-cert", root.certificate, "-keyfile", root.key, "-out", made
    )
    encoded = gost.openssl("crl", "-in", made, "-outform", "DER").stdout
    assert is_signed_by(encoded, root.description.public_key) is True
    assert is_signed_by(encoded, gost.signer(kind).description.public_key) is False


@pytest.mark.parametrize("kind", ["gost256-A", "gost256-TCA", "gost512-A", "gost512-C"])
def test_a_path_leads_over_an_intermediate_to_the_anchor_and_openssl_agrees(
    gost: Gost, tmp_path: Path, kind: str
) -> None:
    middle, root = intermediate(gost, kind), gost.root(kind)
    leaf = gost.make(f"leaf-{kind}", kind, middle)
    assert path_problem(leaf.description, [middle.der], [root.der], LATER) is None
    assert path_problem(leaf.description, [], [root.der], LATER) == "chain_not_built"
    assert (
        path_problem(leaf.description, [middle.der, root.der], [gost.root("gost256-B").der], LATER)
        == "root_not_trusted"
    )
    soon = LATER + datetime.timedelta(days=31)
    assert path_problem(leaf.description, [middle.der], [root.der], soon) == "issuer_expired"  # all of them
    for wrong, agreed in (
        (leaf.der, True),
        (leaf.der.replace(b"leaf", b"loaf", 1), False),
        (last_bit(leaf.der), False),
    ):
        problem = path_problem(describe(wrong), [middle.der], [root.der], LATER)
        assert problem == (None if agreed else "chain_invalid")
        file = tmp_path / "leaf.der"
        file.write_bytes(wrong)
        verified = gost.openssl(
            "verify", "-CAfile", root.certificate, "-untrusted", middle.certificate, file, check=False
        )
        assert (verified.returncode == 0) is agreed


def last_bit(certificate: bytes) -> bytes:
    """Of the signature value: a half of it is another number then."""
    return certificate[:-1] + bytes((certificate[-1] ^ 1,))


def test_chains_of_mixed_algorithms_are_walked(gost: Gost, tmp_path: Path) -> None:
    root = gost.root("gost512-A")
    middle = gost.make("short", "gost256-TCA", root, AUTHORITY)
    leaf = gost.make("leaf-of-short", "gost512-C", middle)
    assert path_problem(leaf.description, [middle.der], [root.der], LATER) is None
    classic = Infrastructure(tmp_path)
    request = gost.openssl("req", "-new", "-key", leaf.key, "-md_gost12_512", "-subj", "/CN=under-rsa").stdout
    (tmp_path / "ext").write_text(SIGNER)
    issuer = classic.intermediate
    encoded = gost.openssl(
        "x509", "-req", "-CA", issuer.certificate, "-CAkey", issuer.key, "-sha256", "-days", "5",
        "-extfile", tmp_path / "ext", "-outform", "DER", data=request,
    ).stdout  # fmt: skip
    assert path_problem(describe(encoded), [issuer.der], [classic.root.der], LATER) is None


def test_a_chain_over_the_parameters_of_the_examples_is_not_trusted() -> None:
    """RFC 9215 D.1 and D.3 use them; D.2 is of the same making and does not."""
    problems_of = []
    for example in vectors()["rfc9215"]:
        certificate = describe(bytes.fromhex(example["cert"]))
        moment = certificate.not_before + datetime.timedelta(days=1)
        problems_of.append(problems(certificate, moment))
    assert problems_of == [("key_unsupported",), (), ("key_unsupported",)]


def test_an_authority_with_the_parameters_of_the_examples_vouches_for_nobody(gost: Gost, tmp_path: Path) -> None:
    key, settings = tmp_path / "key", tmp_path / "ext"
    gost.openssl("genpkey", "-algorithm", "gost2012_256", "-pkeyopt", "paramset:0", "-out", key)
    settings.write_text(AUTHORITY)
    made = gost.openssl("req", "-new", "-key", key, "-md_gost12_256", "-subj", "/CN=example").stdout
    gost.openssl(
        "x509", "-req", "-signkey", key, "-md_gost12_256", "-days", "30", "-extfile", settings,
        "-out", tmp_path / "pem", data=made,
    )  # fmt: skip
    root = Holder("example", "gost256-A", tmp_path / "pem", key)
    leaf = gost.make("leaf-of-example", "gost256-A", root)
    assert is_signed_by(leaf.der, root.description.public_key) is True
    assert path_problem(leaf.description, [], [root.der], LATER) == "algorithm_unsupported"


def test_keys_of_2001_are_named_and_not_supported(gost: Gost, tmp_path: Path) -> None:
    made: subprocess.CompletedProcess[bytes] = gost.openssl(
        "genpkey", "-algorithm", "gost2001", "-pkeyopt", "paramset:A", "-out", tmp_path / "key"
    )
    made = gost.openssl(
        "req", "-x509", "-new", "-key", tmp_path / "key", "-md_gost94", "-subj", "/CN=old", "-outform", "DER"
    )
    certificate = describe(made.stdout)
    assert certificate.key == "GOST R 34.10-2001"
    assert "key_unsupported" in problems(certificate, LATER)
    assert is_signed_by(made.stdout, certificate.public_key) is None
