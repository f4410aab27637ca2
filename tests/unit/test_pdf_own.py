"""Our own check of a PDF signature before it leaves: what it passes judges pass too, and nothing else passes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from asn1crypto import cms as asn1

from agent.cms.formats import Material
from agent.errors import SignatureWrong
from agent.pdf.preparation import PdfOptions, Visible
from agent.pdf.process import Worker
from agent.verification.own_pdf import Level, verify_own_pdf
from tests.harness import pdf
from tests.harness.authority import Authority
from tests.harness.pdf import Signer

LEVELS: tuple[Level, ...] = ("b", "t", "lt")
DOCUMENT = pdf.with_form({6: pdf.field(b"Approval", b"10 10 200 90")})


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    authority = Authority(tmp_path_factory.mktemp("authority"), "ec", "http://nowhere.invalid")
    with Worker() as worker:
        yield Signer(authority, authority.signer(), worker)


@pytest.fixture(scope="module")
def files(signer: Signer) -> dict[Level, bytes]:
    return {level: signer.signed(DOCUMENT, None, level) for level in LEVELS}


def passes(signer: Signer, file: bytes, level: Level, document: bytes = DOCUMENT) -> bool:
    try:
        verify_own_pdf(file, document, signer.holder.description, signer.algorithm.digest, "token", level)
    except SignatureWrong as error:
        return error.facts != {"token": "token"}
    return True


def test_each_level_is_exactly_the_one_that_was_asked_for(signer: Signer, files: dict[Level, bytes]) -> None:
    for made in LEVELS:
        for asked in LEVELS:
            assert passes(signer, files[made], asked) == (made == asked), (made, asked)


@pytest.mark.parametrize(
    "options",
    [
        PdfOptions(field="Approval", visible=Visible(0, 0, 1, 1)),
        PdfOptions(visible=Visible(100, 100, 200, 60), reason="/ByteRange [0 1 2 3]", contact="(>"),
    ],
)
def test_every_option_passes(signer: Signer, options: PdfOptions) -> None:
    assert passes(signer, signer.signed(DOCUMENT, options, "lt"), "lt")


def test_documents_full_of_our_own_words_pass(signer: Signer, files: dict[Level, bytes]) -> None:
    for level in LEVELS:
        again = signer.signed(files["lt"], None, level)
        assert passes(signer, again, level, files["lt"])


@pytest.mark.parametrize("level", LEVELS)
def test_no_octet_of_the_file_can_be_changed(signer: Signer, files: dict[Level, bytes], level: Level) -> None:
    """But those behind the signature at level LT, and what others made and speaks for itself: the issuer's certificate,
    and the time-stamp, whose own reader has tests of its own."""
    file = files[level]
    (one,) = pdf.embedded(file)
    foreign = [signer.authority.issuing.der]
    if level != "b":
        (info,) = asn1.ContentInfo.load(one.cms)["content"]["signer_infos"]
        foreign.append(info["unsigned_attrs"][0]["values"].contents)
    places = [(file.index(octets.hex().encode()), 2 * len(octets)) for octets in foreign]
    others = [(begins, begins + size) for begins, size in places]
    for place in range(0, one.length, 97):
        if any(begins <= place < ends for begins, ends in others):
            continue
        changed = file[:place] + bytes([file[place] ^ 1]) + file[place + 1 :]
        assert not passes(signer, changed, level), place


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "an octet behind the end": lambda file: file + b"\n",
    "an octet too few": lambda file: file[:-1],
    "a document that was cut": lambda file: file[1:],
    "another subfilter": lambda file: file.replace(b"ETSI.CAdES.detached", b"adbe.pkcs7.detached"),
    "no time": lambda file: re.sub(rb"/M \(D:", b"/N (D:", file),
    "padding that is no padding": lambda file: file.replace(b"00>\n/M", b"01>\n/M"),
    "a second range": lambda file: file.replace(b"/F 132", b"/ByteRange [0 1 2 3]/F 132"),
    "no field that holds it": lambda file: re.sub(rb"/V (\d+) 0 R", rb"/W \1 0 R", file),
    "a table elsewhere": lambda file: re.sub(rb"startxref\n(\d)(\d+)\n%%EOF\n\Z", rb"startxref\n9\2\n%%EOF\n", file),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_is_not_as_we_write_it_does_not_leave(
    signer: Signer, files: dict[Level, bytes], change: str
) -> None:
    for level in LEVELS:
        changed = CHANGES[change](files[level])
        assert changed != files[level]
        assert not passes(signer, changed, level)


def test_a_range_that_leaves_out_more_than_contents_does_not_leave(signer: Signer, files: dict[Level, bytes]) -> None:
    file = files["b"]
    (match,) = re.finditer(rb"/ByteRange \[0 (\d+) (\d+) (\d+)\] *", file)
    start, end, rest = map(int, match.groups())
    for numbers in ((start - 1, end, rest), (start, end + 1, rest - 1), (start, end, rest - 1), (start, end, rest + 1)):
        written = (b"/ByteRange [0 %d %d %d]" % numbers).ljust(len(match[0]))
        assert not passes(signer, file[: match.start()] + written + file[match.end() :], "b")


def test_another_certificate_and_another_document_do_not_pass(signer: Signer, files: dict[Level, bytes]) -> None:
    other = signer._replace(holder=signer.authority.signer("other"))
    assert not passes(other, files["b"], "b")
    assert not passes(signer, files["b"], "b", DOCUMENT.replace(b"Contract", b"Contrast"))
    assert not passes(signer, files["b"], "b", files["b"])
    assert not passes(signer, b"", "b", b"")


def test_a_wrong_signature_of_the_token_does_not_pass(signer: Signer) -> None:
    prepared = signer.prepare(DOCUMENT)
    value = signer.value(prepared.signed + b".")
    assert not passes(signer, prepared.complete(value).value, "b")


def test_a_store_without_answers_is_no_level_lt(signer: Signer) -> None:
    prepared = signer.prepare(DOCUMENT, timestamp=True)
    completed = prepared.complete(signer.value(prepared.signed))
    stamped = completed.with_timestamp(signer.token(completed))
    assert passes(signer, stamped.value, "t")
    assert not passes(signer, stamped.with_material(Material((signer.holder.der,))).value, "lt")
    assert passes(signer, stamped.with_material(signer.material()).value, "lt")


def test_a_time_stamp_of_another_signature_does_not_pass(signer: Signer) -> None:
    prepared = signer.prepare(DOCUMENT, timestamp=True)
    completed = prepared.complete(signer.value(prepared.signed))
    elsewhere = signer.prepare(DOCUMENT).complete(signer.value(prepared.signed + b"."))
    assert not passes(signer, completed.with_timestamp(signer.token(elsewhere)).value, "t")
