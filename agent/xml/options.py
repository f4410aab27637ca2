"""What kind of XML signature is asked for."""

from __future__ import annotations

from typing import Literal

import msgspec

from agent.errors import BadParameters


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`reference` and `place` are Ids (xml:id, Id, ID, id, wsu:Id); `place` may also be {namespace}name.

    enveloped: the signature is put into the document. enveloping: the document is put into the signature.
    detached: the signature stands alone; its reference is the file name `file`, or the Id `reference` of the document
    into which somebody else puts it.
    """

    format: Literal["xmldsig", "xades"] = "xmldsig"
    packaging: Literal["enveloped", "enveloping", "detached"] = "enveloped"
    reference: str | None = None  # the element that is signed; None: the whole document
    place: str | None = None  # enveloped: whose last child the signature becomes; None: what is signed, or the root
    transform: Literal["smev"] | None = None
    canonical: Literal["exclusive", "exclusive_with_comments", "inclusive", "inclusive_with_comments"] = "exclusive"
    content: Literal["xml", "octets"] = "xml"  # enveloping: "octets" puts any document in as base64
    file: str | None = None  # detached: the name of the file that is signed, beside the signature
    digest: bytes | None = None  # detached: of that file by the signature's digest, where nobody holds its octets
    media_type: str | None = None  # DataObjectFormat of XAdES; None: as the packaging has it
    signing_certificate: Literal["v2", "v1"] = "v2"  # "v1": for receivers of ETSI TS 101 903 (before EN 319 132-1)

    @property
    def is_inclusive(self) -> bool:
        return self.canonical.startswith("inclusive")

    @property
    def with_comments(self) -> bool:
        return self.canonical.endswith("with_comments")


def check(options: Options) -> None:
    """Raises BadParameters at a combination that there is not."""
    detached, enveloped = options.packaging == "detached", options.packaging == "enveloped"
    names_file = options.file is not None
    for wrong, detail in (
        (options.place is not None and not enveloped, "place goes with enveloped"),
        (options.content == "octets" and options.packaging != "enveloping", "octets go with enveloping"),
        (names_file and not detached, "file goes with detached"),
        (options.digest is not None and not names_file, "digest goes with the name of a file"),
        (detached and names_file == (options.reference is not None), "detached names a file, or an Id"),
        (options.reference is not None and options.packaging == "enveloping", "enveloping has no Id to sign"),
        (options.transform is not None and (names_file or options.content == "octets"), "smev transforms XML"),
        (options.transform is not None and options.canonical != "exclusive", "smev follows exclusive"),
        (detached and options.is_inclusive, "a detached signature is canonical by itself: exclusive"),
        (options.file == "", "an empty name of a file"),
    ):
        if wrong:
            raise BadParameters(detail=detail)
