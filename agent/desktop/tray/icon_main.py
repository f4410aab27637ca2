"""The process of the icon where pystray draws it: ``python -m agent.desktop.tray.icon_main`` (see icon_process).

It ends with its standard input. Where the desktop shows no menu (bare X11), a click opens Pero's window.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from agent.ipc.hardening import die_with_parent, harden

ICONS = Path(__file__).parents[1] / "icons"
_OPEN = "open:certificates"


def main() -> int:
    harden(secret=False)
    die_with_parent()
    first = sys.stdin.readline()
    if not first:
        return 0
    os.environ.setdefault("PYSTRAY_BACKEND", "xorg" if sys.platform == "linux" else "")
    if not os.environ["PYSTRAY_BACKEND"]:
        del os.environ["PYSTRAY_BACKEND"]
    try:
        import pystray
        from PIL import Image
    except Exception as error:  # noqa: BLE001 - pystray lets any error of its backend out at import
        sys.stderr.write(f"icon: {error}\n")
        return 1
    icon = pystray.Icon("pero")
    _show(icon, json.loads(first), pystray, Image)
    threading.Thread(target=_follow, args=(icon, pystray, Image), daemon=True).start()
    icon.run()
    return 0


def _follow(icon: Any, pystray: Any, image: Any) -> None:
    for line in sys.stdin:
        _show(icon, json.loads(line), pystray, image)
        icon.update_menu()
    icon.stop()


def _show(icon: Any, value: dict[str, Any], pystray: Any, image: Any) -> None:
    icon.icon = image.open(ICONS / f"{value['icon']}.png")
    icon.title = value["tooltip"][:120]  # what Windows takes
    icon.menu = pystray.Menu(
        pystray.MenuItem(_OPEN, lambda: _say(_OPEN), default=True, visible=False),
        *(_row(pystray, label, action) for label, action in value["rows"]),
    )


def _row(pystray: Any, label: str, action: str) -> Any:
    if not label:
        return pystray.Menu.SEPARATOR
    return pystray.MenuItem(label, lambda: _say(action), enabled=bool(action))


def _say(action: str) -> None:
    sys.stdout.write(json.dumps({"action": action}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
