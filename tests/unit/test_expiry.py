"""When a person is told that a certificate ends: thresholds, periods of keys, quiet hours, wrong clocks (R13)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from agent.config import Settings
from agent.desktop.expiry import Reminders
from agent.errors import Fact
from agent.model import KEY_FILES, CertificateEntry, Listing, ModuleFault, TokenState
from agent.signing.expiry import Ending, Endings, is_quiet
from tests.harness.core import certificate
from tests.harness.keyfiles import make_identity

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
THRESHOLDS = (60, 30, 14, 7, 1)
DAY = timedelta(days=1)


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


def token(serial: str, module: str = "/module.so") -> TokenState:
    return TokenState("Token", serial, "maker", "model", module)


def listing(*found: tuple[str, TokenState], tokens: Sequence[TokenState] = (), days: int = 20) -> Listing:
    """Certificates of these owners, each on its token."""
    entries = []
    for owner, place in found:
        made = make_identity("p256", owner, days=days)
        entries.append(CertificateEntry(made.thumbprint, made.der, place, True))
    return Listing(tuple(entries), (*tokens, *(place for _, place in found)), ())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def endings(tmp_path: Path, clock: Clock) -> Endings:
    return Endings(tmp_path / "endings.json", clock)


def kinds(endings: Endings, tell: bool = True) -> list[tuple[str, int]]:
    due = endings.due(THRESHOLDS)
    if tell:
        endings.told(due)
    return [(one.kind, one.threshold) for one in due]


def remembered(endings: Endings, *, left: timedelta, key_left: timedelta | None = None) -> Endings:
    """As if a certificate had been seen that ends then."""
    now = endings._now()
    one = Ending("Owner", "5e", "1", now + left, None if key_left is None else now + key_left)
    endings._keep([one])
    return endings


def test_each_threshold_is_told_once_and_the_end_too(endings: Endings, clock: Clock) -> None:
    begin = clock.now
    remembered(endings, left=70 * DAY)
    told = []
    for hour in range(75 * 24):
        clock.now = begin + timedelta(hours=hour)
        told += [(hour / 24, *one) for one in kinds(endings)]
    assert [(day, kind, days) for day, kind, days in told] == [
        (10, "certificate_ends", 60),
        (40, "certificate_ends", 30),
        (56, "certificate_ends", 14),
        (63, "certificate_ends", 7),
        (69, "certificate_ends", 1),
        (70, "certificate_ended", 0),
    ]


def test_the_period_of_the_key_counts_where_it_ends_first(endings: Endings) -> None:
    remembered(endings, left=100 * DAY, key_left=5 * DAY)
    assert kinds(endings) == [("key_ends", 7)]
    remembered(endings, left=5 * DAY, key_left=100 * DAY)
    assert kinds(endings) == [("certificate_ends", 7)]


def test_what_ended_long_ago_is_not_told_of(endings: Endings) -> None:
    assert kinds(remembered(endings, left=-31 * DAY)) == []
    assert kinds(remembered(endings, left=-29 * DAY)) == [("certificate_ended", 0)]


def test_tokens_that_are_out_count_and_nothing_but_owner_serials_and_dates_is_kept(
    endings: Endings, clock: Clock, tmp_path: Path
) -> None:
    endings.saw(listing(("Anna", token("77"))))
    endings.saw(Listing((), (), ()))  # the token was pulled
    again = Endings(tmp_path / "endings.json", clock)
    assert kinds(again) == [("certificate_ends", 30)]
    (one,) = again.all()
    assert (one.owner, one.token) == ("Anna", "77")
    assert (tmp_path / "endings.json").stat().st_mode & 0o777 == 0o600
    kept = {"owner", "serial", "token", "not_after", "key_not_after", "told", "begin", "use"}
    assert set(Ending.__struct_fields__) == kept
    assert len(one.use) == 4  # too short for a number to be found out by trying


def test_what_was_deleted_from_a_token_or_from_the_key_files_is_forgotten(endings: Endings) -> None:
    files = token("", KEY_FILES)
    endings.saw(listing(("Anna", token("77")), ("Boris", files)))
    endings.saw(Listing((), (), (ModuleFault(KEY_FILES, "worker_died"),)))
    assert {one.owner for one in endings.all()} == {"Anna", "Boris"}
    endings.saw(Listing((), (token("77"),), ()))
    assert endings.all() == ()


def test_a_clock_set_back_and_right_again_tells_nothing_twice(endings: Endings, clock: Clock) -> None:
    right = clock.now
    remembered(endings, left=61 * DAY)
    clock.now = right + 2 * DAY
    assert kinds(endings) == [("certificate_ends", 60)]
    clock.now = right + 32 * DAY
    assert kinds(endings) == [("certificate_ends", 30)]
    clock.now = right + 20 * DAY  # set back: 41 days are left by it
    assert kinds(endings) == []
    clock.now = right + 33 * DAY
    assert kinds(endings) == []


def test_a_clock_that_was_ahead_swallows_nothing(endings: Endings, clock: Clock) -> None:
    right = clock.now
    remembered(endings, left=70 * DAY)
    clock.now = right + 80 * DAY
    assert kinds(endings) == [("certificate_ended", 0)]
    clock.now = right + 11 * DAY
    assert kinds(endings) == [("certificate_ends", 60)]


INN, INN_LE, OGRN, SNILS = "1.2.643.3.131.1.1", "1.2.643.100.4", "1.2.643.100.1", "1.2.643.100.3"
CITIZEN = ((INN, "500100732259"), (SNILS, "11223344595"))
COMPANY = (*CITIZEN, (INN_LE, "7707083893"), (OGRN, "1027700132195"))


def issued(begins: datetime, days: int, *subject: tuple[str, str], owner: str = "Anna") -> bytes:
    return certificate(ec.generate_private_key(ec.SECP256R1()), owner, begins=begins, days=days, subject=subject)


def on(place: TokenState, *ders: bytes) -> Listing:
    entries = tuple(CertificateEntry(hashlib.sha256(der).hexdigest(), der, place, True) for der in ders)
    return Listing(entries, (place,), ())


def test_what_a_newer_certificate_replaces_is_not_told_of_wherever_that_lies(endings: Endings, clock: Clock) -> None:
    endings.saw(on(token("77"), issued(clock.now - 300 * DAY, 320, *CITIZEN)))
    assert kinds(endings, tell=False) == [("certificate_ends", 30)]
    endings.saw(on(token("78"), issued(clock.now - DAY, 365, *CITIZEN)))  # the old one's token is out
    assert kinds(endings, tell=False) == []
    assert len(endings.all()) == 2


@pytest.mark.parametrize(
    ("begins", "days", "subject", "owner"),
    [
        (-1, 365, COMPANY, "Anna"),  # another role
        (-1, 365, ((INN, "500100732259"), (SNILS, "00000000000")), "Anna"),  # a namesake
        (-1, 365, CITIZEN, "Boris"),
        (5, 365, CITIZEN, "Anna"),  # it has not begun
        (-300, 310, CITIZEN, "Anna"),  # it ends before
        (-400, 399, CITIZEN, "Anna"),  # it is over
    ],
)
def test_what_no_newer_certificate_of_the_same_role_replaces_is_told_of(
    endings: Endings, clock: Clock, begins: int, days: int, subject: tuple[tuple[str, str], ...], owner: str
) -> None:
    old = issued(clock.now - 300 * DAY, 320, *CITIZEN)
    other = issued(clock.now + begins * DAY, days, *subject, owner=owner)
    endings.saw(on(token("77"), old, other))
    serial = next(one.serial for one in endings.all() if one.not_after.date() == (clock.now + 20 * DAY).date())
    assert serial in [one.ending.serial for one in endings.due(THRESHOLDS)]


def test_a_replaced_certificate_is_told_of_again_once_the_newer_one_was_deleted(endings: Endings, clock: Clock) -> None:
    old = issued(clock.now - 300 * DAY, 320, *CITIZEN)
    endings.saw(on(token("77"), old, issued(clock.now - DAY, 365, *CITIZEN)))
    assert kinds(endings) == []
    endings.saw(on(token("77"), old))
    assert kinds(endings) == [("certificate_ends", 30)]


def test_what_an_older_pero_remembered_is_told_of(tmp_path: Path, clock: Clock) -> None:
    """Its lines have no tag: they replace nothing, and nothing replaces them until they are seen again."""
    end = f"{clock.now + 20 * DAY:%Y-%m-%dT%H:%M:%SZ}"
    lines = [{"owner": "Anna", "serial": "01", "token": "1", "not_after": end}]
    (tmp_path / "endings.json").write_text(json.dumps(lines))
    endings = Endings(tmp_path / "endings.json", clock)
    endings.saw(on(token("78"), issued(clock.now - DAY, 365)))
    assert kinds(endings) == [("certificate_ends", 30)]


@pytest.mark.parametrize("content", [b"", b"{", b"[[[", b'[{"owner":1}]', b"\xff", b"[" * 100_000])
def test_a_damaged_file_is_begun_anew(tmp_path: Path, clock: Clock, content: bytes) -> None:
    (tmp_path / "endings.json").write_bytes(content)
    endings = Endings(tmp_path / "endings.json", clock)
    endings.saw(listing(("Anna", token("77"))))
    assert [one.owner for one in Endings(tmp_path / "endings.json", clock).all()] == ["Anna"]


def test_a_folder_that_cannot_be_written_costs_the_memory_alone(tmp_path: Path, clock: Clock) -> None:
    endings = Endings(tmp_path / "absent" / "endings.json", clock)
    endings.saw(listing(("Anna", token("77"))))
    assert kinds(endings) == [("certificate_ends", 30)]
    assert kinds(endings) == []


@pytest.mark.parametrize(
    ("hours", "at", "quiet"),
    [
        ("22:00-08:00", "21:59", False),
        ("22:00-08:00", "22:00", True),
        ("22:00-08:00", "07:59", True),
        ("22:00-08:00", "08:00", False),
        ("12:00-13:00", "12:30", True),
        ("12:00-13:00", "13:00", False),
        ("", "03:00", False),
        ("10:00-10:00", "10:00", False),
    ],
)
def test_quiet_hours(hours: str, at: str, quiet: bool) -> None:
    assert is_quiet(hours, time.fromisoformat(at)) is quiet


class Person:
    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Fact]]] = []
        self.hour = 3

    async def notify(self, kind: str, facts: dict[str, Fact], actions: tuple[tuple[str, str], ...]) -> None:
        assert actions == (("open:certificates", "notice.action.certificates"),)
        self.told.append((kind, facts))

    def local(self) -> datetime:
        return datetime(2026, 11, 22, self.hour, 0, tzinfo=UTC)


async def test_what_is_due_in_a_quiet_hour_is_told_after_it(endings: Endings) -> None:
    person = Person()
    reminders = Reminders(endings, Settings, person.notify, "ru", person.local)
    endings.saw(listing(("Anna", token("77"))))
    await reminders.tell()
    assert person.told == []
    person.hour = 8
    await reminders.tell()
    await reminders.tell()
    ((kind, facts),) = person.told
    assert (kind, facts["owner"]) == ("certificate_ends", "Anna")
    assert facts["day"] == f"{endings.all()[0].not_after:%d.%m.%Y}"


async def test_many_that_end_are_told_of_at_once(endings: Endings) -> None:
    person = Person()
    person.hour = 12
    endings.saw(listing(*((f"Owner {number}", token(str(number + 1))) for number in range(8))))
    await Reminders(endings, Settings, person.notify, "en", person.local).tell()
    assert [(kind, facts["number"]) for kind, facts in person.told] == [("many_end", 8)]


async def test_a_changed_setting_is_heeded_at_once(endings: Endings) -> None:
    person, settings = Person(), Settings(quiet_hours="00:00-23:59")
    person.hour = 12
    endings.saw(listing(("Anna", token("77"))))
    reminders = Reminders(endings, lambda: settings, person.notify, "en", person.local)
    reminders.start()
    try:
        await asyncio.sleep(0.1)
        assert person.told == []
        settings = Settings(quiet_hours="")
        reminders.wake()
        async with asyncio.timeout(60):
            while not person.told:
                await asyncio.sleep(0.01)
    finally:
        await reminders.close()


async def test_what_is_seen_while_the_agent_runs_is_told_at_once(endings: Endings) -> None:
    person = Person()
    person.hour = 12
    reminders = Reminders(endings, Settings, person.notify, "en", person.local)
    reminders.start()
    try:
        endings.saw(listing(("Anna", token("77"))))
        async with asyncio.timeout(60):
            while not person.told:
                await asyncio.sleep(0.01)
    finally:
        await reminders.close()


async def test_a_certificate_that_ends_never_is_remembered_when_its_token_is_out(endings: Endings) -> None:
    """RFC 5280 section 4.1.2.5: 99991231235959Z stands for no end; nothing can be added to it."""
    never = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    endings._endings = [Ending("Owner", "01", "A", never)]
    endings.saw(listing())
    assert [one.not_after for one in endings.all()] == [never]
    assert endings.due(THRESHOLDS) == ()
