"""What a page's content stream is said to reach is never higher than the ink that PDFium draws."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Name, Stream

from signing import pages
from signing.lowest_mark import lowest_mark
from signing.placement import find_place, plain_place
from tests.signing import documents
from tests.signing.corpus import kept

HELVETICA = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)


def page_with(content: bytes, change: Callable[[pikepdf.Pdf, pikepdf.Object], object] = lambda *_: None) -> bytes:
    """One page, 400 points wide and 800 high, with a font /F, an image /I and a graphics state /G."""
    document = pikepdf.new()
    image = Stream(document, b"\0", Type=Name.XObject, Subtype=Name.Image, Width=1, Height=1)
    image.ColorSpace, image.BitsPerComponent = Name.DeviceGray, 8
    document.add_blank_page(page_size=(400, 800))
    page = document.pages[0].obj
    state = Dictionary(Type=Name.ExtGState, ca=1)
    page.Resources = Dictionary(
        Font=Dictionary(F=HELVETICA), XObject=Dictionary(I=image), ExtGState=Dictionary(G=state)
    )
    page.Contents = document.make_stream(content)
    change(document, page)
    output = io.BytesIO()
    document.save(output)
    return output.getvalue()


def told(content: bytes) -> float | None:
    with pikepdf.open(io.BytesIO(content)) as document:
        return lowest_mark(document.pages[-1].obj)


def lowest_ink(content: bytes) -> float:
    """Where the last dot that is not white ends, in points above the lower edge; infinity where none is."""
    with pages.opened(content) as document:
        picture = document[0].render(scale=1, grayscale=True)
    pixels, stride = bytes(picture.buffer), picture.stride
    rows = [pixels[y * stride : y * stride + picture.width] for y in range(picture.height)]
    inked = [y for y, row in enumerate(rows) if min(row) < 200]
    return picture.height - (inked[-1] + 1) if inked else float("inf")


y = st.integers(0, 800)
scales = st.sampled_from(["1", "-1", ".5", "2.25", "-3"])
OPERATIONS = st.one_of(
    st.builds("1 0 0 {} 0 {} cm".format, scales, y),
    st.builds("{0} {1} {2} {3} re f".format, y, y, y, st.integers(-90, 90)),
    st.builds("{} {} m {} {} {} {} {} {} c S".format, y, y, y, y, y, y, y, y),
    st.builds("{} w {} {} m {} {} l {} {} l s".format, st.integers(0, 9), y, y, y, y, y, y),
    st.builds("0 {} 400 5 re W n".format, y),
    st.builds("q 60 0 0 {} 9 {} cm /I Do Q".format, st.integers(-90, 90), y),
    st.builds("BT /F {} Tf 1 0 .3 {} 9 {} Tm (gy\\)j) Tj ET".format, st.integers(1, 40), scales, y),
    st.builds("BT /F {} Tf {} TL 9 {} Td [(gy) -9 <4142>]TJ T*(j)Tj ET".format, st.integers(1, 40), y, y),
    st.builds("BT /F 9 Tf {} Ts 2 Tr 9 {} Td(gyj)' 1 2(a)\" 0 -20 TD(j)' ET".format, st.integers(-9, 9), y),
    st.just("/Span <</MCID 0>>BDC /G gs .4 g [2 3]0 d 1 j EMC"),
    st.sampled_from(["q", "Q", "q 4 w", "BT 1 Ts ET"]),
)


@given(st.lists(OPERATIONS, min_size=1, max_size=8))
def test_no_ink_lies_lower(operations: list[str]) -> None:
    content = page_with("\n".join(operations).encode())
    lowest = told(content)
    if lowest is None:
        # Every operation is known: only a Q without its q, or scales that multiply beyond measure, end the reading.
        assert "Q" in operations or sum("cm" in one for one in operations) > 3
    else:
        assert lowest <= lowest_ink(content)


@pytest.mark.parametrize(
    ("content", "lowest"),
    [
        (b"", float("inf")),
        (b"0 0 400 800 re W n", float("inf")),
        (b"q 1 0 0 -1 0 800 cm 0 w 9 90 20 10 re f Q", 690),
        (b"0 w BT /F 10 Tf 9 500 Td (a) Tj ET", 450),
        (b"0 w BT /F 10 Tf 20 TL 9 500 Td T* (a) ' ET", 410),
        (b"0 w q 50 0 0 60 9 300 cm /I Do Q", 290),
    ],
)
def test_by_hand(content: bytes, lowest: float) -> None:
    assert told(page_with(content)) == pytest.approx(lowest)


@pytest.mark.parametrize(
    "content",
    [
        b"0 1 -1 0 0 0 cm 9 9 9 9 re f",
        b"BT 0 1 -1 0 9 700 Tm /F 9 Tf (a) Tj ET",
        b"BI /W 1 /H 1 /BPC 8 /CS /G ID \0 EI",
        b"/S sh",
        b"/Unknown Do",
        b"/Unknown gs",
        b"90 M 9 700 9 9 re S",
        b"Q 9 700 9 9 re f",
        b"BX EX",
        b"9 700 9 re f",
        b"9 700 9 9 9 re f",
        b"9 /F 9 9 re f",
        b"% 9 700 9 9 re f",
        b"BT (a (nested) string) Tj ET",
        b"(open",
        b"1 0 0 9999999 0 0 cm",
        b"1 0 0 99999 0 0 cm 1 0 0 99999 0 0 cm",
        b"9 700 9 9 re f" * 5000,
    ],
)
def test_what_it_does_not_follow_is_not_told(content: bytes) -> None:
    assert told(page_with(content)) is None


def resources_changed(**entries: object) -> Callable[[pikepdf.Pdf, pikepdf.Object], object]:
    def change(_: pikepdf.Pdf, page: pikepdf.Object) -> None:
        for name, value in entries.items():
            page.Resources[f"/{name}"] = Dictionary(X=value)

    return change


def form(document: pikepdf.Pdf, page: pikepdf.Object) -> None:
    page.Resources.XObject.X = Stream(document, b"0 0 9 9 re f", Type=Name.XObject, Subtype=Name.Form)


def annotated(*annotations: pikepdf.Object) -> Callable[[pikepdf.Pdf, pikepdf.Object], object]:
    def change(document: pikepdf.Pdf, page: pikepdf.Object) -> None:
        page.Annots = Array([document.make_indirect(one) for one in annotations])
        document.Root.AcroForm = Dictionary(Fields=page.Annots)

    return change


def annotation(kind: str, *rectangle: int, **entries: object) -> Dictionary:
    return Dictionary(Type=Name.Annot, Subtype=Name(f"/{kind}"), Rect=rectangle, **entries)


CHANGES: dict[str, Callable[[pikepdf.Pdf, pikepdf.Object], object]] = {
    "a form": form,
    "a note": annotated(annotation("Text", 9, 700, 29, 720)),
    "a link without a place": annotated(Dictionary(Type=Name.Annot, Subtype=Name.Link)),
    "many links": annotated(*[annotation("Link", 9, 700, 29, 720)] * 65),
    "glyphs with streams of their own": resources_changed(Font=Dictionary(Subtype=Name.Type3)),
    "vertical writing": resources_changed(Font=Dictionary(Subtype=Name.Type0, Encoding=Name("/UniGB-UCS2-V"))),
    "a font in a graphics state": resources_changed(ExtGState=Dictionary(Font=Array([HELVETICA, 90]))),
    "a stream in another filter": lambda _, page: page.Contents.write(
        b"80", filter=Name.ASCIIHexDecode, decode_parms=None
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_other_objects_may_draw_is_not_told(name: str) -> None:
    content = b"/X Do" if name == "a form" else b"/X gs" if "graphics state" in name else b""
    assert told(page_with(content)) == float("inf") or content
    assert told(page_with(content, CHANGES[name])) is None


def shown(document: pikepdf.Pdf, page: pikepdf.Object) -> None:
    """A field whose appearance would reach far below its rectangle, were it not fitted into it."""
    box = {"BBox": [-50, -700, 50, 50], "Matrix": [3, 0, 0, 3, 0, -90]}
    appearance = Stream(document, b"-50 -700 100 750 re f", Type=Name.XObject, Subtype=Name.Form, **box)
    field = annotation("Widget", 100, 300, 200, 400, F=4, FT=Name.Sig, T="s", AP=Dictionary(N=appearance))
    annotated(field, annotation("Link", 9, 700, 99, 720))(document, page)


def test_links_and_fields_reach_as_far_as_their_rectangles() -> None:
    content = page_with(b"", shown)
    reached = told(content)
    assert reached is not None
    assert 250 < reached <= lowest_ink(content) < 302
    assert told(page_with(b"", annotated(annotation("Widget", 0, 0, 0, 0)))) == float("inf")


@pytest.mark.parametrize("border", [{"Border": [0, 0, 40]}, {"BS": Dictionary(W=40)}])
def test_a_broad_border_reaches_further(border: dict[str, object]) -> None:
    broad = annotation("Link", 9, 720, 99, 700, **border)
    assert told(page_with(b"", annotated(annotation("Link", 9, 700, 99, 720), broad))) == 300
    assert told(page_with(b"", annotated(annotation("Link", 9, 700, 99, 720)))) == 690


@pytest.mark.parametrize("key", ["Rotate", "UserUnit", "CropBox"])
def test_turned_scaled_and_cropped_pages_are_drawn(key: str) -> None:
    odd = {"Rotate": 90, "UserUnit": 2, "CropBox": Array([9, 9, 300, 700])}[key]
    with pikepdf.open(io.BytesIO(page_with(b""))) as plain:
        assert plain_place(plain) is not None
    with pikepdf.open(io.BytesIO(page_with(b"", lambda _, page: page.__setitem__("/UserUnit", 1)))) as plain:
        assert plain_place(plain) is not None
    with pikepdf.open(io.BytesIO(page_with(b"", lambda _, page: page.__setitem__(f"/{key}", odd)))) as changed:
        assert plain_place(changed) is None


def test_it_finds_the_place_that_drawing_finds(request: pytest.FixtureRequest) -> None:
    specimens = kept(Path(str(request.config.cache.mkdir("pdf-corpus"))))
    contents = [make() for make in documents.GOOD.values()] + [one.content for one in specimens]
    found = 0
    for content in contents:
        place = _told_place(content)
        if place is not None:
            drawn = find_place(content)
            assert (place.page, place.rotation, place.free) == (drawn.page, drawn.rotation, drawn.free)
            assert place.box == pytest.approx(drawn.box, abs=0.5)  # PDFium rounds the page's size
            found += 1
    print(f"{found} of {len(contents)} were not drawn")
    assert found > len(contents) / 2


def _told_place(content: bytes) -> object:
    with pikepdf.open(io.BytesIO(content)) as document:
        return plain_place(document)
