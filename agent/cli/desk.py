"""`pero desk`: Pero's own window. An agent is started where none runs; it stays."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import click

from agent.cli.context import Context
from agent.errors import NotRunning

PAGES = ("certificates", "sign", "verify", "journal", "diagnosis", "care", "sites", "settings", "guide")
_START = 15.0  # seconds for an agent to answer


@click.command(help="command.desk.help")
@click.argument("page", type=click.Choice(PAGES), default="certificates", metavar="[PAGE]")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILES]...")
@click.pass_obj
def command(context: Context, page: str, files: tuple[Path, ...]) -> None:
    context.run(open_page(context, page, [str(file.absolute()) for file in files]))


async def open_page(context: Context, page: str, files: list[str]) -> None:
    """`files`: absolute paths. Raises WindowUnavailable, NotRunning."""
    from agent.transport.client import LocalClient, PinChoice

    loop = asyncio.get_running_loop()
    deadline = loop.time() + _START
    started = False
    while True:
        try:
            client = await LocalClient.connect(context.locations.socket, PinChoice("window"))
            break
        except NotRunning:
            if loop.time() > deadline:
                raise
            if not started:
                _start(context)
                started = True
            await asyncio.sleep(0.05)
    try:
        await client.call("open_desk", {"page": page, "files": files})
    finally:
        client.close()


def _start(context: Context) -> None:
    """An agent of its own session: it outlives this command and the terminal."""
    subprocess.Popen(
        [sys.executable, "-P", "-m", "agent.cli.main", "run"],
        env=dict(context.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
