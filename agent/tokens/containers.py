"""Keys that another product keeps on a token in a container of its own, out of PKCS#11's reach.

CryptoPro CSP writes a container as data objects of that application (CKO_DATA, CKA_APPLICATION): on tokens without keys
of their own kind (Rutoken Lite, JaCarta LT), and on many of those that tax offices hand out.
"""

from __future__ import annotations

from agent.tokens import pkcs11
from agent.tokens.devices import CONTAINERS
from agent.tokens.vendors import vendor_of


def container_on(session: pkcs11.Session, module: str) -> str:
    """The product whose container lies on the token; empty where there is none, or where `module` is the product's."""
    wanted = {application for application, vendor in CONTAINERS.items() if vendor != vendor_of(module)}
    for _, (application,) in session.find(pkcs11.DATA, (pkcs11.APPLICATION,)) if wanted else ():
        text = application.decode(errors="replace") if isinstance(application, bytes) else str(application)
        if text.rstrip(" \0") in wanted:
            return text.rstrip(" \0")
    return ""


def foreign_container(session: pkcs11.Session, module: str) -> str:
    """The same, where the token shows no key, private or public: before a login private ones may be hidden."""
    container = container_on(session, module)
    if container and any(session.find(kind, ()) for kind in (pkcs11.PRIVATE_KEY, pkcs11.PUBLIC_KEY)):
        return ""
    return container
