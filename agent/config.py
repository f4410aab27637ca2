"""Where Pero keeps things, and what the person set. `PERO_HOME` keeps all of it in one folder."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import platformdirs

from agent.errors import FileUnwritable, SettingsDamaged, StateUnsafe

VERSION = "0.1.0"
LOOPBACK_PORTS = (14741, 24741, 29741)  # below every system's ephemeral range; the first free one is taken
SOCKET_NAME = 16  # hex digits of the hash of the state folder
_SESSIONS = Path("/run/user")  # where login managers make each user's runtime folder


class Locations(msgspec.Struct, frozen=True):
    """The folders and files of one agent. All folders are 0700."""

    state: Path
    runtime: Path

    @property
    def settings(self) -> Path:
        return self.state / "settings.json"

    @property
    def journal(self) -> Path:
        return self.state / "journal.sqlite"

    @property
    def journal_index(self) -> Path:
        """What the journal is searched by; it can be thrown away."""
        return self.state / "journal-index.sqlite"

    @property
    def journal_archive(self) -> Path:
        """Where old entries go, unless policy names another folder."""
        return self.state / "journal-archive"

    @property
    def origins(self) -> Path:
        return self.state / "sites.json"

    @property
    def key_files(self) -> Path:
        return self.state / "keyfiles"

    @property
    def uploads(self) -> Path:
        return self.state / "uploads"

    @property
    def issuers(self) -> Path:
        """Certificates of authorities that were fetched because a path wanted them."""
        return self.state / "issuers"

    @property
    def log(self) -> Path:
        return self.state / "pero.log"

    @property
    def pause(self) -> Path:
        return self.state / "paused"

    @property
    def notices(self) -> Path:
        return self.state / "notices.json"

    @property
    def unfinished_keys(self) -> Path:
        """Key pairs that generations may have left on tokens that were cut short."""
        return self.state / "unfinished-keys.json"

    @property
    def endings(self) -> Path:
        """When certificates end that were seen on tokens and in key files."""
        return self.state / "endings.json"

    @property
    def states(self) -> Path:
        """What was last learned about revocation, by certificate."""
        return self.state / "certificate-states.json"

    @property
    def authorities(self) -> Path:
        """Certificates of authorities that the person trusts where signatures are verified."""
        return self.state / "authorities"

    @property
    def guide(self) -> Path:
        """When the guide of the first run was shown."""
        return self.state / "guide-shown"

    @property
    def passphrase_reminders(self) -> Path:
        """Of which key files' passphrases the person was told, and when."""
        return self.state / "passphrase-reminders.json"

    @property
    def lock(self) -> Path:
        return self.state / "agent.lock"

    @property
    def host_launcher(self) -> Path:
        return self.state / "native-host"

    @property
    def socket(self) -> Path:
        """The local socket: short, and another one for each state folder (sun_path holds 108 bytes)."""
        name = hashlib.sha256(os.fsencode(self.state)).hexdigest()[:SOCKET_NAME]
        return self.runtime / f"{name}.sock"


class TimestampAuthority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A time-stamp authority (RFC 3161). Only the digest of a signature goes there."""

    url: Annotated[str, msgspec.Meta(pattern="^https?://")]
    name: str = ""  # for people; empty: the host
    user: str = ""  # of HTTP basic authentication (RFC 7617); empty: none
    password_file: str = ""  # absolute; holds the password of `user` and is closed to others
    digest: str = ""  # what the authority stamps, a name in algorithms.DIGESTS; empty: as the signature has it
    policy: Annotated[str, msgspec.Meta(pattern=r"^([0-2](\.\d+)+)?$")] = ""  # dotted OID to ask for; empty: its own
    anchors: str = ""  # a PEM file, absolute: its certificate must lead to one of these; empty: any authority's


class Portal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A site whose way `pero diagnose` tries, step by step. Nothing but a request for its first page goes there."""

    url: Annotated[str, msgspec.Meta(pattern="^https?://")]
    name: str = ""  # for people; empty: the host


# By `pero diagnose` alone. Of different operators, so that none is believed by itself.
CLOCK_HOSTS = ("ntp1.vniiftri.ru", "ntp.msk-ix.ru", "pool.ntp.org", "time.cloudflare.com", "time.google.com")
CLOCK_PAGES = ("http://www.gosuslugi.ru/", "http://www.nalog.gov.ru/", "http://ya.ru/", "http://www.cbr.ru/")
PORTALS = (
    Portal("https://www.gosuslugi.ru/", "Госуслуги"),
    Portal("https://lkul.nalog.ru/", "ФНС"),
    Portal("https://zakupki.gov.ru/", "ЕИС «Закупки»"),
)


ThresholdDays = Annotated[int, msgspec.Meta(ge=1, le=3650)]
QUIET_HOURS = r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$"  # from-to, over midnight too


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the person set; the file may be missing."""

    language: str = ""  # "ru", "en"; empty: as the system says
    modules: tuple[str, ...] = ()  # paths of PKCS#11 modules added by hand, absolute
    clock_hosts: tuple[str, ...] = CLOCK_HOSTS  # asked for the time, by NTP
    clock_pages: tuple[str, ...] = CLOCK_PAGES  # asked for the time where NTP is not answered, by the header Date
    portals: tuple[Portal, ...] = PORTALS
    expiry_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 30  # before its end a certificate is warned of
    expiry_thresholds: tuple[ThresholdDays, ...] = (60, 30, 14, 7, 1)  # days before its end; told once at each
    passphrase_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 365  # age at which a change is advised; 0: never
    quiet_hours: Annotated[str, msgspec.Meta(pattern=QUIET_HOURS)] = "22:00-08:00"  # local time; "": none
    timestamp_authorities: tuple[TimestampAuthority, ...] = ()  # asked in this order until one answers
    proxy: str = ""  # of time-stamps and revocation; "direct": none; empty: as the environment or the system says
    certificate_networks: tuple[str, ...] = ()  # "10.0.0.0/8": not public, yet addresses in certificates may lead there
    upload_bytes: Annotated[int, msgspec.Meta(ge=0)] = 8 << 30  # of large documents that one site hands over; on disk

    def __post_init__(self) -> None:
        check_networks(self.certificate_networks)


def check_networks(named: tuple[str, ...]) -> None:
    """Raises ValueError unless each is an address or a network in digits."""
    for one in named:
        ipaddress.ip_network(one, strict=False)


def locations(environment: Mapping[str, str]) -> Locations:
    """The folders of this user; nothing is made. `environment` is os.environ's shape."""
    home = environment.get("PERO_HOME")
    if home:
        state = Path(os.path.abspath(home))  # noqa: PTH100 - resolve() would follow links, which are checked later
        return Locations(state=state, runtime=_runtime(environment))
    return Locations(state=Path(platformdirs.user_data_dir("pero", appauthor=False)), runtime=_runtime(environment))


def _runtime(environment: Mapping[str, str]) -> Path:
    """The runtime folder of the login session, or a fallback of ours that `secure_folder` checks.

    `su`, cron and the like do not pass XDG_RUNTIME_DIR on: what they start has to meet the session's agent too.
    """
    given = environment.get("XDG_RUNTIME_DIR")
    if given and Path(given).is_dir():
        return Path(given) / "pero"
    if hasattr(os, "getuid"):
        session = _SESSIONS / str(os.getuid())
        if _is_ours(session):
            return session / "pero"
        return Path(tempfile.gettempdir()) / f"pero-{os.getuid()}"
    return Path(platformdirs.user_runtime_dir("pero", appauthor=False))


def _is_ours(folder: Path) -> bool:
    """Whether it is a folder, no link, and belongs to this user."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()


def secure_folder(folder: Path) -> None:
    """Make a folder 0700, or check that it is one of ours: no link, our owner, closed to others. Raises StateUnsafe."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise StateUnsafe(path=str(folder), reason=error.strerror or "unreachable") from error
    if not stat.S_ISDIR(status.st_mode):
        raise StateUnsafe(path=str(folder), reason="not a folder")
    if hasattr(os, "getuid"):
        if status.st_uid != os.getuid():
            raise StateUnsafe(path=str(folder), reason="owned by another user")
        if status.st_mode & 0o077:
            raise StateUnsafe(path=str(folder), reason="open to other users")


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 whole or not at all. Raises FileUnwritable; what stood there stays then."""
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=path.name, dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise FileUnwritable(path=str(path), reason=error.strerror or "unwritable") from error


def load_settings(path: Path) -> Settings:
    """The settings; defaults where there is no file. Raises SettingsDamaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Settings)
    except FileNotFoundError:
        return Settings()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsDamaged(path=str(path), detail=str(error)) from error


def save_settings(path: Path, settings: Settings) -> None:
    write_private(path, msgspec.json.format(msgspec.json.encode(settings), indent=2) + b"\n")
