"""Puts the extension together for each browser family: build/extension/{chromium,firefox}. Standard library only.

`python3 build.py [OUT]`; the folders hold what a browser loads unpacked, and what a package of it would hold.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEFAULT_OUT = HERE.parent / "build" / "extension"
FAMILIES = ("chromium", "firefox")


def build(family: str, out: Path = DEFAULT_OUT) -> Path:
    """Build one family's folder anew; returns it."""
    target = out / family
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(HERE / "source", target, ignore=shutil.ignore_patterns("*.svg", "*.d.ts"))
    (target / "manifest.json").write_text(json.dumps(manifest(family), ensure_ascii=False, indent=2) + "\n", "utf-8")
    return target


def manifest(family: str) -> dict[str, object]:
    """What is common, and what the family adds."""
    parts = (json.loads((HERE / "manifests" / f"{name}.json").read_text("utf-8")) for name in ("common", family))
    return {key: value for part in parts for key, value in part.items()}


if __name__ == "__main__":
    for each in FAMILIES:
        print(build(each, Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUT))  # noqa: T201 - a build script
