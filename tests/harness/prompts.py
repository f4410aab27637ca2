"""Prompts as the signing procedure would make them, for windows under test and for pictures of them."""

from __future__ import annotations

import hashlib
from typing import Any

from agent.consent.prompter import (
    BatchDocument,
    BatchPrompt,
    ChoicePrompt,
    ConnectionPrompt,
    OfferedCertificate,
    PassphrasePrompt,
    ShownDocument,
    SigningPrompt,
    TokenPrompt,
)

ORIGIN = "https://sign.example"
CONTRACT = {
    "en": "SUPPLY CONTRACT No. 17\n\n22 November 2026\n\nThe Supplier delivers the goods, and the Buyer accepts and"
    " pays for them.\n\n1. Subject\n2. Price\n3. Terms\n4. Signatures\n",
    "ru": "ДОГОВОР ПОСТАВКИ № 17\n\n22 ноября 2026 г.\n\nПоставщик передаёт товар, а Покупатель принимает и оплачивает"
    " его.\n\n1. Предмет договора\n2. Цена\n3. Сроки\n4. Подписи сторон\n",
}
_NAMES = {
    "en": ("Maria Smirnova", "Cornflower LLC", "DEMO authority", "Contract No. 17.txt", "USB token"),
    "ru": ("Смирнова Мария Петровна", "ООО «Василёк»", "Учебный УЦ", "Договор № 17.txt", "USB-токен"),
}
_BATCH = {
    "en": ("Act No.", "The document is damaged.", "Work accepted in full"),
    "ru": ("Акт №", "Документ повреждён.", "Работы приняты полностью"),
}


def certificate(number: int = 1, *, language: str = "en", **fields: Any) -> OfferedCertificate:
    """A certificate on offer; `number` makes its thumbprint."""
    person, _company, issuer, _file, token = _NAMES[language]
    given: dict[str, Any] = {
        "thumbprint": f"{number:064x}",
        "owner": person,
        "details": (("certificate.owner", person), ("certificate.serial", "4f0a11")),
        "issuer": issuer,
        "not_before": "2026-01-01T00:00:00Z",
        "not_after": "2027-05-31T20:59:59Z",
        "key": "RSA 2048",
        "token_label": token,
        "token_serial": "3c1f00aa",
        "warnings": (),
        "problems": (),
    }
    return OfferedCertificate(**(given | fields))


def certificates(language: str = "en") -> tuple[OfferedCertificate, ...]:
    """A person's, a company's, and one that expired."""
    company = _NAMES[language][1]
    return (
        certificate(1, language=language),
        certificate(2, language=language, owner=company, key="P-256"),
        certificate(3, language=language, problems=("expired",), not_after="2025-01-31T00:00:00Z"),
    )


def document(language: str = "en", *, text: str | None = None, **fields: Any) -> ShownDocument:
    content = CONTRACT[language] if text is None else text
    given: dict[str, Any] = {
        "name": _NAMES[language][3],
        "media_type": "text/plain",
        "size": len(content.encode()),
        "digest_algorithm": "sha256",
        "digest": hashlib.sha256(content.encode()).hexdigest(),
        "preview": content,
        "preview_cut": False,
        "digest_only": False,
    }
    return ShownDocument(**(given | fields))


def signing(language: str = "en", **fields: Any) -> SigningPrompt:
    given: dict[str, Any] = {
        "origin": ORIGIN,
        "shown_origin": ORIGIN,
        "document": document(language),
        "certificates": certificates(language),
        "chosen": None,
        "faults": (),
        "language": language,
    }
    return SigningPrompt(**(given | fields))


def batch(language: str = "en", **fields: Any) -> BatchPrompt:
    """Twelve documents, of which the third is damaged."""
    act, damaged, reason = _BATCH[language]
    given: dict[str, Any] = {
        "origin": ORIGIN,
        "shown_origin": ORIGIN,
        "documents": tuple(
            BatchDocument(f"{act} {n}.txt", 1000 + 37 * n, "sha256", "ab" * 32, damaged if n == 3 else "")
            for n in range(1, 13)
        ),
        "certificates": certificates(language),
        "chosen": None,
        "faults": (),
        "language": language,
        "stated": (("kind", "CAdES B-T"), ("reason", reason)),
    }
    return BatchPrompt(**(given | fields))


def choice(language: str = "en", **fields: Any) -> ChoicePrompt:
    given: dict[str, Any] = {
        "origin": ORIGIN,
        "shown_origin": ORIGIN,
        "certificates": certificates(language),
        "faults": (),
        "language": language,
    }
    return ChoicePrompt(**(given | fields))


def connection(language: str = "en") -> ConnectionPrompt:
    return ConnectionPrompt(origin=ORIGIN, shown_origin=ORIGIN, language=language)


def passphrase(language: str = "en") -> PassphrasePrompt:
    return PassphrasePrompt(file_name="signer-rsa.p12", language=language)


_TOKEN_DETAILS = {
    "generate": (
        ("token_detail.key", {"en": "GOST R 34.10-2012 256 (TC26-A)", "ru": "ГОСТ Р 34.10-2012 256 (TC26-A)"}),
    ),
    "request": (
        ("token_detail.owner", {"en": "Maria Smirnova", "ru": "Смирнова Мария Петровна"}),
        ("token_detail.organization", {"en": "Cornflower LLC", "ru": "ООО «Василёк»"}),
        ("token_detail.numbers", {"en": "500100732259, 11223344595", "ru": "500100732259, 11223344595"}),
        ("token_detail.id", {"en": "01", "ru": "01"}),
    ),
    "import": (("token_detail.file", {"en": "signer-rsa.p12", "ru": "signer-rsa.p12"}),),
}
_LOSSES = {
    "en": (("key", "GOST R 34.10-2012 256 (CryptoPro-A), 01"), ("keyless", "Maria Smirnova, 2026-01-01 — 2027-05-31")),
    "ru": (
        ("key", "ГОСТ Р 34.10-2012 256 (CryptoPro-A), 01"),
        ("keyless", "Смирнова Мария Петровна, 2026-01-01 — 2027-05-31"),
    ),
}
_SECRETS: dict[str, tuple[str, ...]] = {
    "change_pin": ("pin", "new_pin"),
    "unblock": ("so_pin", "new_pin"),
    "set_pin": ("so_pin", "new_pin"),
    "import": ("passphrase", "pin"),
}


def token(action: str = "change_pin", language: str = "en", **fields: Any) -> TokenPrompt:
    """Something to be done on a token, as `signing.managing` would ask it."""
    details = tuple((key, value[language]) for key, value in _TOKEN_DETAILS.get(action, ()))
    losses = tuple((f"token_loss.{kind}", name) for kind, name in _LOSSES[language]) if action == "delete" else ()
    given: dict[str, Any] = {
        "action": action,
        "token_label": _NAMES[language][4],
        "token_serial": "3c1f00aa",
        "token_reader": "Aktiv Rutoken ECP 00 00",
        "details": details,
        "losses": losses,
        "secrets": _SECRETS.get(action, ("pin",)),
        "warnings": (),
        "protected_path": False,
        "key_file": False,
        "language": language,
    }
    return TokenPrompt(**(given | fields))
