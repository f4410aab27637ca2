"""XML by strangers: nothing fetched, nothing expanded, everything bounded, every encoding either kept or refused."""

from __future__ import annotations

import base64
import codecs
import contextlib
import ctypes
import os
import random
import resource
import socket
import subprocess
import time
from pathlib import Path

import pytest
from lxml import etree

from agent.errors import DocumentDamaged, DocumentTooLarge, PeroError, Refused, SignatureWrong, XmlUnsafe
from agent.verification.own_xml import verify_own
from agent.xml import document as documents
from agent.xml.document import MAX_DEPTH
from agent.xml.options import Options
from agent.xml.signature import look
from tests.harness.core import Core
from tests.harness.xml_judges import key_signer, xmlsec

WHOLE = Options()
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 30))
SECONDS = 20  # for what takes milliseconds, on a loaded machine


def reason(document: bytes, options: Options = WHOLE) -> str:
    with pytest.raises(XmlUnsafe) as raised:
        look(document, options)
    return str(raised.value.facts["reason"])


@pytest.mark.parametrize(
    "prolog",
    [
        "<!DOCTYPE a>",
        '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a [<!ENTITY e "text">]>',
        '<!DOCTYPE a [<!ENTITY % e SYSTEM "http://127.0.0.1:9/e.dtd">%e;]>',
        '<!DOCTYPE a [<!ATTLIST a b CDATA "default">]>',
        f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]>',
        '<?xml version="1.0" standalone="yes"?>\n<!-- c --><?p i?>\n<!DOCTYPE a>',
    ],
    ids=lambda text: text[:40],
)
def test_a_document_type_is_refused_before_it_is_read(prolog: str) -> None:
    for packaging in ("enveloped", "enveloping"):
        for codec in ("utf-8", "utf-8-sig", "utf-16"):
            document = f"{prolog}<a>&e;&l29;</a>".encode(codec)
            assert reason(document, Options(packaging=packaging)) == "doctype"  # type: ignore[arg-type]


def test_what_looks_like_a_document_type_in_a_comment_is_none() -> None:
    look(b"<!-- <!DOCTYPE a> --><a><![CDATA[<!DOCTYPE b>]]></a>", WHOLE)


def test_entities_without_a_document_type_are_damage() -> None:
    with pytest.raises(DocumentDamaged):
        look(b"<a>&e;</a>", WHOLE)


IN_ACCESS, IN_OPEN = 0x1, 0x20  # inotify(7)


class Watched:
    """A file of which the kernel tells whether anybody opened it."""

    def __init__(self, path: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.path = path
        self._queue = libc.inotify_init1(os.O_NONBLOCK)
        assert libc.inotify_add_watch(self._queue, os.fsencode(path), IN_OPEN | IN_ACCESS) >= 0

    def was_opened(self) -> bool:
        try:
            return bool(os.read(self._queue, 4096))
        except BlockingIOError:
            return False


def test_nothing_is_fetched_and_no_file_is_opened(tmp_path: Path) -> None:
    """A file that the kernel watches, and a listener that hears nothing; past the refusal of document types too."""
    (tmp_path / "canary").write_text("<canary/>")
    canary = Watched(tmp_path / "canary")
    signer = key_signer("p256")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        for place in (f"http://127.0.0.1:{listener.getsockname()[1]}/x", canary.path.as_uri(), str(canary.path)):
            for text in (
                f'<!DOCTYPE a SYSTEM "{place}"><a/>',
                f'<!DOCTYPE a [<!ENTITY e SYSTEM "{place}">]><a>&e;</a>',
                f'<!DOCTYPE a [<!ENTITY % e SYSTEM "{place}">%e;]><a/>',
                f'<a xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="{place}"/></a>',
                f'<?xml-stylesheet type="text/xsl" href="{place}"?><a/>',
                f'<a xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:schemaLocation="urn:a {place}" '
                f'xml:base="{place}"><b xmlns="{place}"/></a>',
            ):
                with contextlib.suppress(XmlUnsafe, DocumentDamaged):
                    documents.parsed(text.encode())
                for options in (WHOLE, Options(canonical="inclusive"), Options(transform="smev")):
                    with contextlib.suppress(XmlUnsafe, DocumentDamaged):
                        signer.sign(text.encode(), options)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert not canary.was_opened()
    assert etree.parse(canary.path).getroot().tag == "canary"  # the watch works
    assert canary.was_opened()


def test_includes_and_selecting_transforms_are_refused() -> None:
    include = b'<a xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="b"/></a>'
    assert reason(include) == "xinclude"
    for uri in (
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2002/06/xmldsig-filter2",
    ):
        transform = f'<ds:Transform xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Algorithm="{uri}"/>'
        assert reason(f"<a>{transform}</a>".encode()) == "transform"


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 5_000, 500_000])
def test_depth_is_bounded(depth: int) -> None:
    document = b"<a>" * depth + b"</a>" * depth
    begun = time.monotonic()
    with pytest.raises((XmlUnsafe, DocumentDamaged)):
        look(document, WHOLE)
    assert time.monotonic() - begun < SECONDS


def test_the_deepest_that_is_allowed_is_signed(tmp_path: Path) -> None:
    document = b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH
    for options in (WHOLE, Options(canonical="inclusive"), Options(transform="smev")):
        value = key_signer("p256").sign(document, options).value
        assert options.transform or xmlsec(tmp_path, value, key_signer("p256")) == ""


def test_attributes_and_namespaces_are_bounded() -> None:
    """Canonical forms take time by the square of their number."""
    many = b" ".join(b'b%d="%d"' % (n, n) for n in range(100_000))
    declared = b" ".join(b'xmlns:n%d="urn:%d"' % (n, n) for n in range(3_000))
    layers = range(MAX_DEPTH - 1)
    nested = b"".join(b'<a xmlns:n%d="urn:%d" xmlns:m%d="urn:m">' % (n, n, n) for n in layers) + b"</a>" * len(layers)
    for document in (b"<a " + many + b"/>", b"<a " + declared + b"/>", nested):
        begun = time.monotonic()
        assert reason(document) == "complex"
        assert time.monotonic() - begun < SECONDS
    wide = b"<a " + b" ".join(declared.split(b" ")[:250]) + b">" + b"<b/>" * 40_000 + b"</a>"
    with pytest.raises(XmlUnsafe):
        key_signer("p256").sign(wide, Options(canonical="inclusive"))


@pytest.mark.parametrize("name", ["relative", "../up", "#part", "//host/path", "a/b?c"])
@pytest.mark.parametrize("packaging", ["enveloped", "enveloping"])
async def test_a_namespace_with_a_relative_name_is_refused_before_anybody_is_asked(
    name: str, packaging: str, tmp_path: Path
) -> None:
    """Such a document has no canonical form: xmllint says so too."""
    document = f'<a><p:b xmlns:p="{name}">x</p:b></a>'.encode()
    judged = subprocess.run(["xmllint", "--exc-c14n", "-"], input=document, capture_output=True, check=False)
    assert judged.stdout == b""
    core = Core(tmp_path)
    core.tokens.add("Somebody")
    core.person.answers = [Refused()] * 3
    options = {"format": "xades", "packaging": packaging}
    asked = {"document": {"name": "a.xml", "content": base64.b64encode(document).decode()}, "options": options}
    answer = await core.call(core.page(), "sign", asked)
    assert answer["error"]["data"]["name"] == "document_damaged"
    assert core.person.shown == []


def test_a_namespace_that_only_others_use_keeps_nothing_from_being_signed() -> None:
    document = b'<r><a Id="mine">x</a><p:b xmlns:p="relative"/></r>'
    look(document, Options(reference="mine"))
    with pytest.raises(DocumentDamaged):
        look(document, Options())


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_DOCUMENT", 1000)
    with pytest.raises(DocumentTooLarge):
        look(b"<a>" + b"x" * 1000 + b"</a>", WHOLE)


@pytest.mark.parametrize(
    "document",
    [
        b"<a>" + (b"<b " + b" ".join(b'b%d="%d"' % (n, n) for n in range(500)) + b"/>") * 400 + b"</a>",
        b"<a>" + b"<b/>" * 200_000 + b"</a>",
        b"<a " + b" ".join(b'xmlns:n%d="urn:%d"' % (n, n) for n in range(250)) + b">" + b"<b/>" * 20_000 + b"</a>",
        b"<a>" + b"<!--" + b"-<" * 500_000 + b"--></a>",
        b"<a b='" + b">" * 1_000_000 + b"'/>",
        b"<a>" + b"]>" * 1_000_000 + b"</a>",
        b"<a>" + b"x" * 12_000_000 + b"</a>",
    ],
    ids=["attributes", "elements", "namespaces", "comment", "value", "brackets", "text over the parser's own limit"],
)
def test_time_and_memory_are_bounded_by_the_size(document: bytes) -> None:
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    key_signer("p256").sign(document, WHOLE)
    assert time.monotonic() - begun < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_500_000  # KiB


DAMAGED = (
    *(
        b"",
        b" ",
        b"<",
        b"<a",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"text",
        b"\0",
        b"%PDF-1.7",
        b"<a>\x01</a>",
        b"<a b=1/>",
    ),
    *(b"<a b='1' b='2'/>", b"<p:a/>", b"<a>&#0;</a>", b"\xff\xfe<", b"<a>\xff</a>", b"<?xml ?><a/>", b"\xef\xbb\xbf"),
    *(b'<?xml version="1.0" encoding=""?><a/>', b"<a>]]></a>", b"<a><!-- -- --></a>", b'\n<?xml version="1.0"?><a/>'),
    *(b'<?xml version="1.0" encoding="us-ascii"?><a>\xd0</a>', b"<a xmlns='relative'/>"),
)


@pytest.mark.parametrize("document", DAMAGED, ids=repr)
def test_what_is_no_xml_is_said_to_be_damaged(document: bytes) -> None:
    for packaging in ("enveloped", "enveloping"):
        with pytest.raises((DocumentDamaged, XmlUnsafe)):
            key_signer("p256").sign(document, Options(packaging=packaging))  # type: ignore[arg-type]  # a parameter


@pytest.mark.parametrize("version", ["1.1", "2.0", "", "1"])
def test_another_version_of_xml_is_refused(version: str) -> None:
    assert reason(f'<?xml version="{version}"?><a/>'.encode()) == "version"


@pytest.mark.parametrize("name", ["utf-7", "utf-32", "cp037", "hz", "idna", "rot13", "zlib", "x" * 900, "utf-8-sig"])
def test_other_encodings_are_refused(name: str) -> None:
    assert reason(f'<?xml version="1.0" encoding="{name}"?><a/>'.encode()) == "encoding"


@pytest.mark.parametrize(
    ("mark", "codec", "name"),
    [
        (b"", "utf-8", None), (b"", "utf-8", "UTF-8"),
        (codecs.BOM_UTF8, "utf-8", None), (codecs.BOM_UTF8, "utf-8", "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"), (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
        (codecs.BOM_UTF16_LE, "utf-16-le", None), (b"", "cp1251", "windows-1251"), (b"", "koi8-r", "KOI8-R"),
        (b"", "iso8859-5", "ISO-8859-5"), (b"", "cp866", "cp866"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("packaging", ["enveloped", "enveloping"])
def test_encodings_are_kept_and_read_alike_by_others(
    tmp_path: Path, mark: bytes, codec: str, name: str | None, packaging: str
) -> None:
    head = f'<?xml version="1.0" encoding="{name}"?>\n' if name else ""
    document = mark + (head + '<a xmlns="urn:a">Подпись<b Id="имя"/></a>\n').encode(codec)
    signer = key_signer("p256")
    for format_name in ("xmldsig", "xades"):
        options = Options(packaging=packaging, format=format_name)  # type: ignore[arg-type]  # parameters
        value = signer.sign(document, options).value
        assert value.startswith(mark + head.strip().encode(codec))
        assert "Подпись".encode(codec) in value
        if packaging == "enveloped":
            start, end = (text.encode(codec) for text in ("<ds:Signature ", "</ds:Signature>"))
            assert value.split(start)[0] + value.rsplit(end)[1] == document
        given = value
        if codec == "cp866":  # libxml2 of xmlsec1 has no such encoding
            given = value.decode(codec).replace(head.strip(), "").strip().encode()
        assert xmlsec(tmp_path, given, signer) == ""


def test_an_encoding_that_lies_is_read_once_and_the_same_by_everybody(tmp_path: Path) -> None:
    """The byte order mark comes first (XML 1.0 appendix F.2), whatever the declaration says."""
    document = codecs.BOM_UTF8 + '<?xml version="1.0" encoding="windows-1251"?><a>Подпись</a>'.encode()
    value = key_signer("p256").sign(document, WHOLE).value
    assert "Подпись".encode() in value


def test_line_ends_stay_as_they_are(tmp_path: Path) -> None:
    document = b'<a>\r\n <b c="1\r\n2"/>\r</a>\r\n'
    value = key_signer("p256").sign(document, WHOLE).value
    assert value.startswith(b'<a>\r\n <b c="1\r\n2"/>\r<ds:Signature ')
    assert value.endswith(b"</a>\r\n")
    assert xmlsec(tmp_path, value, key_signer("p256")) == ""


def test_random_damage_never_gives_anything_but_a_typed_error() -> None:
    signer, chance = key_signer("p256"), random.Random(7)
    seed = '<?xml version="1.0"?><!-- c --><a xmlns:b="urn:b"><b:c Id="x" d=">">т<![CDATA[&]]></b:c><e/></a><?p i?>'

    for _ in range(400):
        damaged = bytearray(seed.encode())
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(damaged))
            damaged[at : at + chance.randint(0, 2)] = bytes(
                chance.choices(b"<>/!?-[]&;'\"= x:\0\xff", k=chance.randint(0, 3))
            )
        try:
            value = signer.sign(bytes(damaged), Options(reference="x") if chance.random() < 0.5 else WHOLE).value
        except SignatureWrong:
            raise
        except PeroError:
            continue
        etree.fromstring(value, etree.XMLParser(resolve_entities=False))
        verify_own(value, signer.case(bytes(damaged), Options(reference="x") if b"#x" in value else WHOLE))
