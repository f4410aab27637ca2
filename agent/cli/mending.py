"""What `pero diagnose --mend` and `--undo` do: offers are shown, agreed to, performed and checked again."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.context import Context, advice
from agent.cli.output import complain, plain, say
from agent.errors import MendFailed, NotRunning, PeroError
from agent.texts.errors import error_text
from native_host import autostart

if TYPE_CHECKING:
    from agent.diagnostics.base import Finding
    from agent.diagnostics.mending.base import Ground, Offer

    Tell = Callable[[str], None]
    Look = Callable[[tuple[str, ...]], Awaitable[list[Finding]]]  # areas in, their findings out

START_SECONDS = 30.0  # until a started agent answers
_POLL = 0.05  # seconds
FETCH_SECONDS = 15.0


class AgentProcess:
    """The agent of this environment, started like `pero run` in a session of its own."""

    def __init__(self, environment: Mapping[str, str], socket: Path) -> None:
        self._environment = environment
        self._socket = socket

    async def start(self) -> None:
        process = subprocess.Popen(  # noqa: ASYNC220 - it is not waited for
            [autostart.program(), "run"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=dict(self._environment),
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await self._answers():
                    if process.poll() is not None:
                        raise MendFailed(step="pero run", reason=f"exit status {process.returncode}")
                    await asyncio.sleep(_POLL)
        except TimeoutError as error:
            raise MendFailed(step="pero run", reason="timeout") from error
        process.returncode = 0  # it is the session's now: nobody here waits for its end

    async def stop(self) -> bool:
        from agent.session import stop_running

        return await stop_running(self._environment)

    async def _answers(self) -> bool:
        from agent.transport.client import LocalClient, PinChoice

        try:
            client = await LocalClient.connect(self._socket, PinChoice("window"))
        except NotRunning:
            return False
        client.close()
        return True


def ground(context: Context) -> Ground:
    """What repairs stand on, of this process."""
    from datetime import UTC, datetime

    from agent.diagnostics.mending.base import Ground
    from agent.diagnostics.mending.rights import elevation

    async def fetch(url: str) -> bytes:
        return await _fetched(context, url)

    async def certificates() -> tuple[bytes, ...]:
        return await _held(context)

    return Ground(
        locations=context.locations,
        environment=context.environment,
        root=Path("/"),
        administrator=elevation(context.environment),
        agent=AgentProcess(context.environment, context.locations.socket),
        fetch=fetch,
        certificates=certificates,
        now=lambda: datetime.now(UTC),
    )


async def _fetched(context: Context, url: str) -> bytes:
    """From an address that a certificate names. Raises MendFailed, SettingsDamaged."""
    from agent.config import load_settings
    from agent.policy import load_policy
    from agent.timestamp.networks import networks
    from agent.timestamp.web import Unreached, Web
    from agent.trust.bundle import MAX_BUNDLE

    settings = load_policy().over(load_settings(context.locations.settings))
    allowed = networks(settings.certificate_networks)
    try:
        async with Web(settings.proxy, context.environment, guarded=allowed) as web:
            return (await web.get(url, limit=MAX_BUNDLE, seconds=FETCH_SECONDS)).body
    except Unreached as error:
        raise MendFailed(step=url, reason=error.reason) from error


async def _held(context: Context) -> tuple[bytes, ...]:
    """DER of the certificates that are listed, of those beside them, and of the issuers that Pero keeps."""
    import base64

    from agent.diagnostics.probes.trust import kept_in

    async with context.session() as call:
        rows = (await call("certificates", {}))["certificates"]
    listed = [base64.b64decode(one) for row in rows for one in (row["certificate"], *row["chain"])]
    return (*listed, *kept_in(context.locations.issuers))


async def mend(
    context: Context,
    findings: Sequence[Finding],
    look: Look,
    only: Collection[str],
    *,
    agreed: bool,
    quietly: bool = False,
) -> list[Finding]:
    """Show, ask, do; where something was done, the findings made anew. One repair that fails stops no other.

    `quietly`: what is said goes to stderr, for stdout is to hold something else.
    """
    from agent.diagnostics.mending.offering import offer

    tell = complain if quietly else say
    standing = ground(context)
    offers = await offer(findings, standing, only)
    if not offers:
        tell(context.text("mend.nothing"))
        return list(findings)
    done = [one for one in offers if await _perform(context, one, standing, tell, agreed=agreed)]
    if not done:
        return list(findings)
    return await _checked_again(context, findings, look, done, tell)


async def _perform(context: Context, offered: Offer, standing: Ground, tell: Tell, *, agreed: bool) -> bool:
    from agent.diagnostics.mending.offering import lines, perform

    heading, *steps = lines(offered, standing, context.language)
    tell(heading)
    for line in steps:
        tell(f"    {line}")
    if not (agreed or click.confirm(context.text("mend.ask"), default=False, err=True)):
        return False
    try:
        await perform(offered, standing)
    except PeroError as error:
        _complain(context, error)
        return False
    tell(context.text("mend.done"))
    return True


async def _checked_again(
    context: Context, findings: Sequence[Finding], look: Look, done: Sequence[Offer], tell: Tell
) -> list[Finding]:
    from agent.diagnostics.report import title, wording

    areas = {finding.area for finding in findings}
    again = await look(tuple(areas))  # all of them: what a fault hid may lie in any area
    cured = dict.fromkeys(finding.id for one in done for finding in one.findings)
    for identifier in cured:
        wrong = [finding for finding in again if finding.id == identifier and not finding.well]
        for finding in wrong:
            tell(context.text("mend.stays", text=wording(finding, context.language)))
        if not wrong:
            tell(context.text("mend.gone", title=title(identifier, context.language)))
    tell(context.text("mend.undo_how"))
    return again


async def undo(context: Context, *, agreed: bool) -> bool:
    """Take the last repair back; whether that was done or nothing was to be done."""
    from agent.diagnostics.mending import offering

    standing = ground(context)
    records = offering.performed(standing)
    if not records:
        say(context.text("mend.nothing_to_undo"))
        return True
    record = records[-1]
    heading = offering.title(record.remedy, context.language)
    say(f"{plain(record.time)}  {heading}")
    for line in offering.undo_lines(record, standing, context.language):
        say(f"    {line}")
    if not (agreed or click.confirm(context.text("mend.ask_undo"), default=False)):
        return False
    await offering.undo(record, standing)
    say(context.text("mend.undone", title=heading))
    return True


def _complain(context: Context, error: PeroError) -> None:
    complain(error_text(error.name, context.language, error.facts))
    complain(advice(error, context.language))
