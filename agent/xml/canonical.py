"""Canonical XML 1.0 and 1.1 and Exclusive XML Canonicalization 1.0, by libxml2."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from agent.errors import AlgorithmUnsupported, DocumentDamaged, XmlUnsafe
from agent.xml.algorithms import CANONICAL_METHODS
from agent.xml.document import namespaces, parsed
from agent.xml.names import XML

_MAX_WORK = 2_000_000_000  # of the inclusive form: elements by namespaces squared; some seconds
_COMMENTS = "WithComments"
_SECOND = "http://www.w3.org/2006/12/xml-c14n11"  # Canonical XML 1.1, which signatures of others may have
_FEATURES = {  # whether it is exclusive, whether it keeps comments
    **{uri: (name.startswith("exclusive"), uri.endswith(_COMMENTS)) for name, uri in CANONICAL_METHODS.items()},
    _SECOND: (False, False),
    f"{_SECOND}#{_COMMENTS}": (False, True),
}
METHODS = frozenset(_FEATURES)  # all that are known; Pero makes those of CANONICAL_METHODS


def without_comments(method: str) -> str:
    """The same form, but for comments."""
    short = method.removesuffix(_COMMENTS)
    return short if short in METHODS else short.removesuffix("#")


def canonical(node: etree._Element | etree._ElementTree, method: str, prefixes: Sequence[str] = ()) -> bytes:
    """The canonical octets of a tree (with what stands beside its root) or of an element with all it holds.

    An element in a document inherits, in the inclusive form, the namespaces and the xml: attributes of what it stands
    in (Canonical XML 1.0 section 2.4; in 1.1 no xml:id, and where an xml:base stands around it AlgorithmUnsupported is
    raised). `prefixes`: of the exclusive form, those that it treats as the inclusive one
    does (Exclusive XML Canonicalization section 2.1). Raises ValueError at another method, XmlUnsafe where it would
    take minutes, DocumentDamaged where there is none (a namespace whose name is a relative reference, section 4.7).
    """
    if method not in _FEATURES:
        raise ValueError("canonicalization method")
    exclusive, comments = _FEATURES[method]
    if prefixes and not exclusive:
        raise ValueError("prefixes of an inclusive form")
    if not exclusive:
        _check_work(node)
    inherited = {} if exclusive or isinstance(node, etree._ElementTree) else _inherited(node, method)
    for name, value in inherited.items():
        node.set(name, value)  # type: ignore[union-attr]  # a tree inherits nothing
    try:
        by_itself = node if isinstance(node, etree._ElementTree) or (exclusive and not prefixes) else _alone(node)
        octets: bytes = etree.tostring(
            by_itself,
            method="c14n",
            exclusive=exclusive,
            with_comments=comments,
            inclusive_ns_prefixes=list(prefixes) or None,
        )
    except etree.C14NError as error:
        raise DocumentDamaged(format="xml", detail="no canonical form") from error
    finally:
        for name in inherited:
            del node.attrib[name]  # type: ignore[union-attr]
    return octets


def _alone(element: etree._Element) -> etree._ElementTree:
    """A document of the element, with the namespaces of what it stands in. Where the default one comes from there, lxml
    6.1 with libxml2 2.14 writes xmlns="" into the inclusive forms of the element's grandchildren."""
    return parsed(etree.tostring(element, encoding="utf-8", with_tail=False)).getroottree()


def check_names(node: etree._Element | etree._ElementTree, *, inside: bool = True) -> None:
    """Raises DocumentDamaged where a namespace's name is a relative reference: there is no canonical form then (section
    4.7). Quick, whatever the size: of each name in use there, the form of one element is made. `inside` False: only of
    those that an element in the node inherits."""
    top = node.getroot() if isinstance(node, etree._ElementTree) else node
    declared = {uri for _, uri in namespaces(top)} if inside else set()
    for uri in declared | {uri for element in (top, *top.iterancestors()) for uri in element.nsmap.values()}:
        if not uri or uri == XML:
            continue
        try:
            etree.tostring(etree.Element(f"{{{uri}}}name"), method="c14n", exclusive=True)
        except (etree.C14NError, ValueError) as error:
            raise DocumentDamaged(format="xml", detail="no canonical form") from error


def _check_work(node: etree._Element | etree._ElementTree) -> None:
    root = node.getroot() if isinstance(node, etree._ElementTree) else node.getroottree().getroot()
    if len(namespaces(root)) ** 2 * sum(1 for _ in root.iter("*")) > _MAX_WORK:
        raise XmlUnsafe(reason="complex")


def _inherited(element: etree._Element, method: str) -> dict[str, str]:
    """Attributes of the namespace xml: the nearest of each name, where the element has none. Raises
    AlgorithmUnsupported where they would have to be joined (Canonical XML 1.1 section 2.4)."""
    second = method.startswith(_SECOND)
    found: dict[str, str] = {}
    for ancestor in element.iterancestors():
        for name, value in ancestor.attrib.items():
            if second and name == f"{{{XML}}}base":
                raise AlgorithmUnsupported(algorithm=method)
            if second and name == f"{{{XML}}}id":
                continue
            if isinstance(name, str) and name.startswith(f"{{{XML}}}") and name not in element.attrib:
                found.setdefault(name, str(value))
    return found
