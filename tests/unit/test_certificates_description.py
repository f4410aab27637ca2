"""What is read from certificates, beside what openssl reads from them."""

from __future__ import annotations

import base64
import datetime
import random
import re
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type

from agent.certificates import names
from agent.certificates.description import Description, describe, problems
from agent.errors import CertificateDamaged
from tests.harness.openssl import NOW, SIGNER, Holder, Infrastructure, openssl

RUSSIAN = (
    "/C=RU/ST=77 Москва/L=Москва/street=ул. Перо, д. 1/O=ООО \"Ромашка\", и Ко/SN=Пробный/GN=Образец Макетович"
    "/title=Директор/1.2.643.3.131.1.1=000000000000/1.2.643.100.1=0000000000000"
    "/1.2.643.100.3=00000000000/emailAddress=demo@example.org/CN=Пробный <Образец>; #1"
)  # fmt: skip
# RFC 9215 appendix D.1: GOST R 34.10-2012 with a key of 256 bits
GOST = base64.b64decode("""
MIIBLTCB26ADAgECAgEKMAoGCCqFAwcBAQMCMBIxEDAOBgNVBAMTB0V4YW1wbGUwIBcNMDEwMTAxMDAwMDAwWhgPMjA1MDEyMzEwMDAwMDBaMBIx
EDAOBgNVBAMTB0V4YW1wbGUwZjAfBggqhQMHAQEBATATBgcqhQMCAiMABggqhQMHAQECAgNDAARAC9hv5djbiWaPeJtOHbqFhcVQi0XsW1nYkG3b
cOJJK3/ad/+HGhD73ydm0pPF0WSvuzx7lzpByIXRHXDWibTxJqMTMBEwDwYDVR0TAQH/BAUwAwEB/zAKBggqhQMHAQEDAgNBAE1T8BL+CBd2UH1N
m7gfAO/bTu/Uq4O6xLrPc1Fzz6gcQaoo0vGrFIKAzZ7Vb+2kGXQFNVSkJ2e4OtBD/TncBJM=
""")
LATER = NOW + datetime.timedelta(hours=1)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Infrastructure:
    return Infrastructure(tmp_path_factory.mktemp("pki"))


def shown(holder: Holder, *what: str) -> str:
    return openssl("x509", "-in", holder.certificate, "-noout", *what).stdout.decode().strip()


@pytest.mark.parametrize("subject", [RUSSIAN, "/CN=one", "/O=only an organisation", r"/CN= space first \#", "/CN=#2"])
def test_names_are_written_as_openssl_writes_them(pki: Infrastructure, subject: str) -> None:
    holder = pki.make(f"named {hash(subject)}", "p-256", pki.intermediate, SIGNER, subject=subject)
    options = ("-nameopt", "RFC2253,-esc_msb,utf8")
    assert "subject=" + holder.description.subject == shown(holder, "-subject", *options).replace("street=", "STREET=")
    assert "issuer=" + holder.description.issuer == shown(holder, "-issuer", *options)


def test_serial_thumbprint_and_dates_are_those_of_openssl(pki: Infrastructure) -> None:
    holder = pki.signer("p-256")
    certificate = holder.description
    assert shown(holder, "-serial").lower() == "serial=" + certificate.serial
    printed = shown(holder, "-fingerprint", "-sha256").partition("=")[2].replace(":", "").lower()
    assert printed == certificate.thumbprint
    dates = dict(line.split("=") for line in shown(holder, "-dates").splitlines())
    form = "%b %d %H:%M:%S %Y GMT"
    assert datetime.datetime.strptime(dates["notBefore"], form).replace(tzinfo=datetime.UTC) == certificate.not_before
    assert datetime.datetime.strptime(dates["notAfter"], form).replace(tzinfo=datetime.UTC) == certificate.not_after
    pem = openssl("x509", "-in", holder.certificate, "-noout", "-pubkey").stdout
    assert openssl("pkey", "-pubin", "-outform", "DER", data=pem).stdout == certificate.public_key


def test_details_name_what_a_russian_certificate_says(pki: Infrastructure) -> None:
    certificate = pki.make("russian", "p-256", pki.intermediate, SIGNER, subject=RUSSIAN).description
    assert certificate.owner == "Пробный <Образец>; #1"
    assert certificate.details == (
        ("certificate.owner", "Пробный <Образец>; #1"),
        ("certificate.organisation", 'ООО "Ромашка", и Ко'),
        ("certificate.inn", "000000000000"),
        ("certificate.ogrn", "0000000000000"),
        ("certificate.snils", "00000000000"),
        ("certificate.issuer", "intermediate"),
        ("certificate.serial", certificate.serial),
    )


def test_an_organisation_and_an_entrepreneur_have_numbers_of_their_own() -> None:
    numbers = {"1.2.643.100.4": "0000000000", "1.2.643.100.5": "300000000000000", "1.2.643.3.131.1.1": "000000000000"}
    certificate = described(x509.NameAttribute(x509.ObjectIdentifier(oid), value) for oid, value in numbers.items())
    assert certificate.subject == "INN=000000000000,OGRNIP=300000000000000,INNLE=0000000000"
    assert [row for row in certificate.details if row[0] in ("certificate.inn", "certificate.ogrn")] == [
        ("certificate.inn", "000000000000"),
        ("certificate.inn", "0000000000"),
        ("certificate.ogrn", "300000000000000"),
    ]


def test_the_owner_is_the_common_name_else_the_organisation_else_the_subject(pki: Infrastructure) -> None:
    organisation = pki.make("organisation", "p-256", pki.root, SIGNER, subject="/C=RU/O=Ромашка")
    country = pki.make("country", "p-256", pki.root, SIGNER, subject="/C=RU/ST=77")
    assert (organisation.description.owner, country.description.owner) == ("Ромашка", "ST=77,C=RU")


@pytest.mark.parametrize(
    ("key", "words", "kind", "bits", "supported"),
    [
        ("rsa-1024", "RSA 1024", "rsa", 1024, False),
        ("rsa-2048", "RSA 2048", "rsa", 2048, True),
        ("p-256", "P-256", "ec", 256, True),
        ("p-384", "P-384", "ec", 384, True),
    ],
)
def test_keys_are_named_and_unfit_ones_are_a_problem(
    pki: Infrastructure, key: str, words: str, kind: str, bits: int, supported: bool
) -> None:
    certificate = pki.make(f"key-{key}", key, pki.root, SIGNER).description
    assert (certificate.key, certificate.key_type, certificate.bits) == (words, kind, bits)
    assert problems(certificate, LATER) == (() if supported else ("key_unsupported",))


@pytest.mark.parametrize(
    ("algorithm", "words", "kind"),
    [
        (("EC", "-pkeyopt", "ec_paramgen_curve:P-224"), "1.3.132.0.33", "ec"),
        (("EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"), "1.3.132.0.10", "ec"),
        (("EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"), "EC", "ec"),
        (("ED25519",), "Ed25519", "1.3.101.112"),
    ],
)
def test_foreign_keys_are_described_and_not_supported(
    tmp_path: Path, algorithm: tuple[str, ...], words: str, kind: str
) -> None:
    openssl("genpkey", "-algorithm", *algorithm, "-out", tmp_path / "key")
    der = openssl("req", "-x509", "-key", tmp_path / "key", "-subj", "/CN=odd", "-outform", "DER").stdout
    certificate = describe(der)
    assert (certificate.key, certificate.key_type) == (words, kind)
    assert "key_unsupported" in problems(certificate, LATER)


def test_a_gost_key_of_the_example_parameters_is_described_and_not_supported() -> None:
    certificate = describe(GOST)
    assert (certificate.subject, certificate.key) == ("CN=Example", "GOST R 34.10-2012 256")
    assert problems(certificate, certificate.not_after) == ("key_unsupported",)


def test_problems_of_time_and_usage_are_named(pki: Infrastructure) -> None:
    certificate = pki.signer("p-256").description
    second = datetime.timedelta(seconds=1)
    assert problems(certificate, certificate.not_after) == ()
    assert problems(certificate, certificate.not_after + second) == ("expired",)
    assert problems(certificate, certificate.not_before) == ()
    assert problems(certificate, certificate.not_before - second) == ("not_yet_valid",)
    encipher = pki.make("encipher", "p-256", pki.root, "keyUsage=keyEncipherment\n").description
    assert problems(encipher, LATER) == ("key_usage",)
    unsaid = pki.make("unsaid", "p-256", pki.root, "basicConstraints=CA:FALSE\n").description
    assert (unsaid.key_usage, problems(unsaid, LATER)) == (None, ())


def test_strings_of_every_kind_are_read_and_broken_ones_shown_as_hex() -> None:
    kinds = (_ASN1Type.UTF8String, _ASN1Type.BMPString, _ASN1Type.PrintableString, _ASN1Type.IA5String)
    values = ("Перо", "Перо", "Pero", "Pero")
    certificate = described(
        x509.NameAttribute(x509.NameOID.COMMON_NAME, value, kind) for value, kind in zip(values, kinds, strict=True)
    )
    assert certificate.subject == "CN=Pero,CN=Pero,CN=Перо,CN=Перо"
    broken = describe(certificate.der.replace("Перо".encode(), b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"))
    assert broken.subject.endswith(",CN=#0c08fffefdfcfbfaf9f8")


def test_several_attributes_in_one_name_part_are_joined_and_unknown_ones_keep_their_oid() -> None:
    unknown = x509.NameAttribute(x509.ObjectIdentifier("1.2.643.99999.1"), "x")
    certificate = described([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a+b"), unknown], together=True)
    assert sorted(re.split(r"(?<!\\)\+", certificate.subject)) == ["1.2.643.99999.1=x", r"CN=a\+b"]


def described(attributes: object, *, together: bool = False) -> Description:
    listed = list(attributes)  # type: ignore[call-overload]
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.RelativeDistinguishedName(listed)]) if together else x509.Name(listed)
    until = NOW + datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, until)
    return describe(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ('James "Jim" Smith, III', r"James \"Jim\" Smith\, III"),  # RFC 4514 section 4
        ("Before\rAfter", r"Before\0DAfter"),  # RFC 4514 section 4
        ("#hash", r"\#hash"),
        (" both ", r"\ both\ "),
        (" ", r"\ "),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_values_are_escaped_as_rfc_4514_says(value: str, written: str) -> None:
    assert names.escape(value) == written


def test_what_the_issuers_signature_does_not_cover_must_agree_with_what_it_covers(pki: Infrastructure) -> None:
    whole = pki.signer("p-256").der  # signed with RSA and SHA-256 by the intermediate authority
    inside, outside = (at.start() for at in re.finditer(re.escape(bytes.fromhex("06092a864886f70d01010b")), whole))
    assert whole[outside + 13 : outside + 18] == bytes.fromhex("0382010100")
    for at, octet in ((inside + 10, 12), (outside + 10, 12), (outside + 17, 1)):
        with pytest.raises(CertificateDamaged):
            describe(whole[:at] + bytes((octet,)) + whole[at + 1 :])


def test_damaged_certificates_are_described_or_refused_and_nothing_else(pki: Infrastructure) -> None:
    whole = pki.signer("p-256").der
    for given in (b"", b"0", b"\x30\x80", whole[:-1], whole + b"\0", b"MIIB", whole * 2):
        with pytest.raises(CertificateDamaged):
            describe(given)
    chance = random.Random(5280)
    refused = 0
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] = chance.randrange(256)
        try:
            describe(bytes(changed))
        except CertificateDamaged:
            refused += 1
    assert refused > len(whole) // 20
