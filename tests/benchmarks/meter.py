"""What a PKCS#11 module costs by itself: the figures of tests/tokens/meter.c."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

from tests.harness.places import ROOT

MODULE = ROOT / "build" / "tokens" / "meter.so"
_ROW = struct.Struct("=QQ")  # calls, nanoseconds

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


class Meter:
    """The file that the module adds to (PERO_METER_FILE)."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def environment(self, module: str) -> dict[str, str]:
        """For the process that loads MODULE in front of `module`."""
        return {"PERO_METER_MODULE": module, "PERO_METER_FILE": str(self._file)}

    def total(self) -> Spent:
        """Everything since the file was made."""
        rows = list(_ROW.iter_unpack(self._file.read_bytes())) if self._file.exists() else []
        return Spent(sum(calls for calls, _ in rows), sum(time for _, time in rows) / 1e6)

    def by_function(self) -> dict[str, Spent]:
        rows = enumerate(_ROW.iter_unpack(self._file.read_bytes()))
        return {NAMES.get(place, f"function {place}"): Spent(calls, t / 1e6) for place, (calls, t) in rows if calls}
