"""Return codes of PKCS#11 in words. What they mean to the program is in ``tokens.return_codes``."""

from __future__ import annotations

from agent.texts.catalogue import text

_VENDOR = "CKR_VENDOR_DEFINED"


def in_words(code: str, language: str) -> str:
    """What a code says, and behind it the code, for those who look it up; an unknown one (a number) as it is."""
    name = _VENDOR if code.startswith(_VENDOR) else code
    key = f"return_code.{name.lower()}"
    meaning = text(key, language)
    return code if meaning == key else f"{meaning} ({code})"
