"""`pero diagnose` on a machine of a test's own, whose token's module misbehaves where it is told to."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.harness.command_line import CommandLine
from tests.harness.places import ROOT
from tests.harness.softhsm import MODULE, SoftHsm, make_softhsm

FAULT = ROOT / "build" / "tokens" / "fault.so"


class Examined(CommandLine):
    """A token of SoftHSM behind the fault module, which stands where the vendor's module would."""

    def __init__(self, folder: Path, module: str = MODULE) -> None:
        super().__init__(folder)
        (folder / "module").mkdir()
        self.module = folder / "module" / Path(MODULE).name
        shutil.copy(FAULT, self.module)
        self.log = folder / "calls"
        self.environment |= {
            "PERO_FAULT_MODULE": module,
            "PERO_FAULT_FILE": str(folder / "faults"),
            "PERO_FAULT_LOG": str(self.log),
        }
        self.settings(clock_hosts=(), modules=(str(self.module),))

    def token(self, key: str = "p256") -> SoftHsm:
        (self.folder / "token").mkdir()
        token = make_softhsm(self.folder / "token", key)
        self.environment |= token.environment
        return token

    def faults(self, *lines: str) -> None:
        """Lines of tests/tokens/fault.c; none: the module is well again."""
        partial = self.folder / "faults.new"
        partial.write_text("".join(f"{line}\n" for line in lines))
        partial.replace(self.folder / "faults")

    def calls(self) -> list[str]:
        """Names of the calls that the module saw so far."""
        return self.log.read_text().split() if self.log.exists() else []

    def rows(self, *areas: str, language: str = "C") -> list[dict[str, Any]]:
        """What `pero diagnose --json` finds."""
        options = [option for area in areas for option in ("--area", area)]
        ended = self.run("diagnose", "--json", *options, language=language)
        assert ended.status in (0, 1, 2), ended.complaint
        found: list[dict[str, Any]] = ended.json["findings"]
        return found

    def cases(self, check: str, *areas: str) -> list[tuple[str, str]]:
        """Case and status of the findings of one check."""
        rows = self.rows(*(areas or (check.partition(".")[0],)))
        return [(row["case"], row["status"]) for row in rows if row["id"] == check]
