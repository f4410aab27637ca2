"""The sites that `pero diagnose` tries, and what their trials say together: a fault here, or one of theirs."""

from __future__ import annotations

import asyncio

from agent.config import Portal
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.network import Trial

# Words in the names of who issues certificates on the fly: filters, firewalls and antivirus programs.
INSPECTORS = (
    "kaspersky", "eset ssl", "avast", "avg ", "dr.web", "drweb", "bitdefender", "fortinet", "fortigate", "zscaler",
    "blue coat", "bluecoat", "netskope", "palo alto", "check point", "sophos", "watchguard", "squid", "mitmproxy",
    "fiddler", "charles proxy", "usergate", "solar webproxy", "ideco", "traffic inspector", "skydns", "cisco umbrella",
    "secure web gateway", "websense", "forcepoint", "mcafee", "adguard",
)  # fmt: skip
_MINISTRY = "russian trusted"  # the roots of the Ministry of Digital Development


def name_of(portal: Portal, trial: Trial) -> str:
    return portal.name or trial.host


def is_inspector(issuer: str) -> bool:
    return any(word in issuer.casefold() for word in INSPECTORS)


def is_ministry(issuer: str) -> bool:
    return _MINISTRY in issuer.casefold()


async def portals(probe: Probe) -> list[tuple[Portal, Trial]]:
    chosen = probe.settings().portals
    trials = await asyncio.gather(*(probe.network.trial(portal.url) for portal in chosen))
    return list(zip(chosen, trials, strict=True))


async def pages(probe: Probe) -> list[Trial]:
    """Pages over plain HTTP that have nothing to do with the portals."""
    return list(await asyncio.gather(*(probe.network.trial(url) for url in probe.settings().clock_pages)))


async def everything(probe: Probe) -> list[Trial]:
    """Portals and pages, tried at once."""
    of_portals, of_pages = await asyncio.gather(portals(probe), pages(probe))
    return [trial for _portal, trial in of_portals] + of_pages


async def anybody(probe: Probe) -> bool:
    """Whether the network leads anywhere: what is silent meanwhile is silent by itself."""
    return any(trial.answered for trial in await everything(probe))
