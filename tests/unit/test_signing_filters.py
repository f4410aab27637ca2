"""What a page asks of a certificate: who gets through, who does not, what the person sees of the others (R8, R9)."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent.certificates.description import describe
from agent.certificates.holder import is_formed_as_qualified
from agent.consent.prompter import SigningPrompt
from agent.errors import NoCertificate, Refused
from tests.harness.core import NOON, Core
from tests.harness.gost import Gost
from tests.harness.openssl import Infrastructure

INN, INNLE, OGRN = "1.2.643.3.131.1.1", "1.2.643.100.4", "1.2.643.100.1"
OGRNIP, SNILS = "1.2.643.100.5", "1.2.643.100.3"
PERSON, OTHER_PERSON = "500100732259", "773370857141"
COMPANY, OTHER_COMPANY = "7707083893", "7736050003"
QUALIFIED = (
    "keyUsage=critical,digitalSignature,nonRepudiation\n"
    "1.2.643.100.111=ASN1:UTF8String:tool of the signer\n"
    "1.2.643.100.112=ASN1:SEQUENCE:tools\n"
    "certificatePolicies=1.2.643.100.113.1,1.2.643.100.113.2\n"
)
TOOLS = "\n[tools]\na=UTF8:tool\nb=UTF8:tool\nc=UTF8:tool\nd=UTF8:tool\n"


@pytest.fixture
def core(tmp_path: Path) -> Core:
    return Core(tmp_path)


async def offered(core: Core, **wanted: Any) -> list[str]:
    """Names of the certificates that can be chosen; what cannot is last in the list, with its reason."""
    core.person.shown.clear()
    answer = await core.call(core.page(), "sign", {**DOCUMENT, "filter": wanted})
    if "error" in answer:
        assert answer["error"]["message"] == "no_certificate", answer
        assert core.person.shown == []
        return []
    (prompt,) = core.person.shown
    assert isinstance(prompt, SigningPrompt)
    return [one.owner for one in prompt.certificates if not one.problems]


DOCUMENT = {"document": {"name": "a.txt", "content": base64.b64encode(b"hello").decode()}}


@pytest.fixture
def people(core: Core) -> Core:
    """One human in several roles, and others."""
    tokens = core.tokens
    tokens.add("citizen", key="ec", subject=((INN, PERSON), (SNILS, "11223344595")))
    tokens.add("trader", key="ec", subject=((INN, PERSON), (OGRNIP, "304500116000157")))
    tokens.add("director", key="ec", subject=((INN, PERSON), (INNLE, COMPANY), (OGRN, "1027700132195")))
    tokens.add("older company", key="ec", subject=((INN, "00" + COMPANY), (OGRN, "1027700132195")))
    tokens.add("stranger", key="ec", subject=((INN, OTHER_PERSON), (INNLE, OTHER_COMPANY), (SNILS, "112-233-445 96")))
    tokens.add("two at once", key="ec", subject=((INN, PERSON), (INN, OTHER_PERSON)))
    tokens.add("nobody", key="ec")
    return core


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"inn": PERSON}, ["citizen", "director", "trader"]),
        ({"inn": OTHER_PERSON}, ["stranger"]),
        ({"inn": COMPANY}, ["director", "older company"]),
        ({"inn": "00" + COMPANY}, ["director", "older company"]),
        ({"inn_le": COMPANY}, ["director", "older company"]),
        ({"inn": PERSON, "inn_le": COMPANY}, ["director"]),
        ({"inn": PERSON, "inn_le": OTHER_COMPANY}, []),
        ({"ogrn": "1027700132195"}, ["director", "older company"]),
        ({"ogrnip": "304500116000157"}, ["trader"]),
        ({"snils": "11223344595"}, ["citizen"]),
        ({"snils": "11223344596"}, ["stranger"]),
        ({"snils": "11223344597"}, []),
        ({"inn": "500100732258"}, []),
        ({"subject": "CN=DIR"}, ["director"]),
        ({"subject": "innle=" + OTHER_COMPANY}, ["stranger"]),
        ({"issuer": "trad"}, ["trader"]),
        ({"qualified": True}, []),
    ],
)
async def test_a_page_that_asks_for_somebody_gets_nobody_else(
    people: Core, wanted: dict[str, Any], names: list[str]
) -> None:
    assert sorted(await offered(people, **wanted)) == names


@pytest.mark.parametrize(
    "wanted",
    [
        {"inn": "7707083893 "}, {"inn": "1"}, {"inn": 7707083893}, {"inn_le": PERSON}, {"ogrn": "10277001321950"},
        {"snils": "112-233-445 95"}, {"serial": "xyz"}, {"serial": ""}, {"policies": ["1.2.x"]}, {"policies": "1.2"},
        {"key_usage": ["digitalSignature"]}, {"valid_at": "2026-11-01T12:00:00"}, {"valid_days": -1},
        {"valid_days": 1e9}, {"key_sizes": ["2048"]}, {"qualified": "yes"}, {"unknown": 1},
        {"thumbprints": ["a"] * 65}, {"subject": "a" * 1025}, {"purposes": ["1." + "1" * 300]},
    ],
)  # fmt: skip
async def test_a_filter_that_is_none_is_refused_and_never_widened(people: Core, wanted: dict[str, Any]) -> None:
    answer = await people.call(people.page(), "sign", {**DOCUMENT, "filter": wanted})
    assert answer["error"]["message"] == "bad_parameters"
    assert people.person.shown == []


async def test_a_named_certificate_of_another_person_is_not_offered(people: Core) -> None:
    stranger = people.tokens.entries[4].thumbprint
    parameters = {**DOCUMENT, "filter": {"inn": PERSON}, "certificate": stranger}
    answer = await people.call(people.page(), "sign", parameters)
    assert answer["error"]["message"] == "no_certificate"
    assert people.tokens.signed == 0


async def test_a_window_that_answers_with_what_was_not_offered_signs_nothing(people: Core) -> None:
    async def choose_the_stranger() -> str:
        return people.tokens.entries[4].thumbprint

    people.person.answers = [choose_the_stranger]
    answer = await people.call(people.page(), "sign", {**DOCUMENT, "filter": {"inn": PERSON}})
    assert answer["error"]["message"] == "certificate_unknown"
    assert people.tokens.signed == 0


async def test_the_person_sees_what_is_not_offered_and_why_and_the_page_does_not(people: Core) -> None:
    answer = await people.call(people.page(), "sign", {**DOCUMENT, "filter": {"inn": OTHER_PERSON}})
    (prompt,) = people.person.shown
    assert isinstance(prompt, SigningPrompt)
    reasons = {one.owner: one.problems for one in prompt.certificates}
    assert reasons["stranger"] == ()
    assert next(one.owner for one in prompt.certificates) == "stranger"
    assert {name: problems for name, problems in reasons.items() if name != "stranger"} == dict.fromkeys(
        ("citizen", "trader", "director", "older company", "two at once", "nobody"), ("other_inn",)
    )
    assert "citizen" not in str(answer)


async def test_where_nothing_fits_a_window_says_why_and_the_page_is_told_one_thing(people: Core) -> None:
    people.person.kind = "window"
    people.person.answers = [Refused()]
    answer = await people.call(people.page(), "sign", {**DOCUMENT, "filter": {"inn": "500100732258"}})
    assert answer["error"]["message"] == NoCertificate.name
    (prompt,) = people.person.shown
    assert isinstance(prompt, SigningPrompt)
    assert {one.problems for one in prompt.certificates} == {("other_inn",)}


async def test_keys_usages_policies_and_serials_are_compared(core: Core) -> None:
    add = core.tokens.add
    add("rsa", serial=0xAB01)
    add("ec", key="ec", serial=0xAB02)
    policy = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.643.100.113.1"), None)])
    add("policy", key="ec", extensions=(policy,))
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION])
    add("client", key="ec", extensions=(purpose,))
    assert await offered(core, key_types=["rsa"]) == ["rsa"]
    assert await offered(core, key_sizes=[2048, 4096]) == ["rsa"]
    assert await offered(core, key_types=["ec"], key_sizes=[384]) == []
    assert await offered(core, serial="00AB02") == ["ec"]
    assert await offered(core, policies=["1.2.643.100.113.1", "1.2.3"]) == ["policy"]
    assert await offered(core, purposes=["1.3.6.1.5.5.7.3.2"]) == ["client"]
    assert await offered(core, purposes=["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"]) == []
    assert len(await offered(core, key_usage=["digital_signature", "non_repudiation"])) == 4
    assert await offered(core, key_usage=["key_agreement"]) == []


async def test_validity_is_asked_of_the_certificate_and_of_its_keys_period(core: Core) -> None:
    core.tokens.add("short", key="ec", days=10)
    core.tokens.add("long", key="ec", days=400)
    period = x509.PrivateKeyUsagePeriod(NOON.replace(tzinfo=None) - timedelta(days=1), _naive(20))
    core.tokens.add("long, its key not", key="ec", days=400, extensions=(period,))
    assert sorted(await offered(core, valid_days=5)) == ["long", "long, its key not", "short"]
    assert sorted(await offered(core, valid_days=15)) == ["long", "long, its key not"]
    assert await offered(core, valid_days=30) == ["long"]
    assert await offered(core, valid_at="2027-06-01T00:00:00+03:00") == ["long"]
    assert await offered(core, valid_at="2020-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    ("begins", "ends", "problem"),
    [(-30, -1, "key_period_over"), (1, 20, "key_period_not_begun"), (-1, 20, ""), (None, -1, "key_period_over")],
)
async def test_a_key_outside_its_period_is_shown_with_that_reason_and_signs_nothing(
    core: Core, begins: int | None, ends: int, problem: str
) -> None:
    period = x509.PrivateKeyUsagePeriod(None if begins is None else _naive(begins), _naive(ends))
    thumbprint = core.tokens.add("DEMO", key="ec", days=400, extensions=(period,))
    core.person.kind = "window"
    core.person.answers = [Refused()] if problem else []
    answer = await core.call(core.page(), "sign", {**DOCUMENT, "certificate": thumbprint})
    assert ("error" in answer) is bool(problem)
    (prompt,) = core.person.shown
    assert [one.problems for one in prompt.certificates] == [(problem,) if problem else ()]
    assert core.tokens.signed == (0 if problem else 1)


def _naive(days: int) -> datetime:
    return (NOON + timedelta(days=days)).replace(tzinfo=None)


@pytest.fixture(scope="module")
def gost(tmp_path_factory: pytest.TempPathFactory) -> Gost:
    return Gost(tmp_path_factory.mktemp("gost"))


@pytest.mark.parametrize(
    ("subject", "extensions", "qualified"),
    [
        ("/SNILS=11223344595", QUALIFIED, True),
        ("/OGRN=1027700132195", QUALIFIED, True),
        ("/INN=500100732259", QUALIFIED, False),
        ("/SNILS=11223344595", QUALIFIED.replace("1.2.643.100.112=", "1.2.3.4="), False),
        ("/SNILS=11223344595", QUALIFIED.replace("1.2.643.100.111=", "1.2.3.4="), False),
        ("/SNILS=11223344595", QUALIFIED.replace("100.113.", "100.114."), False),
        ("/SNILS=11223344595", "keyUsage=critical,digitalSignature\n", False),
    ],
)
def test_the_form_of_a_qualified_certificate_is_all_of_it(
    gost: Gost, subject: str, extensions: str, qualified: bool
) -> None:
    root = gost.root("gost256-A")
    settings = gost.folder / "qualified.ext"
    settings.write_text(extensions + TOOLS)
    request = gost.openssl("req", "-new", "-key", root.key, "-md_gost12_256", "-subj", f"/CN=DEMO{subject}").stdout
    made = gost.openssl(
        "x509", "-req", "-CA", root.certificate, "-CAkey", root.key, "-md_gost12_256", "-extfile", settings,
        "-outform", "DER", data=request,
    ).stdout  # fmt: skip
    assert is_formed_as_qualified(describe(made)) is qualified


def test_a_certificate_of_that_form_with_another_key_is_none(tmp_path: Path) -> None:
    pki = Infrastructure(tmp_path)
    form = QUALIFIED.replace("\n1.2.643.100.112=ASN1:SEQUENCE:tools", "\n1.2.643.100.112=ASN1:NULL")
    holder = pki.make("form", "p-256", pki.root, form, subject="/CN=DEMO/SNILS=11223344595")
    assert holder.description.usage.names_sign_tools
    assert not is_formed_as_qualified(holder.description)
