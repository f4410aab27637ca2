"""Namespaces and identifiers of XML Signature 1.1, XAdES (ETSI EN 319 132-1) and what goes with them."""

from __future__ import annotations

DS = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
XADES141 = "http://uri.etsi.org/01903/v1.4.1#"
XINCLUDE = "http://www.w3.org/2001/XInclude"
XML = "http://www.w3.org/XML/1998/namespace"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"

ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"  # XML Signature 1.1 section 6.6.4
BASE64 = "http://www.w3.org/2000/09/xmldsig#base64"  # section 6.6.2
SMEV = "urn://smev-gov-ru/xmldsig/transform"
SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"  # EN 319 132-1 clause 4.4

# Transforms that select or rewrite at the will of whoever wrote them: no one sees what is signed.
FORBIDDEN_TRANSFORMS = frozenset(
    {
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2002/06/xmldsig-filter2",
    }
)

# Attributes that name an element: what schemas and profiles in use call them; as names, and to look for in XPath.
ID_ATTRIBUTES = ("Id", "ID", "id", f"{{{XML}}}id", f"{{{WSU}}}Id")
WITH_ID = "//*[@Id=$name or @ID=$name or @id=$name or @xml:id=$name or @wsu:Id=$name]"


def ds(name: str) -> str:
    return f"{{{DS}}}{name}"


def xades(name: str) -> str:
    return f"{{{XADES}}}{name}"


def xades141(name: str) -> str:
    return f"{{{XADES141}}}{name}"
