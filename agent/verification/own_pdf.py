"""The check of our own PDF signature before it leaves (PAdES, ETSI EN 319 142-1 clause 6.3).

It reads the finished file by itself, not by what wrote it: our revisions are written in one way only, so that exact
patterns find what has to be there, and what else there may be in the document is never looked into.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal, NamedTuple

from agent.algorithms import DigestAlgorithm, new_digest
from agent.certificates import der
from agent.certificates.description import Description
from agent.errors import SignatureWrong
from agent.verification.own import Wanted, verify_own

Level = Literal["b", "t", "lt"]

_DICTIONARY = re.compile(
    rb"\n(?P<object>\d{1,7}) 0 obj\n<<\n/Type /Sig\n/Filter /Adobe\.PPKLite\n/SubFilter /ETSI\.CAdES\.detached\n"
    rb"/ByteRange \[0 (?P<start>\d+) (?P<end>\d+) (?P<rest>\d+)\] *\n/Contents <(?P<contents>[0-9a-f]+)>\n"
    rb"/M \(D:\d{14}Z\)\n"
)
_RANGE = re.compile(rb"/ByteRange\s*\[")
_END = re.compile(rb"\nstartxref\n(?P<offset>\d+)\n%%EOF\n\Z")
_TABLE = re.compile(rb"xref\n|\d+ 0 obj\n<<")


class _Signature(NamedTuple):
    number: bytes  # of the dictionary's object
    start: int  # of Contents, from its `<`
    end: int  # behind its `>`
    length: int  # of the file as it was signed
    contents: bytes


def verify_own_pdf(
    value: bytes,
    document: bytes,
    certificate: Description,
    digest: DigestAlgorithm,
    token: str = "",
    level: Level = "b",
) -> None:
    """Raise SignatureWrong unless `value` is `document` with one signature more, by this certificate, at this level.

    `digest` is that of the signature's algorithm; `token` is the label of the token, for the error.

    1. the document stands unchanged at the beginning  2. one signature dictionary, whose range is the file as it was
    signed but for Contents  3. a field holds it  4. Contents is one CMS and zeros, and signs that range at that level
    5. material, at level LT and only there, is all that stands behind  6. the file ends as readers want it
    """
    try:
        right = _is_right(value, document, certificate, digest, level)
    except (ValueError, IndexError) as error:
        raise SignatureWrong(token=token) from error
    except SignatureWrong:
        raise SignatureWrong(token=token) from None
    if not right:
        raise SignatureWrong(token=token)


def _is_right(value: bytes, document: bytes, certificate: Description, digest: DigestAlgorithm, level: Level) -> bool:
    # 1.
    if not value.startswith(document):
        return False
    # 2.
    signature = _signature(value, len(document))
    # 3.
    signed = value[len(document) : signature.length]
    if signed.count(b"/V %s 0 R\n" % signature.number) != 1:
        return False
    # 4.
    cms = der.read(signature.contents)
    if signature.contents[cms.end :].strip(b"\0"):
        return False
    running = new_digest(digest.name)
    view = memoryview(value)
    running.update(view[: signature.start])
    running.update(view[signature.end : signature.length])
    wanted = Wanted(timed=False, level="b" if level == "b" else "t")
    verify_own(cms.whole, running.digest(), certificate, wanted=wanted)
    # 5.
    if not (_has_material(value, signature) if level == "lt" else len(value) == signature.length):
        return False
    # 6.
    return _ends(value, len(document))


def _signature(value: bytes, before: int) -> _Signature:
    """The one signature dictionary behind the document. Raises ValueError."""
    added = value[before:]
    found = _DICTIONARY.search(added)
    if found is None or len(_RANGE.findall(added)) != 1:
        raise ValueError("dictionary")
    start, end, rest = (int(found[part]) for part in ("start", "end", "rest"))
    at = before + found.start("contents") - 1, before + found.end("contents") + 1
    if (start, end) != at or end + rest > len(value) or not value[: end + rest].endswith(b"%%EOF\n"):
        raise ValueError("range")
    return _Signature(found["object"], start, end, end + rest, bytes.fromhex(found["contents"].decode()))


def _has_material(value: bytes, signature: _Signature) -> bool:
    """A store with answers or lists that names this signature (EN 319 142-1 clause 5.4.2.3)."""
    behind = value[signature.length :]
    key = hashlib.sha1(signature.contents, usedforsecurity=False).hexdigest().upper().encode()
    named = re.search(rb"/%s (\d+) 0 R\n" % key, behind)
    if named is None:
        return False
    about = re.search(rb"\n%s 0 obj\n<<\n(.*?)\n>>\nendobj\n" % named[1], behind, re.DOTALL)
    return about is not None and b"/Type /VRI" in about[1] and (b"/OCSP [" in about[1] or b"/CRL [" in about[1])


def _ends(value: bytes, before: int) -> bool:
    """The last cross-reference table is one of ours and is where the file says it is."""
    found = _END.search(value[-64:])
    if found is None:
        return False
    offset = int(found["offset"])
    return offset >= before and _TABLE.match(value, offset) is not None
