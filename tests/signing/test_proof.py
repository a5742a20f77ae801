"""The proof of service: one page, everything on it, nothing under the seal, no person in the QR code."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pikepdf
import pypdfium2 as pdfium
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signing.pdf import Limits, Seal, inspect, seal, text_of
from signing.placement import find_place
from signing.proof import (
    DocumentRow,
    Line,
    ProofContent,
    Row,
    Section,
    Step,
    content_digest,
    render_proof,
    verification_text,
)
from tests.signing.archival import pdfa_faults
from tests.signing.conftest import AT, COURT_NAME
from tests.signing.judges import qpdf_complains

PLAIN = ProofContent(
    title=Line("电子送达凭证", "Proof of Electronic Service"),
    certificate_no="SD-2026-000017-1",
    court=Line(COURT_NAME, "Binjiang District People’s Court, Shili City"),
    case_no="（2026）示0108民初1234号",
    issued_at=AT,
    issued_on="2026-03-04 10:30 (UTC+8)",
    outcome=Line("已送达", "Served"),
    served=True,
    effective_on="2026-03-02",
    grounds=(Line("到达受送达人确认的电子地址之日为送达日期。", "Served on arrival at the confirmed address."),),
    documents=(
        DocumentRow("起诉状副本", Line("起诉状", "Complaint"), 12, "ab12cd34" * 8, "2026-03-01 09:30"),
        DocumentRow("开庭传票", Line("传票", "Summons"), 1, "77ee88ff" * 8, "2026-03-01 09:30"),
    ),
    sections=(
        Section(Line("受送达人", "Recipient"), (Row(Line("姓名", "Name"), "张*"), Row(Line("身份", "Role"), "被告"))),
        Section(Line("送达地址", "Address"), (Row(Line("地址", "Address"), "z***@example.cn"),)),
        Section(Line("三个时间", "Three times"), (Row(Line("发生", "Happened"), "2026-03-02 09:14:05"),)),
    ),
    steps=(Step("2026-03-02 09:14:05", Line("到达", "Arrived"), "Action: delivered; Status: 2.0.0"),),
    head=(Row(Line("案由", "Cause"), "买卖合同纠纷"),),
    notes=(Line("未加盖时间戳。", "No timestamp was applied."),),
)


def lines_of(content: bytes) -> list[str]:
    """The text of a PDF, line by line, without spaces."""
    spaces = dict.fromkeys(map(ord, " \u200b\ufffe"))
    return [line.translate(spaces) for line in text_of(content).splitlines()]


def flat(content: bytes) -> str:
    """The text of a PDF without its spaces and line ends."""
    return "".join("".join(lines_of(content)).split())


def words_of(content: ProofContent) -> list[str]:
    words = [content.certificate_no, content.case_no, content.issued_on, content.effective_on]
    words += [*(one.title for one in content.documents), *(one.sealed for one in content.documents)]
    words += [row.value for section in content.sections for row in section.rows]
    words += [word for step in content.steps for word in (step.at, step.words)]
    lines = [content.title, content.court, content.outcome, *content.grounds, *content.notes]
    lines += [row.label for section in content.sections for row in section.rows]
    return words + [word for line in lines for word in (line.zh, line.en)]


def page_count(content: bytes) -> int:
    return len(pdfium.PdfDocument(content))


def test_everything_stands_on_one_page() -> None:
    rendered = render_proof(PLAIN)
    assert page_count(rendered) == 1
    text = flat(rendered)
    for word in words_of(PLAIN):
        assert "".join(word.split()).replace("’", "'") in text, word
    assert "ab12cd34" in text


def test_equal_content_gives_equal_bytes() -> None:
    assert render_proof(PLAIN) == render_proof(PLAIN)


def test_chinese_is_set_in_the_wheels_font() -> None:
    with pikepdf.open(io.BytesIO(render_proof(PLAIN))) as document:
        fonts = {str(font.BaseFont) for font in document.pages[0].Resources.Font.as_dict().values()}
    assert fonts
    assert all("NotoSansSC" in font for font in fonts)


def test_it_is_a_document_that_may_be_served() -> None:
    assert inspect(render_proof(PLAIN), Limits()).faults == ()


@pytest.mark.parametrize("rehearsal", [True, False])
def test_a_rehearsal_says_so(rehearsal: bool) -> None:
    text = flat(render_proof(replace(PLAIN, rehearsal=rehearsal)))
    assert ("演练REHEARSAL" in text) == rehearsal
    assert ("nolegaleffect" in text) == rehearsal


def test_the_qr_code_names_nobody() -> None:
    said = verification_text(PLAIN)
    assert said == f"SONGDA:1:SD-2026-000017-1:{content_digest(PLAIN)}"
    assert content_digest(PLAIN) != content_digest(replace(PLAIN, effective_on="2026-03-03"))


@pytest.mark.parametrize("documents", [1, 8])
def test_the_seal_finds_its_corner_free_however_full_the_page(documents: int) -> None:
    """One step more each time, until the page is full and a second one is taken."""
    for steps in range(40):
        step = replace(PLAIN.steps[0], words="Action: delivered; Status: 2.0.0; " * 6)
        content = replace(PLAIN, documents=PLAIN.documents[:1] * documents, steps=(step,) * steps)
        rendered = render_proof(content)
        if page_count(rendered) > 1:
            assert steps > 5
            return
        place = find_place(rendered)
        left, bottom, right, _ = place.box
        assert place.free
        assert (right, bottom) == pytest.approx((595 - 26, 26), abs=5)
        assert right - left == pytest.approx(42 / 25.4 * 72, abs=1)
    pytest.fail("forty steps should not fit on one page")


def test_truly_long_content_takes_a_second_page_and_loses_nothing() -> None:
    many = tuple(replace(one, title=f"证据材料第{number}号") for number in range(70) for one in PLAIN.documents[:1])
    rendered = render_proof(replace(PLAIN, documents=many))
    assert 2 <= page_count(rendered) <= 4
    text = flat(rendered)
    assert all(one.title in text for one in many)
    assert find_place(rendered).free


@pytest.mark.parametrize("word", ["x" * 5000, "送" * 5000, "a b " * 2000])
def test_endless_words_end_with_an_ellipsis_and_stay_on_the_page(word: str) -> None:
    rendered = render_proof(
        replace(PLAIN, steps=(Step("2026-03-02", Line("到达", "Arrived"), word),), case_no=word[:80])
    )
    assert page_count(rendered) == 1
    assert inside_margins(rendered)


def inside_margins(content: bytes) -> bool:
    page = pdfium.PdfDocument(content)[0]
    text = page.get_textpage()
    boxes = (text.get_rect(index) for index in range(text.count_rects()))
    return all(box[0] >= 40 and box[2] <= 595 - 40 for box in boxes)


UNITS = ("128号", "12号楼", "3单元", "1401室", "A座", "二期", "88-6号", "十二号", "0601室")


@pytest.mark.parametrize("shift", range(24))
def test_a_house_number_stays_on_one_line(shift: int) -> None:
    """Wherever the line happens to end. The address has no space, so a line ends where typst wants."""
    value = "槐" * (shift + 12) + "街" + "花园".join(UNITS)
    shown = replace(PLAIN, sections=(Section(Line("送达地址", "Address"), (Row(Line("地址", "Address"), value),)),))
    lines = lines_of(render_proof(shown))
    assert sum("花园" in line for line in lines) > 1
    for unit in UNITS:
        assert any(unit in line for line in lines), unit


def test_a_long_code_beside_chinese_still_breaks() -> None:
    value = "运单" + "A1" * 100 + "号"
    shown = replace(PLAIN, sections=(Section(Line("送达地址", "Address"), (Row(Line("地址", "Address"), value),)),))
    rendered = render_proof(shown)
    assert inside_margins(rendered)
    assert value in flat(rendered)


outside_words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(outside_words, outside_words)
def test_no_word_from_outside_is_taken_for_markup(value: str, words: str) -> None:
    steps = (Step(value, Line(words, value), words), Step("#panic()", Line("#import", "$x$"), "= *_`@<a>`"))
    assert render_proof(replace(PLAIN, case_no=value, steps=steps)).startswith(b"%PDF-")


def test_its_own_time_is_the_time_of_issue() -> None:
    later = replace(PLAIN, issued_at=datetime(2027, 1, 1, tzinfo=UTC))
    with pikepdf.open(io.BytesIO(render_proof(later))) as document:
        assert str(document.docinfo.CreationDate).startswith("D:2027")


def test_a_moment_in_any_zone_to_the_microsecond_will_do() -> None:
    local = replace(PLAIN, issued_at=datetime(2026, 3, 4, 10, 30, 5, 123456, tzinfo=ZoneInfo("Asia/Shanghai")))
    with pikepdf.open(io.BytesIO(render_proof(local))) as document:
        assert str(document.docinfo.CreationDate).startswith("D:20260304023005")


EVIDENCE = '<?xml version="1.0" encoding="UTF-8"?>\n<证据>李四</证据>'.encode()


def test_it_is_archival_before_and_after_the_seal(court_seal: Seal, tmp_path: Path) -> None:
    rendered = render_proof(PLAIN, EVIDENCE)
    sealed = seal(rendered, court_seal, at=AT, reason="送达证明", location=COURT_NAME)
    assert pdfa_faults(rendered) == []
    assert pdfa_faults(sealed) == []
    assert qpdf_complains(sealed, tmp_path) == ""


def test_the_archive_s_judge_sees_what_a_plain_pdf_lacks(tmp_path: Path) -> None:
    with pikepdf.open(io.BytesIO(render_proof(PLAIN, EVIDENCE))) as document:
        del document.Root.OutputIntents, document.Root.AF, document.Root.Lang
        document.save(tmp_path / "less.pdf")
    found = [fault.split()[0] for fault in pdfa_faults((tmp_path / "less.pdf").read_bytes())]
    assert found == ["6.2.3", "6.7.4", "6.8"]


def test_the_evidence_lies_inside_byte_for_byte() -> None:
    with pikepdf.open(io.BytesIO(render_proof(PLAIN, EVIDENCE))) as document:
        assert document.attachments["evidence.xml"].get_file().read_bytes() == EVIDENCE
        assert document.Root.AF[0].AFRelationship == "/Data"
    with pikepdf.open(io.BytesIO(render_proof(PLAIN))) as document:
        assert not document.attachments


def test_a_screen_reader_hears_the_title_the_language_and_the_picture() -> None:
    with pikepdf.open(io.BytesIO(render_proof(PLAIN))) as document:
        assert (document.Root.Lang, document.docinfo.Title) == ("zh-CN", f"{PLAIN.title.zh} {PLAIN.certificate_no}")
        tree = [one for one in document.objects if isinstance(one, pikepdf.Dictionary) and "/S" in one and "/P" in one]
        kinds = {str(one.S) for one in tree}
        assert {"/Table", "/TH", "/TD", "/P", "/Figure"} <= kinds
        (picture,) = [one for one in tree if one.S == "/Figure"]
        assert "二维码" in str(picture.Alt)


def test_a_letter_that_no_font_has_is_named_and_costs_no_proof() -> None:
    name = "李𪚥\x1f子"
    shown = replace(PLAIN, sections=(Section(Line("受送达人", "Recipient"), (Row(Line("姓名", "Name"), name),)),))
    rendered = render_proof(shown, EVIDENCE)
    assert "李[U+2A6A5][U+001F]子" in flat(rendered)
    assert pdfa_faults(rendered) == []
