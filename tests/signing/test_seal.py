"""A sealed document is accepted by others, wholly covered, unchanged beneath, and its seal hides nothing."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pikepdf
import pypdfium2 as pdfium
import pytest

from signing.errors import KeyFileUnreadable, NotSealable
from signing.inspection import Limits
from signing.keys import KeyFile, OpenedKeys, make_key_file, open_key_file
from signing.pdf import Seal, inspect, load_seal, seal, text_of
from signing.placement import find_place
from tests.signing import documents, judges
from tests.signing.conftest import AT, COURT_NAME, LABEL, PASSWORD


def sealed(content: bytes, court_seal: Seal) -> bytes:
    return seal(content, court_seal, at=AT, reason="送达 Service", location="示例市")


@dataclass(frozen=True)
class Widget:
    """Where a seal stands and what its tooltip says; `page` counts from 0."""

    page: int
    box: tuple[float, ...]
    says: str


def widgets(content: bytes) -> list[Widget]:
    with pikepdf.open(io.BytesIO(content)) as document:
        return [
            Widget(number, tuple(float(side) for side in annotation.Rect.as_list()), str(annotation.TU))
            for number, page in enumerate(document.pages)
            for annotation in page.obj.get("/Annots", [])
            if annotation.get("/FT") == pikepdf.Name.Sig
        ]


@pytest.mark.parametrize("name", documents.GOOD)
def test_others_accept_the_seal(name: str, court_seal: Seal, key_file: KeyFile, tmp_path: Path) -> None:
    content = sealed(documents.GOOD[name](), court_seal)
    (verdict,) = judges.pdfsig(content, tmp_path)
    assert (verdict.valid, verdict.whole, verdict.kind) == (True, True, "ETSI.CAdES.detached")
    assert COURT_NAME in verdict.text
    assert "Mar 04 2026" in verdict.text
    assert judges.qpdf_complains(content, tmp_path) == ""
    assert judges.pyhanko_accepts(content, key_file.certificate_pem)


@pytest.mark.parametrize("name", documents.GOOD)
def test_what_was_filed_stays_as_it_was(name: str, court_seal: Seal) -> None:
    content = documents.GOOD[name]()
    result = sealed(content, court_seal)
    assert text_of(result) == text_of(content)
    if name != "broken-xref":  # repaired, hence rewritten
        assert result.startswith(content)
    assert inspect(result, Limits()).faults == ()


@pytest.mark.parametrize("name", documents.GOOD)
def test_the_seal_hides_nothing(name: str, court_seal: Seal) -> None:
    """Judged without our placement: text boxes in page space, and the page drawn with and without the seal."""
    content = documents.GOOD[name]()
    result = sealed(content, court_seal)
    (widget,) = widgets(result)
    if name == "reportlab-full-page":
        assert "outlines only" in widget.says
        return
    assert "hides nothing" in widget.says
    left, bottom, right, top = widget.box
    document = pdfium.PdfDocument(content)
    text = document[widget.page].get_textpage()
    for index in range(text.count_rects()):
        x1, y1, x2, y2 = text.get_rect(index)
        assert x2 <= left or x1 >= right or y2 <= bottom or y1 >= top
    assert ink_lost(content, result, widget.page) == 0


def ink_lost(before: bytes, after: bytes, number: int) -> int:
    """Dark dots of a page that the seal covers, on a drawing finer than the one placement uses."""
    first, second = (pdfium.PdfDocument(content) for content in (before, after))
    second.init_forms()
    plain, with_seal = (one[number].render(scale=1.5, grayscale=True) for one in (first, second))
    assert (plain.width, plain.height) == (with_seal.width, with_seal.height)
    pairs = zip(bytes(plain.buffer), bytes(with_seal.buffer), strict=True)
    return sum(1 for old, new in pairs if old < 110 and abs(old - new) > 8)


@pytest.mark.parametrize("name", documents.GOOD)
def test_the_seal_is_seen_whole_upright_and_red(name: str, court_seal: Seal) -> None:
    content = documents.GOOD[name]()
    result = sealed(content, court_seal)
    red = red_dots(result, find_place(content).page)
    xs, ys = [x for x, _ in red], [y for _, y in red]
    width, height = max(xs) - min(xs), max(ys) - min(ys)
    assert abs(width - height) <= 3
    assert width > 100
    if name != "reportlab-full-page":
        middle = (min(ys) + max(ys)) / 2
        label = sum(1 for x, y in red if y > middle + height * 0.22 and abs(x - min(xs) - width / 2) < width * 0.3)
        name_above = sum(1 for x, y in red if y < middle - height * 0.22 and abs(x - min(xs) - width / 2) < width * 0.3)
        assert name_above > label * 1.2  # the larger letters are on top


def red_dots(content: bytes, number: int) -> list[tuple[int, int]]:
    document = pdfium.PdfDocument(content)
    document.init_forms()
    picture = document[number].render(scale=1, rev_byteorder=True)
    pixels, stride = bytes(picture.buffer), picture.stride
    red, green = pixels[0::3], pixels[1::3]
    assert stride == 3 * picture.width  # then dot n is red[n], green[n]
    dots = (n for n, pair in enumerate(zip(red, green, strict=True)) if pair[0] > 150 and pair[1] < 120)
    return [(n % picture.width, n // picture.width) for n in dots]


def test_the_seal_is_as_large_as_a_courts(court_seal: Seal) -> None:
    (widget,) = widgets(sealed(documents.reportlab_letter(), court_seal))
    left, bottom, right, top = widget.box
    assert right - left == top - bottom == pytest.approx(42 / 25.4 * 72, abs=1)
    assert (right, bottom) == pytest.approx((595 - 26, 26), abs=6)


def test_a_full_last_page_gives_way_to_an_earlier_one(court_seal: Seal) -> None:
    def append_full_page(document: pikepdf.Pdf) -> None:
        document.pages.extend(pikepdf.open(io.BytesIO(documents.reportlab_full_page())).pages)

    content = documents.pikepdf_changed(append_full_page)
    (widget,) = widgets(sealed(content, court_seal))
    assert widget.page == 0
    assert "hides nothing" in widget.says


@pytest.mark.parametrize("at", [50, 700, 9000, -250, -30])
def test_one_changed_byte_is_noticed(at: int, court_seal: Seal, key_file: KeyFile, tmp_path: Path) -> None:
    content = bytearray(sealed(documents.reportlab_letter(), court_seal))
    start = content.index(b"/Contents <")
    assert not start < at % len(content) < content.index(b">", start)
    content[at] ^= 1
    try:
        accepted = judges.pyhanko_accepts(bytes(content), key_file.certificate_pem)
    except Exception:  # noqa: BLE001  a file too damaged to be read is refused as well
        accepted = False
    assert not accepted
    assert not any(verdict.valid and verdict.whole for verdict in judges.pdfsig(bytes(content), tmp_path))


def test_something_added_afterwards_is_noticed(court_seal: Seal, key_file: KeyFile, tmp_path: Path) -> None:
    content = sealed(documents.reportlab_letter(), court_seal)
    longer = content + b"\n% one line more\n"
    (verdict,) = judges.pdfsig(longer, tmp_path)
    assert not verdict.whole


def test_a_second_seal_leaves_the_first_valid_and_free(court_seal: Seal, key_file: KeyFile, tmp_path: Path) -> None:
    twice = sealed(sealed(documents.reportlab_letter(), court_seal), court_seal)
    first, second = judges.pdfsig(twice, tmp_path)
    assert (first.valid, second.valid, second.whole) == (True, True, True)
    assert judges.pyhanko_accepts(twice, key_file.certificate_pem, 0)
    assert judges.pyhanko_accepts(twice, key_file.certificate_pem, 1)
    one, two = (widget.box for widget in widgets(twice))
    assert one[0] >= two[2] or one[1] >= two[3] or two[1] >= one[3]


@pytest.mark.parametrize(
    "defect", ["encrypted-with-password", "encrypted-against-printing", "cut-off", "word-document"]
)
def test_what_cannot_be_sealed_is_refused(defect: str, court_seal: Seal) -> None:
    make, _ = documents.BAD[defect]
    with pytest.raises(NotSealable):
        sealed(make(), court_seal)


def test_a_certified_document_that_forbids_changes_is_refused(court_seal: Seal) -> None:
    with pytest.raises(NotSealable, match="certified"):
        sealed(certified(court_seal), court_seal)


def certified(court_seal: Seal) -> bytes:
    """A sealed document whose signature also certifies it against any change (DocMDP, P 1)."""

    def certify(document: pikepdf.Pdf) -> None:
        parameters = pikepdf.Dictionary(Type=pikepdf.Name.TransformParams, P=1, V=pikepdf.Name("/1.2"))
        reference = pikepdf.Dictionary(TransformMethod=pikepdf.Name.DocMDP, TransformParams=parameters)
        signature = document.pages[0].obj.Annots[0].V
        signature.Reference = pikepdf.Array([reference])
        document.Root.Perms = pikepdf.Dictionary(DocMDP=signature)

    return documents.pikepdf_changed(certify, sealed(documents.reportlab_letter(), court_seal))


def test_key_and_certificate_must_belong_together(keys: OpenedKeys, key_file: KeyFile) -> None:
    other = make_key_file(PASSWORD, court="x", court_name="x", not_before=AT, not_after=AT, serial=None)
    stranger = open_key_file(other.content, PASSWORD)
    with pytest.raises(KeyFileUnreadable):
        load_seal(stranger.private_key_pem, keys.certificate_pem, COURT_NAME, LABEL)
    with pytest.raises(KeyFileUnreadable):
        load_seal(b"nothing", keys.certificate_pem, COURT_NAME, LABEL)


@pytest.mark.parametrize("court_name", ["院", "内蒙古自治区呼和浩特市新城区人民法院", "Court 42", "最高人民法院" * 6])
def test_any_name_can_be_drawn(court_name: str, keys: OpenedKeys) -> None:
    drawn = load_seal(keys.private_key_pem, keys.certificate_pem, court_name, LABEL)
    assert red_dots(sealed(documents.reportlab_letter(), drawn), 0)


def test_a_seal_tells_nothing_of_its_key(court_seal: Seal, keys: OpenedKeys) -> None:
    assert "PRIVATE" not in repr(court_seal) + repr(keys)
