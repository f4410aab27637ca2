"""XMLDSig and XAdES as formats of the signing procedure."""

from __future__ import annotations

from agent.cms.formats import Completed, Prepared
from agent.errors import BadParameters
from agent.model import Digest, Document
from agent.signing.options import Level, SignatureOptions, XmlOptions
from agent.signing.task import Task, whole
from agent.verification import own_xml
from agent.xml import signature
from agent.xml.options import Options, check


def media_type(_detached: bool) -> str:
    return "application/xml"


def is_detached(options: SignatureOptions, _attached: bool) -> bool:
    return options.packaging == "detached"


def look(document: Document | Digest, options: SignatureOptions) -> None:
    """Raises BadParameters, DocumentTooLarge, DocumentDamaged, XmlUnsafe, ElementUnclear, SignatureWouldBreak."""
    signature.look(whole(document), _options(document, options))


def prepared(task: Task) -> Prepared:
    return signature.prepare(
        whole(task.document),
        certificate=task.certificate,
        chain=task.chain,
        algorithm=task.algorithm,
        moment=task.moment,
        options=_options(task.document, task.options),
    )


def verify(task: Task, completed: Completed, level: Level) -> None:
    options = _options(task.document, task.options)
    case = own_xml.Case(whole(task.document), task.certificate, task.algorithm, options, level)
    own_xml.verify_own(completed.value, case, task.token)


def combination(document: Document | Digest, wanted: SignatureOptions) -> str | None:
    """What of these options does not go together, for programmers; None: all of it does."""
    try:
        check(_options(document, wanted))
    except BadParameters as error:
        return str(error.facts["detail"])
    return None


def _options(document: Document | Digest, wanted: SignatureOptions) -> Options:
    """A detached signature of no element is one of the file that the document is."""
    given = wanted.xml or XmlOptions()
    packaging = wanted.packaging or "enveloped"
    return Options(
        format="xades" if wanted.format == "xades" else "xmldsig",
        packaging=packaging,
        reference=given.id,
        place=given.place,
        transform=given.transform,
        canonical=given.canonical,
        content=given.content,
        file=document.name if packaging == "detached" and given.id is None else None,
        signing_certificate=given.signing_certificate,
    )
