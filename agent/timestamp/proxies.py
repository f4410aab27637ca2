"""Which proxy stands before an address: the setting, else the environment, else the system's own (Windows, macOS)."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

DIRECT = "direct"


def proxy_for(url: str, setting: str, environment: Mapping[str, str]) -> str:
    """URL of the proxy; empty: none. `setting` is a URL, DIRECT, or empty."""
    import urllib.request  # late: 10 ms

    parts = urlsplit(url)
    if setting:
        return "" if setting == DIRECT else setting
    found = _of_environment(environment)
    if found:
        host = parts.netloc.rpartition("@")[2]
        bypass = urllib.request.proxy_bypass_environment(host, found)  # type: ignore[attr-defined]  # not in typeshed
    elif sys.platform in ("win32", "darwin"):
        found, bypass = urllib.request.getproxies(), bool(urllib.request.proxy_bypass(parts.hostname or ""))
    else:
        return ""
    return "" if bypass else found.get(parts.scheme) or found.get("all", "")


def _of_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """By scheme, with "all" and "no"; lower case wins, as in curl."""
    found = {}
    for scheme in ("http", "https", "all", "no"):
        name = f"{scheme}_proxy"
        value = environment.get(name) or environment.get(name.upper(), "")
        if value:
            found[scheme] = value
    return found


def options(proxy: str) -> dict[str, Any]:
    """What a request of aiohttp takes. Raises ValueError for an address that is none."""
    if not proxy:
        return {}
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("proxy")
    found: dict[str, Any] = {
        "proxy": f"{parts.scheme}://{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    }
    if parts.username is not None:
        # aiohttp 3 makes Proxy-Authorization of it, in the request or in CONNECT.
        login = basic(unquote(parts.username), unquote(parts.password or ""))
        found["proxy_headers"] = {"Authorization": login}
    return found


def basic(user: str, password: str) -> str:
    """The header's value of HTTP basic authentication (RFC 7617), in UTF-8. Raises ValueError."""
    if ":" in user:
        raise ValueError("user")
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
