"""The wordings of errors: what happened and what to do, with codes among the facts put into words."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import Any

from agent.texts.catalogue import text
from agent.texts.return_codes import in_words

# Why somebody who was asked over the network gave nothing of use; worded for one error, and meant by all with `tried`.
TRIED = (
    "name_not_found",
    "refused",
    "unreachable",
    "timed_out",
    "broken",
    "tls",
    "unauthorized",
    "proxy",
    "proxy_unauthorized",
    "http",
    "redirected",
    "address",
    "too_large",
    "media_type",
    "rejected",
    "password_file",
    "anchors_file",
    "damaged",
    "imprint",
    "nonce",
    "policy",
    "signature",
    "certificate",
    "purpose",
    "expired",
    "algorithm",
    "time",
    "untrusted",
    "unknown",
    "stale",
    "scope",
)
RIGHTS = ("view", "sign", "manage")  # as policy gives them

# Errors whose fact `reason` may be one of our codes; other reasons are the system's own words.
REASONS: Mapping[str, tuple[str, ...]] = {
    "module_unloadable": ("format", "architecture", "no_library"),
    "module_forbidden": ("not_listed", "changed"),
    "timestamp_unavailable": TRIED,
    "pin_invalid": ("refused", "weak", "expired"),
    "subject_invalid": ("missing", "length", "characters", "check_digit"),
    "field_unusable": ("absent", "kind", "signed", "constrained"),
    "existing_unsupported": ("too_large", "too_many_signers", "encoding", "content_type", "not_octets"),
    "xml_unsafe": ("doctype", "xinclude", "transform", "encoding", "version", "depth", "complex", "astral"),
    "certificate_unusable": (
        "expired",
        "not_yet_valid",
        "key_period_over",
        "key_period_not_begun",
        "key_usage",
        "key_unsupported",
        "no_key",
    ),
}


# What the system says of files (strerror(3), whose words Python gives in English), and we where it says nothing.
SYSTEM: Mapping[str, str] = {
    **{
        os.strerror(getattr(errno, name)): name
        for name in (
            "ENOENT", "EEXIST", "EISDIR", "ENOTDIR", "EACCES", "EPERM", "ENOSPC", "EROFS", "ENAMETOOLONG", "ELOOP",
            "EIO", "EBUSY", "EFBIG", "EMFILE", "EDQUOT", "ETXTBSY", "ENOTEMPTY",
        )
        if hasattr(errno, name)
    },
    "not a file": "not_a_file",
    "the name is not UTF-8": "name_not_utf8",
    "unreadable": "unreadable",
    "embedded null byte": "null_in_name",
    "open to other users": "open_to_others",
    "owned by another user": "of_another_user",
    "not a folder": "not_a_folder",
}  # fmt: skip


def error_text(name: str, language: str, facts: Mapping[str, Any]) -> str:
    """What happened. A name that no catalogue knows comes back as its key."""
    return text(f"error.{name}.text", language, **worded(name, language, facts))


def error_advice(name: str, language: str, facts: Mapping[str, Any]) -> str:
    """What can be done about it."""
    return text(f"error.{name}.advice", language, **worded(name, language, facts))


def reason_text(name: str, language: str, facts: Mapping[str, Any]) -> str:
    """The reason of an error in words; empty where it has none."""
    reason = str(facts.get("reason") or "")
    if reason in REASONS.get(name, ()):
        return text(f"error.{name}.reason.{reason}", language, **facts)
    return text(f"system.{SYSTEM[reason]}", language) if reason in SYSTEM else reason


def worded(name: str, language: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as the wordings take them."""
    found = dict(facts)
    if "reason" in facts:
        found["reason"] = reason_text(name, language, facts)
    if "return_code" in facts:
        found["return_code"] = in_words(str(facts["return_code"]), language)
    if name == "right_missing":
        found["right"] = _right_word(language, str(facts.get("right", "")))
    if name == "passphrase_weak":
        found["faults"] = faults_text(language, str(facts.get("faults", "")), facts)
    if "tried" in facts:
        found["tried"] = tried_text(language, str(facts["tried"]))
    return found


def faults_text(language: str, faults: str, facts: Mapping[str, Any]) -> str:
    """What is wrong with a passphrase: names with commas between, in words."""
    return ", ".join(text(f"passphrase.fault.{one}", language, **facts) for one in faults.split(",") if one)


def tried_text(language: str, tried: str) -> str:
    """Who was asked, and why it was in vain: "WHO=REASON; WHO=REASON" in words."""
    pairs = (one.rpartition("=") for one in tried.split("; ") if one)
    return "; ".join(f"{who}: {_tried_word(language, reason)}" for who, _, reason in pairs)


def _right_word(language: str, right: str) -> str:
    return text(f"error.right_missing.right.{right}", language) if right in RIGHTS else right


def _tried_word(language: str, reason: str) -> str:
    code, _, status = reason.partition(" ")  # "http 503"
    if code not in TRIED:
        return reason
    return f"{text(f'error.timestamp_unavailable.reason.{code}', language)} {status}".rstrip()
