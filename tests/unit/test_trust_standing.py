"""Who vouches for a certificate, and what was learned of its revocation (R8, R24). openssl makes the authorities."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.certificates.description import describe
from agent.errors import CertificateRevoked, RevocationUnavailable
from agent.trust.authorities import Authorities
from agent.trust.roots import system_roots
from agent.trust.standing import standing
from agent.trust.states import MOST, States
from tests.harness.authority import Authority
from tests.harness.core import NOON, Core

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ec", "http://ca.example")


def test_a_path_to_a_root_of_this_computer_is_found_and_named(authority: Authority) -> None:
    signer, now = authority.signer().description, datetime.now(UTC)
    others = (authority.stamping.der, b"\x30\x00", authority.issuing.der)
    found = standing(signer, others, (authority.root.der,), now)
    assert ([one.owner for one in found.path], found.problem) == (["signer", "issuing", "root"], "")


def test_what_is_missing_or_not_trusted_is_told_apart(authority: Authority) -> None:
    signer, now = authority.signer().description, datetime.now(UTC)
    issuing, root = authority.issuing.der, authority.root.der
    assert standing(signer, (), (root,), now).problem == "chain_not_built"
    assert standing(signer, (issuing, root), (), now).problem == "root_not_trusted"
    assert standing(signer, (issuing,), (root,), now + 60 * DAY).problem == "issuer_expired"  # as all
    assert standing(authority.root.description, (), (root,), now).problem == ""
    below = standing(signer, (issuing, root), (issuing,), now)  # an authority that is no root can be trusted too
    assert ([one.owner for one in below.path], below.problem) == (["signer", "issuing"], "")


def test_a_path_whose_signature_does_not_hold_is_none(authority: Authority, tmp_path: Path) -> None:
    """An issuer of the same name with another key."""
    other = Authority(tmp_path, "ec", "http://ca.example")
    found = standing(authority.signer().description, (other.issuing.der,), (other.root.der,), datetime.now(UTC))
    assert (len(found.path), found.problem) == (1, "chain_not_built")


def test_the_roots_are_those_of_the_file_that_the_environment_names(authority: Authority, tmp_path: Path) -> None:
    assert system_roots({"SSL_CERT_FILE": str(authority.root.certificate)}) == (authority.root.der,)
    (tmp_path / "etc/ssl/certs").mkdir(parents=True)
    (tmp_path / "etc/ssl/certs/ca-certificates.crt").write_bytes(authority.root.certificate.read_bytes())
    assert system_roots({}, tmp_path) == (authority.root.der,)
    assert system_roots({}, tmp_path / "nothing") == ()


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def test_what_was_learned_outlives_a_restart_and_an_answer_takes_the_place_of_the_last(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "states.json"
    states = States(path, clock)
    states.good("aa")
    clock.now += 2 * DAY
    states.revoked("aa", NOON + DAY, "key_compromise")
    again = States(path, clock).of("aa")
    assert again is not None
    assert (again.state, again.checked, again.revoked_at, again.reason) == (
        "revoked", clock.now, NOON + DAY, "key_compromise",
    )  # fmt: skip
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_clock_that_was_ahead_leaves_no_good_word_behind_and_hides_no_revocation(tmp_path: Path) -> None:
    clock = Clock()
    states = States(tmp_path / "states.json", clock)
    clock.now = NOON + 100 * DAY
    states.good("aa")
    states.revoked("bb", NOON, "superseded")
    clock.now = NOON
    assert states.of("aa") is None
    assert (found := states.of("bb")) is not None
    assert found.state == "revoked"
    states.good("aa")
    assert (found := states.of("aa")) is not None
    assert found.checked == NOON


def test_a_batch_writes_one_line_and_the_oldest_make_room(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "states.json"
    states = States(path, clock)
    states.good("aa")
    before = path.stat().st_mtime_ns, path.stat().st_ino
    clock.now += timedelta(minutes=5)
    states.good("aa")
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before
    states._states = {f"{number:04}": states._states["aa"] for number in range(MOST)}  # type: ignore[index]
    states.good("new")
    assert (states.of("0000"), len(states._states)) == (None, MOST)


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b'{"aa":{"state":"lost"}}', b"\xff"])
def test_a_damaged_file_is_begun_anew_and_an_unwritable_one_costs_the_memory_alone(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "states.json").write_bytes(content)
    states = States(tmp_path / "states.json", Clock())
    assert states.of("aa") is None
    states.good("aa")
    assert States(tmp_path / "states.json", Clock()).of("aa") is not None
    lost = States(tmp_path / "absent" / "states.json", Clock())
    lost.good("aa")
    assert lost.of("aa") is not None


async def asked(core: Core, thumbprint: str, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await core.call(core.command(), "certificate_state", {"certificate": thumbprint, **more})
    return answer


async def test_nobody_is_asked_over_the_network_unless_the_person_wants_it(tmp_path: Path) -> None:
    core = Core(tmp_path)
    thumbprint = core.tokens.add("Anna")
    heard: list[bytes] = []

    async def revoked(certificate: bytes, _known: object) -> None:
        heard.append(certificate)
        assert core.services.states is not None
        core.services.states.revoked(thumbprint, NOON, "superseded")
        raise CertificateRevoked(thumbprint=thumbprint, revoked_at="2026-11-01", reason="superseded")

    core.services.ask_state = revoked
    assert (await asked(core, thumbprint))["result"]["revocation"] == ""
    assert heard == []
    result = (await asked(core, thumbprint, ask=True))["result"]
    assert (result["revocation"], result["revoked_at"], len(heard)) == ("revoked", "2026-11-01T12:00:00Z", 1)
    cards = (await core.call(core.command(), "certificate_cards"))["result"]["cards"]
    assert (cards[0]["revocation"], cards[0]["reason"]) == ("revoked", "superseded")


async def test_an_authority_that_the_person_trusts_vouches_too(tmp_path: Path) -> None:
    core = Core(tmp_path)
    thumbprint = core.tokens.add("Anna")  # signed by itself
    assert (await asked(core, thumbprint))["result"]["problem"] == "root_not_trusted"
    Authorities(core.places.authorities).add(describe(core.tokens.entries[0].der))
    assert (await asked(core, thumbprint))["result"]["problem"] == ""


async def test_an_answer_that_could_not_be_had_is_an_error_with_its_reasons(tmp_path: Path) -> None:
    core = Core(tmp_path)
    thumbprint = core.tokens.add("Anna")

    async def silent(_certificate: bytes, _known: object) -> None:
        raise RevocationUnavailable(thumbprint=thumbprint, tried="ocsp:ca.example=timed_out", possible_level="t")

    core.services.ask_state = silent
    data = (await asked(core, thumbprint, ask=True))["error"]["data"]
    assert (data["name"], data["facts"]["tried"]) == ("revocation_unavailable", "ocsp:ca.example=timed_out")
    assert (await asked(core, "00" * 32))["error"]["data"]["name"] == "certificate_unknown"


async def test_a_card_says_until_when_a_newer_certificate_can_be_signed_with(tmp_path: Path) -> None:
    core = Core(tmp_path)
    old = core.tokens.add("Anna", days=10)
    new = core.tokens.add("Anna", days=300)
    core.tokens.add("Anna", days=400, begins=NOON + 5 * DAY)  # it has not begun
    core.tokens.add("Boris", days=500)
    cards = {
        one["thumbprint"]: one for one in (await core.call(core.command(), "certificate_cards"))["result"]["cards"]
    }
    assert cards[old]["replaced_until"] == f"{NOON - DAY + 300 * DAY:%Y-%m-%dT%H:%M:%SZ}"
    assert cards[new]["replaced_until"] == ""
