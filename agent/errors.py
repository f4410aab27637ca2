"""Every error of Pero: a code, a name, who can act on it, and facts. Never a sentence: wordings are in ``texts``.

Codes are append-only: a code that was published is never given another meaning (PROTOCOL.md, "Errors").
The first four are JSON-RPC 2.0's own (section 5.1 of its specification).
"""

from __future__ import annotations

import enum
from typing import ClassVar, TypeAlias

Fact: TypeAlias = str | int | bool | None


class Actor(enum.StrEnum):
    """Who can do something about an error."""

    PERSON = "person"
    PAGE = "page"
    ADMINISTRATOR = "administrator"
    NOBODY = "nobody"


class PeroError(Exception):
    """The base of every error that Pero raises on purpose.

    ``facts`` are values for the wording (and for programs), never secrets, never personal names.
    ``retriable`` tells whether the same call may succeed when it is made again.
    """

    code: ClassVar[int] = -32603
    name: ClassVar[str] = "internal"
    actor: ClassVar[Actor] = Actor.NOBODY
    retriable: ClassVar[bool] = False

    def __init__(self, /, **facts: Fact) -> None:
        super().__init__(self.name)
        self.facts: dict[str, Fact] = facts

    def __str__(self) -> str:
        facts = ", ".join(f"{key}={value!r}" for key, value in self.facts.items())
        return f"{self.name}({facts})"


class Internal(PeroError):
    """A fault of Pero itself."""


class BadRequest(PeroError):
    """The frame or message is malformed. Facts: detail."""

    code, name, actor = -32600, "bad_request", Actor.PAGE


class UnknownMethod(PeroError):
    """No such method, or not for this role. Facts: method."""

    code, name, actor = -32601, "unknown_method", Actor.PAGE


class BadParameters(PeroError):
    """The parameters do not fit the method. Facts: detail."""

    code, name, actor = -32602, "bad_parameters", Actor.PAGE


# 1000: consent, queue, windows


class NotAllowed(PeroError):
    """The origin was not allowed by the person; the one answer that an unknown origin gets."""

    code, name, actor = 1001, "not_allowed", Actor.PAGE


class Refused(PeroError):
    """The person said no."""

    code, name, actor = 1002, "refused", Actor.PERSON


class WindowClosed(PeroError):
    """The window went away without an answer (it was killed, or it crashed)."""

    code, name, actor, retriable = 1003, "window_closed", Actor.PERSON, True


class Expired(PeroError):
    """The window was left alone for too long. Facts: seconds."""

    code, name, actor, retriable = 1004, "expired", Actor.PERSON, True


class Cancelled(PeroError):
    """The page or the command took its request back."""

    code, name, actor, retriable = 1005, "cancelled", Actor.PAGE, True


class Busy(PeroError):
    """Too many requests of this origin are waiting. Facts: limit."""

    code, name, actor, retriable = 1006, "busy", Actor.PAGE, True


class Stopping(PeroError):
    """The agent is being stopped."""

    code, name, actor, retriable = 1007, "stopping", Actor.NOBODY, True


class WindowUnavailable(PeroError):
    """No window can be shown (no display, or the toolkit does not start). Facts: reason."""

    code, name, actor = 1008, "window_unavailable", Actor.ADMINISTRATOR


class MessageTooLarge(PeroError):
    """Facts: limit (bytes)."""

    code, name, actor = 1009, "message_too_large", Actor.PAGE


class FrameRefused(PeroError):
    """The request comes from a frame inside a page."""

    code, name, actor = 1010, "frame_refused", Actor.PAGE


class UnattendedForbidden(PeroError):
    """Policy forbids signing without the window (``--pin-fd``)."""

    code, name, actor = 1011, "unattended_forbidden", Actor.ADMINISTRATOR


class OriginRefused(PeroError):
    """The origin can never be allowed: no https and not this machine, or opaque. Facts: origin."""

    code, name, actor = 1012, "origin_refused", Actor.PAGE


class SigningPaused(PeroError):
    """The person paused signing on this machine; nothing is asked until they let it go on."""

    code, name, actor, retriable = 1013, "signing_paused", Actor.PERSON, True


class RightMissing(PeroError):
    """Policy does not give this user the right that it takes. Facts: right (view, sign, manage)."""

    code, name, actor = 1014, "right_missing", Actor.ADMINISTRATOR


# 2000: tokens, PINs, key files


class TokenAbsent(PeroError):
    """The token that holds the key is not there. Facts: token (label), module."""

    code, name, actor, retriable = 2001, "token_absent", Actor.PERSON, True


class PinIncorrect(PeroError):
    """Facts: tries_left (int, or None where the token does not tell), count_low, final_try."""

    code, name, actor, retriable = 2002, "pin_incorrect", Actor.PERSON, True


class PinLocked(PeroError):
    """Facts: token."""

    code, name, actor = 2003, "pin_locked", Actor.PERSON


class PinCancelled(PeroError):
    """The person did not give the PIN."""

    code, name, actor, retriable = 2004, "pin_cancelled", Actor.PERSON, True


class PinNotSet(PeroError):
    """The user PIN was never initialised. Facts: token."""

    code, name, actor = 2005, "pin_not_set", Actor.PERSON


class WorkerDied(PeroError):
    """The worker process ended while it was asked. Facts: module, signal (name) or exit_status."""

    code, name, actor, retriable = 2006, "worker_died", Actor.ADMINISTRATOR, True


class WorkerHung(PeroError):
    """A call into the module did not return in time; the worker was killed. Facts: module, seconds."""

    code, name, actor, retriable = 2007, "worker_hung", Actor.ADMINISTRATOR, True


class ModuleUnloadable(PeroError):
    """Facts: module, reason (format, architecture, no_library, or the loader's words), found, needed."""

    code, name, actor = 2008, "module_unloadable", Actor.ADMINISTRATOR


class TokenFailed(PeroError):
    """The token or its module answered with an error. Facts: operation, return_code (``CKR_...``), module."""

    code, name, actor, retriable = 2009, "token_failed", Actor.ADMINISTRATOR, True


class KeyAbsent(PeroError):
    """There is a certificate without its private key. Facts: thumbprint, token."""

    code, name, actor = 2010, "key_absent", Actor.PERSON


class KeyFileDamaged(PeroError):
    """Not a PKCS#12 file, or one that cannot be read. Facts: file."""

    code, name, actor = 2011, "key_file_damaged", Actor.PERSON


class KeyFileWithoutKey(PeroError):
    """A PKCS#12 file without a private key and its certificate. Facts: file."""

    code, name, actor = 2012, "key_file_without_key", Actor.PERSON


class SignatureWrong(PeroError):
    """The token returned a signature that does not verify; it was not let out. Facts: token."""

    code, name, actor = 2013, "signature_wrong", Actor.ADMINISTRATOR


class MechanismUnsupported(PeroError):
    """The token cannot do this algorithm. Facts: algorithm, token."""

    code, name, actor = 2014, "mechanism_unsupported", Actor.PERSON


class PinLength(PeroError):
    """The PIN is too short or too long for the token; no try was spent. Facts: minimum, maximum."""

    code, name, actor, retriable = 2015, "pin_length", Actor.PERSON, True


class ModuleForbidden(PeroError):
    """Policy does not allow this PKCS#11 module. Facts: module, reason (not_listed, changed: another SHA-256)."""

    code, name, actor = 2016, "module_forbidden", Actor.ADMINISTRATOR


class KeyForeign(PeroError):
    """The key lies in another product's container on the token, out of PKCS#11's reach. Facts: token, container."""

    code, name, actor = 2017, "key_foreign", Actor.PERSON


class PinInvalid(PeroError):
    """The token does not take this as a new PIN, or wants another. Facts: token, reason (refused, weak, expired)."""

    code, name, actor, retriable = 2018, "pin_invalid", Actor.PERSON, True


class SoPinIncorrect(PeroError):
    """The security officer's PIN, or the PUK. Facts: token, tries_left (int, or None), count_low, final_try."""

    code, name, actor, retriable = 2019, "so_pin_incorrect", Actor.PERSON, True


class SoPinLocked(PeroError):
    """The security officer's PIN, or the PUK, is locked. Facts: token."""

    code, name, actor = 2020, "so_pin_locked", Actor.PERSON


class PassphraseIncorrect(PeroError):
    """Of a PKCS#12 file on its way to a token; no PIN was tried. Facts: file."""

    code, name, actor, retriable = 2021, "passphrase_incorrect", Actor.PERSON, True


class TokenReadOnly(PeroError):
    """The token cannot be written to. Facts: token."""

    code, name, actor = 2022, "token_read_only", Actor.PERSON


class TokenFull(PeroError):
    """The token has no memory left for this. Facts: token."""

    code, name, actor = 2023, "token_full", Actor.PERSON


class ObjectExists(PeroError):
    """It is on the token already. Facts: token, kind (certificate, key), id (CKA_ID in hex)."""

    code, name, actor = 2024, "object_exists", Actor.PERSON


class ObjectAbsent(PeroError):
    """It is not on the token (any more). Facts: token, kind (certificate, key, data), id (CKA_ID in hex)."""

    code, name, actor, retriable = 2025, "object_absent", Actor.PERSON, True


class ObjectProtected(PeroError):
    """The token does not let it be changed or deleted. Facts: token, operation (the PKCS#11 call)."""

    code, name, actor = 2026, "object_protected", Actor.PERSON


class SoLoginRequired(PeroError):
    """The token lets only its security officer do this. Facts: token, operation (the PKCS#11 call)."""

    code, name, actor = 2027, "so_login_required", Actor.PERSON


class PinAlreadySet(PeroError):
    """The token has a user PIN already. Facts: token."""

    code, name, actor = 2028, "pin_already_set", Actor.PERSON


class OperationUnsupported(PeroError):
    """The token's driver, or its kind, cannot do this. Facts: token, operation (the PKCS#11 call)."""

    code, name, actor = 2029, "operation_unsupported", Actor.PERSON


class ModuleSlow(PeroError):
    """The token's software is still being asked; no call failed. Facts: module."""

    code, name, actor, retriable = 2030, "module_slow", Actor.PERSON, True


class OutcomeUnknown(PeroError):
    """A change of the token was under way and nobody can say whether it was made. Facts: token, reason (an error's
    name, or "cancelled")."""

    code, name, actor = 2031, "outcome_unknown", Actor.PERSON


class KeyFileSeveralKeys(PeroError):
    """A PKCS#12 file with more than one private key: none is chosen. Facts: file (its name without folders)."""

    code, name, actor = 2032, "key_file_several_keys", Actor.PERSON


class LabelUnsuitable(PeroError):
    """No token takes such a label, or no person can read it. Facts: limit (bytes of UTF-8)."""

    code, name, actor = 2033, "label_unsuitable", Actor.PERSON


class LastTryUnconfirmed(PeroError):
    """One try of a PIN is left, nobody agreed to spend it, and nothing was tried. Facts: token, officer (the PIN is the
    security officer's, or the PUK)."""

    code, name, actor, retriable = 2034, "last_try_unconfirmed", Actor.PERSON, True


class PassphraseWeak(PeroError):
    """A passphrase of a key file that is easy to guess; nothing was changed. Facts: faults (names out of
    `ipc.passphrase.FAULTS`, with commas between), minimum (characters)."""

    code, name, actor, retriable = 2035, "passphrase_weak", Actor.PERSON, True


# 3000: certificates, documents, signatures


class NoCertificate(PeroError):
    """No certificate fits the request."""

    code, name, actor, retriable = 3001, "no_certificate", Actor.PERSON, True


class CertificateUnknown(PeroError):
    """The certificate asked for is nowhere to be found. Facts: thumbprint."""

    code, name, actor, retriable = 3002, "certificate_unknown", Actor.PERSON, True


class CertificateUnusable(PeroError):
    """Facts: thumbprint, reason (expired, not_yet_valid, key_period_over, key_period_not_begun, key_usage,
    key_unsupported, no_key), from_day, to_day.
    """

    code, name, actor = 3003, "certificate_unusable", Actor.PERSON


class DigestLength(PeroError):
    """The digest has another length than its algorithm makes. Facts: algorithm, expected, given (bytes)."""

    code, name, actor = 3004, "digest_length", Actor.PAGE


class AlgorithmUnsupported(PeroError):
    """Facts: algorithm."""

    code, name, actor = 3005, "algorithm_unsupported", Actor.PAGE


class DocumentTooLarge(PeroError):
    """Facts: limit (bytes)."""

    code, name, actor = 3006, "document_too_large", Actor.PAGE


class SignatureDamaged(PeroError):
    """What should be a CMS signature cannot be read as one. Facts: detail."""

    code, name, actor = 3007, "signature_damaged", Actor.PERSON


class CertificateDamaged(PeroError):
    """What should be an X.509 certificate cannot be read as one. Facts: detail."""

    code, name, actor = 3008, "certificate_damaged", Actor.PERSON


class ContentMissing(PeroError):
    """A detached signature without its content."""

    code, name, actor = 3009, "content_missing", Actor.PERSON


class CertificateAmbiguous(PeroError):
    """Several certificates fit and nobody can be asked which. Facts: count."""

    code, name, actor = 3010, "certificate_ambiguous", Actor.PERSON


class DigestTooSlow(PeroError):
    """No quick library for this digest is here, and the content would take minutes. Facts: algorithm, limit (bytes)."""

    code, name, actor = 3011, "digest_too_slow", Actor.ADMINISTRATOR


class TimestampUnconfigured(PeroError):
    """A level with a time-stamp was asked for, and no time-stamp authority is set. Facts: possible_level."""

    code, name, actor = 3012, "timestamp_unconfigured", Actor.ADMINISTRATOR


class TimestampUnavailable(PeroError):
    """No time-stamp authority gave a time-stamp. Facts: tried (authority=reason; in order), possible_level."""

    code, name, actor, retriable = 3013, "timestamp_unavailable", Actor.PERSON, True


class TimestampWrong(PeroError):
    """A time-stamp authority answered wrongly, and no other gave a time-stamp. Facts: tried (authority=reason; in
    order), possible_level.
    """

    code, name, actor = 3014, "timestamp_wrong", Actor.ADMINISTRATOR


class CertificateRevoked(PeroError):
    """A certificate of the signature's paths was revoked. Facts: thumbprint, revoked_at (date), reason (of RFC 5280
    section 5.3.1).
    """

    code, name, actor = 3015, "certificate_revoked", Actor.PERSON


class RevocationUnavailable(PeroError):
    """Nobody told whether a certificate was revoked. Facts: thumbprint, tried (kind:host=reason; in order),
    possible_level.
    """

    code, name, actor, retriable = 3016, "revocation_unavailable", Actor.PERSON, True


class RevocationUnaddressed(PeroError):
    """A certificate names no place that tells whether it was revoked. Facts: thumbprint, possible_level."""

    code, name, actor = 3017, "revocation_unaddressed", Actor.ADMINISTRATOR


class IssuerUnavailable(PeroError):
    """The certificate of an issuer is not at hand and was not found. Facts: thumbprint (of the certificate below
    it), tried (kind:host=reason; in order), possible_level.
    """

    code, name, actor, retriable = 3018, "issuer_unavailable", Actor.PERSON, True


class SubjectInvalid(PeroError):
    """An attribute of a certificate's subject. Facts: attribute, reason (missing, length, characters, check_digit)."""

    code, name, actor = 3019, "subject_invalid", Actor.PERSON


class UploadUnknown(PeroError):
    """There is no such upload or download of this page; it ended, or its connection did."""

    code, name, actor, retriable = 3020, "upload_unknown", Actor.PAGE, True


class ContentDiffers(PeroError):
    """The content is not what the existing signature, to which another is added, was made over."""

    code, name, actor = 3021, "content_differs", Actor.PAGE


class SignerUnknown(PeroError):
    """The existing signature has no such signer to be counter-signed, or several and none was named. Facts: count
    (signers).
    """

    code, name, actor = 3022, "signer_unknown", Actor.PAGE


class ExistingUnsupported(PeroError):
    """No signer can be added to this existing signature. Facts: reason (too_large, too_many_signers, encoding,
    content_type, not_octets).
    """

    code, name, actor = 3023, "existing_unsupported", Actor.PAGE


class DocumentDamaged(PeroError):
    """The document cannot be read as what it should be. Facts: format (pdf, xml), detail."""

    code, name, actor = 3024, "document_damaged", Actor.PERSON


class DocumentEncrypted(PeroError):
    """The PDF is encrypted, with a password or for certain readers."""

    code, name, actor = 3025, "document_encrypted", Actor.PERSON


class DocumentLocked(PeroError):
    """An earlier signature in the PDF forbids the change that one more would be."""

    code, name, actor = 3026, "document_locked", Actor.PERSON


class DocumentTooComplex(PeroError):
    """Reading the document took more time or memory than is given to one. Facts: seconds, memory (bytes)."""

    code, name, actor = 3027, "document_too_complex", Actor.PERSON


class FormUnsupported(PeroError):
    """The PDF is an XFA form: what is shown is made by the reader, not by the file's pages."""

    code, name, actor = 3028, "form_unsupported", Actor.PERSON


class FieldUnusable(PeroError):
    """A field of the PDF that cannot take the signature. Facts: field, reason (absent, kind, signed, constrained)."""

    code, name, actor = 3029, "field_unusable", Actor.PAGE


class FontAbsent(PeroError):
    """No font with Cyrillic was found for the visible mark of a PDF signature. Facts: font."""

    code, name, actor = 3030, "font_absent", Actor.ADMINISTRATOR


class XmlUnsafe(PeroError):
    """XML whose meaning lies outside itself, or with those who read it. Facts: reason (doctype, xinclude, transform,
    encoding, version, depth, complex, astral)."""

    code, name, actor = 3031, "xml_unsafe", Actor.PAGE


class ElementUnclear(PeroError):
    """The XML element that is asked for is not there, or there more than once. Facts: element, count."""

    code, name, actor = 3032, "element_unclear", Actor.PAGE


class SignatureWouldBreak(PeroError):
    """The XML holds a signature that covers the place of the new one, and would not verify any more."""

    code, name, actor = 3033, "signature_would_break", Actor.PERSON


# 4000: the machine, settings, journal, files


class JournalUnwritable(PeroError):
    """The journal cannot be written, so nothing is signed. Facts: reason."""

    code, name, actor = 4001, "journal_unwritable", Actor.ADMINISTRATOR


class JournalTampered(PeroError):
    """The chain of hashes is broken. Facts: entry (number)."""

    code, name, actor = 4002, "journal_tampered", Actor.ADMINISTRATOR


class StateUnsafe(PeroError):
    """A folder of ours belongs to somebody else, is open to others, or is a link. Facts: path, reason."""

    code, name, actor = 4003, "state_unsafe", Actor.ADMINISTRATOR


class AlreadyRunning(PeroError):
    """Another agent holds this state folder."""

    code, name, actor = 4004, "already_running", Actor.PERSON


class FileUnreadable(PeroError):
    """Facts: path, reason."""

    code, name, actor = 4005, "file_unreadable", Actor.PERSON


class FileUnwritable(PeroError):
    """Facts: path, reason."""

    code, name, actor = 4006, "file_unwritable", Actor.PERSON


class SettingsDamaged(PeroError):
    """The settings or policy file cannot be read. Facts: path, detail."""

    code, name, actor = 4007, "settings_damaged", Actor.ADMINISTRATOR


class PortsTaken(PeroError):
    """None of the loopback ports is free. Facts: ports."""

    code, name, actor = 4008, "ports_taken", Actor.ADMINISTRATOR


class NotRunning(PeroError):
    """No agent answers. Also raised by the native host and by the page library."""

    code, name, actor, retriable = 4009, "not_running", Actor.PERSON, True


class FileChanged(PeroError):
    """The file changed, grew, shrank or went away while it was being signed. Facts: path."""

    code, name, actor, retriable = 4010, "file_changed", Actor.PERSON, True


class StorageFull(PeroError):
    """No room for a large document that a page hands over: the disk, or what settings allow.

    Facts: limit (bytes, of settings; None where the disk is full)."""

    code, name, actor, retriable = 4011, "storage_full", Actor.PERSON, True


class RightsRefused(PeroError):
    """Administrator rights were not given, or there is no way to ask for them. Facts: program."""

    code, name, actor, retriable = 4012, "rights_refused", Actor.ADMINISTRATOR, True


class MendFailed(PeroError):
    """A step of a repair did not work. Facts: step, reason."""

    code, name, actor = 4013, "mend_failed", Actor.ADMINISTRATOR


class MendOverwritten(PeroError):
    """What a repair had written was changed since, so it is not undone. Facts: path."""

    code, name, actor = 4014, "mend_overwritten", Actor.PERSON


class ExportFailed(PeroError):
    """What was found could not be handed to a collector or to the system's log. Facts: to, reason."""

    code, name, actor, retriable = 4015, "export_failed", Actor.ADMINISTRATOR, True


class SettingLocked(PeroError):
    """The administrator of the machine decided this setting. Facts: setting."""

    code, name, actor = 4016, "setting_locked", Actor.ADMINISTRATOR


class SettingInvalid(PeroError):
    """What was given for a setting does not fit it. Facts: setting, detail."""

    code, name, actor = 4017, "setting_invalid", Actor.PERSON


class FolderSynchronised(PeroError):
    """A copy of a key was to lie in a folder that goes to a cloud by itself. Facts: path, product."""

    code, name, actor = 4018, "folder_synchronised", Actor.PERSON


class NotAKeyCopy(PeroError):
    """What was to be deleted is no copy of a key that Pero knows for one, or is Pero's own. Facts: path."""

    code, name, actor = 4019, "not_a_key_copy", Actor.PERSON


# 5000: raised in the browser (extension and page library), listed here because the table is one


class NotInstalled(PeroError):
    """The extension is not in this browser."""

    code, name, actor = 5001, "not_installed", Actor.PERSON


class HostMissing(PeroError):
    """The browser finds no native messaging host."""

    code, name, actor = 5002, "host_missing", Actor.ADMINISTRATOR


class HostForbidden(PeroError):
    """The browser forbids this extension the native messaging host."""

    code, name, actor = 5003, "host_forbidden", Actor.ADMINISTRATOR


class HostExited(PeroError):
    """The native messaging host ended. Facts: detail (the browser's own words)."""

    code, name, actor, retriable = 5004, "host_exited", Actor.ADMINISTRATOR, True


class Unreachable(PeroError):
    """Loopback cannot be reached from the page: blocked by the browser, or nobody listens."""

    code, name, actor, retriable = 5005, "unreachable", Actor.PERSON, True


class ConnectionLost(PeroError):
    """The way to the agent broke while the request was in flight."""

    code, name, actor, retriable = 5006, "connection_lost", Actor.PAGE, True


ERRORS: tuple[type[PeroError], ...] = (
    BadRequest, UnknownMethod, BadParameters, Internal,
    NotAllowed, Refused, WindowClosed, Expired, Cancelled, Busy, Stopping, WindowUnavailable, MessageTooLarge,
    FrameRefused, UnattendedForbidden, OriginRefused, SigningPaused, RightMissing,
    TokenAbsent, PinIncorrect, PinLocked, PinCancelled, PinNotSet, WorkerDied, WorkerHung, ModuleUnloadable,
    TokenFailed, KeyAbsent, KeyFileDamaged, KeyFileWithoutKey, SignatureWrong, MechanismUnsupported, PinLength,
    ModuleForbidden, KeyForeign,
    PinInvalid, SoPinIncorrect, SoPinLocked, PassphraseIncorrect, TokenReadOnly, TokenFull, ObjectExists, ObjectAbsent,
    ObjectProtected, SoLoginRequired, PinAlreadySet, OperationUnsupported, ModuleSlow, OutcomeUnknown,
    KeyFileSeveralKeys, LabelUnsuitable, LastTryUnconfirmed, PassphraseWeak,
    NoCertificate, CertificateUnknown, CertificateUnusable, DigestLength, AlgorithmUnsupported, DocumentTooLarge,
    SignatureDamaged, CertificateDamaged, ContentMissing, CertificateAmbiguous, DigestTooSlow,
    TimestampUnconfigured, TimestampUnavailable, TimestampWrong, CertificateRevoked,
    RevocationUnavailable, RevocationUnaddressed, IssuerUnavailable,
    SubjectInvalid,
    UploadUnknown,
    ContentDiffers, SignerUnknown, ExistingUnsupported,
    DocumentDamaged, DocumentEncrypted, DocumentLocked, DocumentTooComplex, FormUnsupported, FieldUnusable, FontAbsent,
    XmlUnsafe, ElementUnclear, SignatureWouldBreak,
    JournalUnwritable, JournalTampered, StateUnsafe, AlreadyRunning, FileUnreadable, FileUnwritable, SettingsDamaged,
    PortsTaken, NotRunning,
    FileChanged, StorageFull,
    RightsRefused, MendFailed, MendOverwritten, ExportFailed, SettingLocked, SettingInvalid,
    FolderSynchronised, NotAKeyCopy,
    NotInstalled, HostMissing, HostForbidden, HostExited, Unreachable, ConnectionLost,
)  # fmt: skip

_BY_NAME = {error.name: error for error in ERRORS}


def from_name(name: str, facts: dict[str, Fact]) -> PeroError:
    """The error that another process of ours named; an unknown name is ``internal``."""
    kind = _BY_NAME.get(name)
    return kind(**facts) if kind else Internal(detail=name)
