"""Pages as a reader sees them: drawn to pictures, and their text. All calls into PDFium pass through here.

PDFium is not safe for threads (pypdfium2 says so), so each visit holds one lock; songda's processes draw side by
side instead.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pypdfium2 as pdfium

from signing.errors import PageNotShown

LARGEST_WIDTH = 2400
LARGEST_PICTURE = 12_000_000
"""Pixels: a tall, thin page must not become a picture that nobody can hold."""

_PDFIUM = threading.RLock()


@contextmanager
def opened(content: bytes) -> Iterator[pdfium.PdfDocument]:
    """The document in PDFium, with the lock held. Raises PageNotShown when PDFium cannot read it."""
    with _PDFIUM:
        try:
            document = pdfium.PdfDocument(content)
        except pdfium.PdfiumError as error:
            raise PageNotShown("the document cannot be opened for drawing") from error
        try:
            document.init_forms()
            yield document
        except pdfium.PdfiumError as error:
            raise PageNotShown("the page cannot be drawn") from error
        finally:
            document.close()


def page_image(content: bytes, page: int, width: int) -> bytes:
    """Page `page` (counted from 1) as a PNG about `width` pixels wide, fewer where the picture would be too large.

    Raises PageNotShown when there is no such page.
    """
    with opened(content) as document:
        if not 1 <= page <= len(document):
            raise PageNotShown(f"the document has pages 1 to {len(document)}")
        leaf = document[page - 1]
        bitmap = leaf.render(scale=_scale(leaf, width), rev_byteorder=True)
        return _png(bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride)


def text_of(content: bytes) -> str:
    """The text of all pages, one page after another, as a reader can copy it."""
    with opened(content) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


def all_blank(content: bytes) -> bool:
    """Whether no page shows anything, forms and annotations included; looks no further than the first that does."""
    with opened(content) as document:
        return all(_is_blank(page) for page in document)


def _is_blank(page: pdfium.PdfPage) -> bool:
    bitmap = page.render(scale=_scale(page, 200), grayscale=True)
    rows = bytes(bitmap.buffer)
    return len({rows[y * bitmap.stride : y * bitmap.stride + bitmap.width] for y in range(bitmap.height)}) <= 1


def _scale(page: pdfium.PdfPage, width: int) -> float:
    across, down = (max(side, 1.0) for side in page.get_size())
    wanted = max(16, min(width, LARGEST_WIDTH)) / across
    return float(min(wanted, (LARGEST_PICTURE / (across * down)) ** 0.5, LARGEST_PICTURE / 1000 / max(across, down)))


def _png(pixels: bytes, width: int, height: int, stride: int) -> bytes:
    """A PNG (ISO/IEC 15948) of RGB pixels: header, rows without filter, end. Saves the service an imaging library."""
    row = width * 3
    rows = b"".join(b"\0" + pixels[start : start + row] for start in range(0, height * stride, stride))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
