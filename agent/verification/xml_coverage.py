"""What of an XML document a right signature is about, and what nobody signed though it looks as if it were.

A signature leaves itself out of what it signs (enveloped-signature), or is around it. So what stands in the signature
besides what signatures are made of is nobody's word, and who searches the document for an element by its name may find
that one (signature wrapping): such a signature is of a part only.
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from agent.verification.report import Coverage
from agent.verification.xml_references import Target
from agent.xml.algorithms import CANONICAL_METHODS
from agent.xml.names import DS, WSSE, WSU, ds, xades

_LABEL = 200  # characters of an element's path that are told
_XADES = "http://uri.etsi.org/01903/"  # all of its versions begin so
_PARTS = frozenset({DS, "http://www.w3.org/2009/xmldsig11#", CANONICAL_METHODS["exclusive"], WSSE, WSU})


def coverage_of(signature: etree._Element, targets: Sequence[Target]) -> Coverage:
    """`targets`: what is referred to, but for the signature's own properties."""
    whole, root = False, signature.getroottree().getroot()
    tops: list[etree._Element] = []
    for target in targets:
        if target.node is None:
            continue
        top = target.node.getroot() if isinstance(target.node, etree._ElementTree) else target.node
        whole = whole or top is top.getroottree().getroot() or _is_all_there_is(top, signature, root)
        tops.append(top)
    if whole and not _holds_more(signature, tops):
        return Coverage("whole")
    if tops or not targets:
        return Coverage("parts", tuple(map(label, tops)))
    return Coverage("content")


def _is_all_there_is(node: etree._Element, signature: etree._Element, root: etree._Element) -> bool:
    """Whether it is the one ds:Object with content, in a signature that is the whole document."""
    if signature is not root or node.getparent() is not signature or node.tag != ds("Object"):
        return False
    others = [one for one in signature.findall(ds("Object")) if one is not node]
    return all([part.tag for part in one.iterchildren("*")] == [xades("QualifyingProperties")] for one in others)


def _holds_more(signature: etree._Element, signed: Sequence[etree._Element]) -> bool:
    """Whether there is an element in it that is none of a signature's, or a text in an Object, and not in `signed`."""
    walk = etree.iterwalk(signature, events=("start",), tag="*")
    for _event, element in walk:
        if element is not signature and any(element is one for one in signed):
            walk.skip_subtree()
            continue
        namespace = etree.QName(element).namespace or ""
        if namespace not in _PARTS and not namespace.startswith(_XADES):
            return True
        if element.tag == ds("Object") and _text(element).strip():
            return True
    return False


def _text(element: etree._Element) -> str:
    return (element.text or "") + "".join(one.tail or "" for one in element)


def label(node: etree._Element) -> str:
    """Where an element is, for people: names from the root on, and its Id."""
    names = [etree.QName(one).localname for one in reversed(list(node.iterancestors("*")))]
    path = "/" + "/".join((*names, etree.QName(node).localname))
    identifier = next((str(value) for name, value in node.attrib.items() if str(name).lower().endswith("id")), "")
    return (path + (f" (Id {identifier})" if identifier else ""))[:_LABEL]
