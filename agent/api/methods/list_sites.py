"""`list_sites`: the sites that the person allowed or lately refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method, Nothing
from agent.api.services import Services
from agent.signing.fitting import iso


async def list_sites(services: Services, _caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    return {
        "sites": [
            {
                "origin": origin,
                "allowed": site.allowed,
                "since": _iso(site.since),
                "last_used": _iso(site.last_used),
                "refused_until": _iso(site.refused_until),
                "blocked": site.blocked,
            }
            for origin, site in services.origins.all().items()
        ]
    }


def _iso(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None


METHOD = Method("list_sites", COMMAND, Nothing, list_sites)
