"""Which right each method takes: view, sign or manage, given by policy (`agent.policy.Rights`).

They are held here, for whoever calls and by whatever way. They bind Pero: a person who may not sign with it and has a
token, its PIN and another program signs with that.

Changing one's own PIN or passphrase takes the right to sign: it needs the old one, gives nobody more than they had, and
whoever signs with a PIN that somebody saw has to be able to change it at once. Where the PIN is not known (unblocking,
the first one) it takes the right to manage.
"""

from __future__ import annotations

# Saying who one is, taking back, stopping, and settings, of which the locks are judged one by one
FREE = frozenset(
    {
        "connect", "status", "cancel", "stop", "pause", "resume", "open_desk", "diagnose", "list_settings",
        "change_setting", "reset_settings", "report_lost",
    }
)  # fmt: skip
VIEW = frozenset(
    {
        "certificates", "certificate_cards", "certificate_state", "select_certificate", "list_modules", "list_sites",
        "list_authorities", "list_journal", "verify_journal", "search_journal", "note_journal", "list_notices",
        "token_list", "token_changes", "token_objects",
        "list_care", "find_strays",
    }
)  # fmt: skip
SIGN = frozenset(
    {
        "sign", "sign_in", "try_signature", "sign_batch", "batch_next", "batch_stop", "sign_file", "sign_files",
        "upload_begin", "upload_chunk", "upload_end", "upload_ticket", "upload_drop", "download_chunk",
        "token_change_pin",
    }
)  # fmt: skip


def right_for(method: str) -> str:
    """Empty where none is needed. What no row names changes something: it takes `manage`."""
    if method in FREE:
        return ""
    if method in VIEW:
        return "view"
    return "sign" if method in SIGN else "manage"
