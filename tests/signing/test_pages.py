"""Pictures of pages: true to the page, bounded in size, and refused where there is no such page."""

from __future__ import annotations

import struct
import subprocess
import zlib
from pathlib import Path

import pytest
from reportlab.pdfgen import canvas

from signing.errors import PageNotShown
from signing.pages import LARGEST_PICTURE, LARGEST_WIDTH, page_image, text_of
from tests import servers
from tests.signing import documents


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def rows_of(png: bytes) -> list[bytes]:
    width, height = size_of(png)
    length = struct.unpack(">I", png[33:37])[0]
    pixels = zlib.decompress(png[41 : 41 + length])
    assert len(pixels) == height * (3 * width + 1)
    return [pixels[y * (3 * width + 1) : (y + 1) * (3 * width + 1)] for y in range(height)]


def test_a_page_is_drawn_at_the_width_asked_for() -> None:
    width, height = size_of(page_image(documents.reportlab_letter(), 1, 720))
    assert (width, height) == (pytest.approx(720, abs=1), pytest.approx(720 * 842 / 595, abs=2))


def test_each_page_is_its_own() -> None:
    content = documents.pdfium_two_pages()
    assert page_image(content, 1, 300) != page_image(content, 2, 300)


def test_the_picture_shows_the_page() -> None:
    rows = rows_of(page_image(documents.reportlab_coloured_paper(), 1, 595))
    assert tuple(rows[10][31:34]) == pytest.approx((245, 237, 217), abs=2)
    assert rows[842 - 190][1 + 3 * 475 : 4 + 3 * 475] != rows[10][31:34]  # the frame's upper line


def test_another_program_reads_the_png(tmp_path: Path) -> None:
    file = tmp_path / "page.png"
    file.write_bytes(page_image(documents.typst_chinese(), 1, 400))
    said = subprocess.run([servers.debian("file", "file"), file], capture_output=True, text=True, check=True).stdout
    assert "PNG image data, 400 x" in said


@pytest.mark.parametrize("page", [0, -1, 2, 10**9])
def test_a_page_that_is_not_there_is_refused(page: int) -> None:
    with pytest.raises(PageNotShown, match="pages 1 to 1"):
        page_image(documents.reportlab_letter(), page, 300)


@pytest.mark.parametrize("width", [10**9, 5000, 0, -5])
@pytest.mark.parametrize("shape", [(595, 842), (14_000, 20), (20, 14_000)])
def test_no_picture_is_too_large(shape: tuple[int, int], width: int, tmp_path: Path) -> None:
    page = canvas.Canvas(str(tmp_path / "page.pdf"), pagesize=shape)
    page.drawString(1, 1, "x")
    page.save()
    across, down = size_of(page_image((tmp_path / "page.pdf").read_bytes(), 1, width))
    assert 0 < across <= LARGEST_WIDTH + 1
    assert across * down <= LARGEST_PICTURE * 1.01


def test_text_can_be_read() -> None:
    assert text_of(documents.typst_chinese()).count("民事起诉状") == 18
    with pytest.raises(PageNotShown):
        text_of(b"%PDF-1.7 nothing")
