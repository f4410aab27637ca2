"""Signatures and their documents find each other by their names: contract.txt and contract.txt.sig."""

from __future__ import annotations

from pathlib import Path

ENDINGS = (".p7s", ".sig", ".sgn", ".p7m", ".sign", ".xml")  # of signatures; by each the document's name is found


def document_of(signature: Path) -> Path | None:
    """The document beside a detached signature: contract.txt of contract.txt.p7s, of contract.txt.sig.xml too."""
    name = signature.name
    if name.lower().endswith(".sig.xml"):
        name = name[: -len(".sig.xml")]
    elif signature.suffix.lower() in ENDINGS:
        name = signature.stem
    else:
        return None
    beside = signature.with_name(name) if name else None
    return beside if beside is not None and beside.is_file() else None


def signature_of(document: Path) -> Path | None:
    """The first signature that lies beside a document by its name."""
    names = (document.name + ending for ending in (*ENDINGS[:-1], ".sig.xml"))
    return next((path for path in map(document.with_name, names) if path.is_file()), None)
