"""All figures in one run: ``python -m tests.benchmarks [PART...]``. A goal that is missed fails nothing.

Goals are for the median. Every reference is measured in the same run, on the same machine and disk.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tests.benchmarks import (
    batch,
    cms,
    doctor,
    fleet,
    gost,
    journal,
    large,
    memory,
    null_call,
    signing,
    slow_module,
    starting,
    tokens,
    window,
)
from tests.benchmarks import (
    desk as desk_window,
)
from tests.benchmarks.figures import Figure, table
from tests.benchmarks.meter import MODULE
from tests.harness.places import ROOT
from tests.harness.whole import Desk, end

PARTS = (
    "null",
    "sign",
    "start",
    "memory",
    "large",
    "gost",
    "cms",
    "slow",
    "tokens",
    "batch",
    "fleet",
    "doctor",
    "journal",
    "desk",
    "window",
)


def main(parts: Iterable[str]) -> None:
    begin = time.monotonic()
    subprocess.run(["make", "-s", "-C", str(ROOT / "tests" / "tokens")], check=True)
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} processors, load {_load()}")
    with tempfile.TemporaryDirectory(prefix="pero-bench-") as folder:
        if "cms" in parts:
            _show("1 KiB signed, without the token", cms.share(Path(folder)))
            if set(parts) == {"cms"}:
                return
        if "desk" in parts:
            _show("Certificates in Pero's window", desk_window.figures())
            if set(parts) == {"desk"}:
                return
        if "window" in parts:
            _show("A signing window", window.figures())
            if set(parts) == {"window"}:
                return
        if "gost" in parts:
            _show("Streebog", gost.streebog(Path(folder)))
            _show("GOST R 34.10-2012 in software", gost.verification(Path(folder)))
            if set(parts) == {"gost"}:
                return
        if "slow" in parts:
            _show("A module that hangs", slow_module.figures(Path(folder)))
            if set(parts) == {"slow"}:
                return
        if "batch" in parts:
            _show("A batch", batch.figures(Path(folder, "batch")))
            if set(parts) == {"batch"}:
                return
        if "doctor" in parts:
            _show("pero diagnose: three modules, a reader with a card", doctor.figures(Path(folder, "doctor")))
            if set(parts) == {"doctor"}:
                return
        if "journal" in parts:
            _show("A journal of a million entries", journal.figures(Path(folder, "journal")))
            if set(parts) == {"journal"}:
                return
        if "fleet" in parts:
            _show("Ten thousand machines", fleet.figures(Path(folder, "fleet")))
            if set(parts) == {"fleet"}:
                return
        if "tokens" in parts:
            _show("Signatures of a token", tokens.figures(Path(folder)))
            if set(parts) == {"tokens"}:
                return
        if "null" in parts or "sign" in parts:
            _calls(Path(folder, "chromium"), "sign" in parts)
        if "null" in parts:
            _firefox(Path(folder, "firefox"))
        with Desk(Path(folder, "quiet"), "chromium") as desk:
            _without_browser(desk, parts)
    print(f"\nIn {time.monotonic() - begin:.0f} seconds, load {_load()}.")


def _calls(folder: Path, with_signatures: bool) -> None:
    """Null calls and signatures, over loopback and over the extension in Chromium."""
    with Desk(folder, "chromium") as desk:
        null_call.allow_site(desk)
        agent = desk.start_agent()
        desk.open_browser()
        _show("Null call: status of an allowed site", [*null_call.raw_figures(desk), *_pages(desk, "Chromium")])
        end(agent)
        if with_signatures:
            desk.pero("modules", "add", str(MODULE))
            for key, name in signing.KEYS.items():
                _show(f"1 KiB signed with {name} on SoftHSM, agreed to at once", signing.figures(desk, key))


def _firefox(folder: Path) -> None:
    with Desk(folder, "firefox") as desk:
        null_call.allow_site(desk)
        desk.start_agent()
        desk.open_browser()
        _show("Null call in Firefox (samples are means of ten calls)", _pages(desk, "Firefox"))


def _pages(desk: Desk, name: str) -> list[Figure]:
    return list(null_call.page_figures(desk, name))


def _without_browser(desk: Desk, parts: Iterable[str]) -> None:
    desk.add_token("rsa2048")
    profile = desk.folder / "profile"
    profile.mkdir()
    desk.pero("setup", "--profile", str(profile))
    desk.add_key_file("rsa2048")
    if "start" in parts:
        _show("Starts", starting.figures(desk))
    if "memory" in parts:
        proportional, own = memory.figures(desk)
        _show("Memory: proportional set size", proportional)
        _show("Memory: of each process alone", own)
        _show("Idle", memory.idle(desk))
    if "large" in parts:
        _show("Large file", large.figures(desk))


def _show(title: str, figures: Iterable[Figure]) -> None:
    print(table(title, figures), flush=True)


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], help="which figures; without any: all")
    main(parser.parse_args().part or PARTS)
