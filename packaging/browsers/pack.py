"""Packs the extension for shops and administrators: OUT/pero-chromium.zip and OUT/pero-firefox.xpi (unsigned).

`python3 pack.py OUT`. The same source gives the same bytes. A release build of Firefox takes only an .xpi that Mozilla
signed; Chrome takes only what its shop or a policy brings (see the policy files beside this one).
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import zipfile
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "browser_extension" / "build.py"
PACKAGES = {"chromium": "pero-chromium.zip", "firefox": "pero-firefox.xpi"}


def pack(family: str, out: Path) -> Path:
    """One package, with files in order and without times."""
    specification = importlib.util.spec_from_file_location("extension_build", BUILD)
    assert specification is not None  # noqa: S101 - a file beside us
    assert specification.loader is not None  # noqa: S101 - a file beside us
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    package = out / PACKAGES[family]
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        folder = module.build(family, Path(scratch))
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.writestr(
                    zipfile.ZipInfo(str(path.relative_to(folder))), path.read_bytes(), zipfile.ZIP_DEFLATED
                )
    return package


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for each in PACKAGES:
        print(pack(each, target))  # noqa: T201 - a build script
