"""Signatures by PyKCS11 and nothing else: ``python -m tests.benchmarks.raw_pkcs11 MODULE LABEL``.

Session, login, find the key, sign, logout: what a program must do for a signature that logs in for itself. The PIN is
the first line of standard input; the times are printed as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import PyKCS11

from tests.benchmarks.requests import DOCUMENT, WARM_UP

COUNT = 60


def sign_once(library: Any, slot: int, pin: str) -> None:
    session = library.openSession(slot)
    session.login(pin)
    (key,) = session.findObjects([(PyKCS11.CKA_CLASS, PyKCS11.CKO_PRIVATE_KEY)])
    if session.getAttributeValue(key, [PyKCS11.CKA_KEY_TYPE])[0] == PyKCS11.CKK_RSA:
        session.sign(key, DOCUMENT.encode(), PyKCS11.Mechanism(PyKCS11.CKM_SHA256_RSA_PKCS, None))
    else:
        session.sign(key, bytes(32), PyKCS11.Mechanism(PyKCS11.CKM_ECDSA, None))
    session.logout()
    session.closeSession()


def measure(module: str, label: str, pin: str) -> list[float]:
    library = PyKCS11.PyKCS11Lib()
    library.load(module)
    slots = library.getSlotList(tokenPresent=True)
    slot = next(slot for slot in slots if library.getTokenInfo(slot).label.strip(" \0") == label)
    found = []
    for _ in range(WARM_UP + COUNT):
        begin = time.perf_counter()
        sign_once(library, slot, pin)
        found.append((time.perf_counter() - begin) * 1e3)
    return found[WARM_UP:]


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], sys.stdin.readline().rstrip("\n"))))
