"""What a PKCS#11 module costs by itself: the figures of tests/tokens/meter.c."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

from tests.harness.places import ROOT

MODULE = ROOT / "build" / "tokens" / "meter.so"
_ROW = struct.Struct("=QQQ")  # calls, nanoseconds, nanoseconds of processor time

# Places in CK_FUNCTION_LIST (PKCS#11 v2.40, appendix) of the calls that a signature needs.
NAMES = {
    0: "C_Initialize", 1: "C_Finalize", 2: "C_GetInfo", 4: "C_GetSlotList", 5: "C_GetSlotInfo", 6: "C_GetTokenInfo",
    7: "C_GetMechanismList", 12: "C_OpenSession", 13: "C_CloseSession", 14: "C_CloseAllSessions",
    15: "C_GetSessionInfo", 18: "C_Login", 19: "C_Logout", 24: "C_GetAttributeValue", 26: "C_FindObjectsInit",
    27: "C_FindObjects", 28: "C_FindObjectsFinal", 42: "C_SignInit", 43: "C_Sign",
}  # fmt: skip


class Spent(NamedTuple):
    calls: int
    milliseconds: float
    processor: float  # milliseconds


class Meter:
    """The file that the module adds to (PERO_METER_FILE)."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def environment(self, module: str) -> dict[str, str]:
        """For the process that loads MODULE in front of `module`."""
        return {"PERO_METER_MODULE": module, "PERO_METER_FILE": str(self._file)}

    def total(self) -> Spent:
        """Everything since the file was made."""
        rows = self._rows()
        return Spent(
            sum(row.calls for row in rows), sum(row.milliseconds for row in rows), sum(row.processor for row in rows)
        )

    def by_function(self) -> dict[str, Spent]:
        """The functions that were called."""
        return {NAMES.get(place, f"function {place}"): row for place, row in enumerate(self._rows()) if row.calls}

    def _rows(self) -> list[Spent]:
        content = self._file.read_bytes() if self._file.exists() else b""
        return [Spent(calls, time / 1e6, processor / 1e6) for calls, time, processor in _ROW.iter_unpack(content)]
