"""Sealed PDFs, ours and foreign ones: what each seal covers, who made it, when, and what came after it.

pyHanko reads and validates; the rules that it leaves to its caller are here: the gap that no digest covers, what the
container holds outside its signature, and that nothing but another trusted seal may come after a trusted one.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import IO

from asn1crypto import cms as asn1
from asn1crypto import crl, ocsp
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfReadError, read_until_delimiter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko.sign.validation.generic_cms import extract_tst_data_iter
from pyhanko.sign.validation.pdf_embedded import (
    EmbeddedPdfSignature,
    async_validate_pdf_signature,
    async_validate_pdf_timestamp,
)
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel, TimestampSignatureStatus

from signing.verifying import active, cms, later
from signing.verifying.algorithms import weakness
from signing.verifying.renewal import tell_too_late
from signing.verifying.report import Notes, Number, Says
from signing.verifying.stamps import Stamp, of_status
from signing.verifying.trust import NOT_FOR_SEALS, Trust, called, for_other_uses, revoked

LARGEST = 256 * 1024 * 1024
"""Bytes of a PDF that is looked at."""

MOST_SIGNATURES = 64
DEEPEST = 16
"""Levels of a tree of names."""

UNTOUCHED = (ModificationLevel.NONE, ModificationLevel.LTA_UPDATES)

# pyHanko tells its log what it tells us too, with a traceback for each broken file.
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)

_read_name: Callable[[IO[bytes]], generic.NameObject] = generic.NameObject.read_from_stream


def _name(stream: IO[bytes]) -> generic.NameObject:
    """Bytes beyond ASCII should be written with # in a name (ISO 32000-1 §7.3.5). Older Chinese producers write those
    of a font plainly, in GBK; pyHanko would read nothing more of such a document.
    """
    at = stream.tell()
    try:
        return _read_name(stream)
    except PdfReadError:
        stream.seek(at)
        plain = stream.read(1) + read_until_delimiter(stream)
        return _read_name(io.BytesIO(b"".join(b"#%02x" % one if one > 0x7E else bytes([one]) for one in plain)))


# For the whole process, as the library has no other place for it: read otherwise is only what raised before.
generic.NameObject.read_from_stream = staticmethod(_name)  # type: ignore[method-assign]


@dataclass(frozen=True)
class Seal:
    """One signature of a document, judged. `trusted`: it chains to an anchor. `at` is the proven time, if any."""

    status: PdfSignatureStatus
    trusted: bool
    unchanged: bool
    at: datetime | None


def check(notes: Notes, content: bytes, trust: Trust) -> Sequence[Seal]:
    """All steps for one PDF. Returns what was found about its seals, in the order in which they were made."""
    with notes.guarded(Number.FORM):
        reader = _opened(notes, content)
        if reader is not None:
            with notes.guarded(Number.BYTES):
                _appended(notes, content, reader)
                for caution in active.told(content):
                    notes.not_checked(Number.BYTES, caution.zh, caution.en)
            return _checked(notes, content, reader, _with_store(notes, reader, trust))
    return ()


def _opened(notes: Notes, content: bytes) -> PdfFileReader | None:
    if len(content) > LARGEST:
        notes.failed(Number.FORM, "文件过大", f"larger than {LARGEST} bytes")
        return None
    if not content.startswith(b"%PDF-"):
        notes.failed(Number.FORM, "文件不以 %PDF- 开头", "it does not begin with %PDF-")
        return None
    reader = PdfFileReader(io.BytesIO(content), strict=False)
    found = len(reader.embedded_signatures)
    digest = hashlib.sha256(content).hexdigest()
    if not 0 < found <= MOST_SIGNATURES:
        notes.failed(Number.FORM, f"PDF，签章 {found} 个", f"a PDF with {found} seals")
        return None
    notes.passed(
        Number.FORM,
        f"PDF，{len(content)} 字节，SHA-256 {digest}，签章或时间戳 {found} 个",
        f"a PDF of {len(content)} bytes, SHA-256 {digest}, with {found} seals or timestamps",
    )
    return reader


def _with_store(notes: Notes, reader: PdfFileReader, trust: Trust) -> Trust:
    """With the certificates and revocation data that the document keeps for its own validation (PAdES B-LT)."""
    with notes.guarded(Number.REVOCATION):
        try:
            store = DocumentSecurityStore.read_dss(reader)
        except NoDSSFoundError:
            return trust
        lists = [crl.CertificateList.load(one.get_object().data, strict=True) for one in store.crls]
        answers = [ocsp.OCSPResponse.load(one.get_object().data, strict=True) for one in store.ocsps]
        return trust.helped(store.load_certs(), lists, answers)
    return trust


def _checked(notes: Notes, content: bytes, reader: PdfFileReader, trust: Trust) -> list[Seal]:
    seals = []
    stamps = _document_stamps(notes, content, reader, trust)
    for number, embedded in enumerate(reader.embedded_regular_signatures, start=1):
        mine = notes.of(f"{notes.part} · 签章 seal {number}")
        with mine.guarded(Number.BYTES):
            seals.append(_seal(mine, content, embedded, trust, stamps))
    _nothing_after(notes, seals)
    _somebody_trusted(notes, seals, trust)
    return seals


def _seal(
    notes: Notes,
    content: bytes,
    embedded: EmbeddedPdfSignature,
    trust: Trust,
    document_stamps: Sequence[tuple[int, datetime]],
) -> Seal:
    # A document timestamp proves nothing about a seal that was added after it.
    stamps = [at for revision, at in document_stamps if revision > embedded.signed_revision]
    trust = replace(trust, at=min(stamps, default=trust.at))
    status = asyncio.run(async_validate_pdf_signature(embedded, trust.context(), trust.for_time.context()))
    proven = _proven(embedded, status.timestamp_validity, stamps, trust)
    if proven is not None and proven < trust.at:
        # The certificate had to be good when the seal was made, and that time is proven.
        status = asyncio.run(async_validate_pdf_signature(embedded, trust.context(proven), trust.for_time.context()))
    unchanged = _bytes(notes, content, embedded, status)
    _signature(notes, embedded, status, trust, proven)
    moment = proven or trust.at
    trusted = _trusted(notes, status, moment)
    if trusted:
        trusted = not revoked(notes, status.signing_cert, trust, moment)
    _time(notes, embedded, status, stamps, trust)
    return Seal(status, trusted, unchanged, proven)


# --- bytes ------------------------------------------------------------------------------------------------------------


def _bytes(notes: Notes, content: bytes, embedded: EmbeddedPdfSignature, status: PdfSignatureStatus) -> bool:
    gap = _gap_fault(content, embedded)
    if gap is not None:
        notes.failed(Number.BYTES, gap.zh, gap.en)
        return False
    if not status.intact:
        notes.failed(
            Number.BYTES, "内容与签章时的摘要不符：签章后被改动", "the bytes differ from those that were sealed"
        )
        return False
    whole = status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    if not whole and status.coverage is not SignatureCoverageLevel.ENTIRE_REVISION:
        notes.failed(
            Number.BYTES, "签章没有覆盖它所在的整个版本", "the seal does not cover the whole revision it belongs to"
        )
        return False
    notes.passed(
        Number.BYTES,
        "签章覆盖全文，之后无任何改动" if whole else "签章覆盖的内容未变；其后另有追加内容",
        "the seal covers the whole file" if whole else "what the seal covers is unchanged; something was added later",
    )
    return True


def _gap_fault(content: bytes, embedded: EmbeddedPdfSignature) -> Says | None:
    """The seal stands in a gap that its own digest leaves out: it must hold the seal, then zeros, and nothing else."""
    begin, first, second, length = (int(one) for one in embedded.byte_range)
    if begin != 0 or not 0 < first < second or second + length > len(content):
        return Says("字节范围不合规", "the byte range is not one from the start with a single gap")
    gap = content[first:second]
    digits = gap[1:-1]
    if gap[:1] != b"<" or gap[-1:] != b">" or not digits.isalnum() or digits not in (digits.lower(), digits.upper()):
        return Says("签章所在的空隙被改动", "the gap that holds the seal was changed")
    held = bytes.fromhex(digits.decode("ascii"))
    container = _der_value(held)
    if held != embedded.pkcs7_content or container is None or held[len(container) :].strip(b"\0"):
        return Says("签章所在的空隙中另有内容", "the gap holds more than the seal")
    return None


def _der_value(content: bytes) -> bytes | None:
    """The first DER value of these bytes, or None; an indefinite length (BER) is left to the CMS reader."""
    if len(content) < 2 or content[1] == 0x80:
        return content.rstrip(b"\0") or None
    size, head = content[1], 2
    if size > 0x80:
        head += size - 0x80
        size = int.from_bytes(content[2:head], "big")
    return content[: head + size] if head + size <= len(content) else None


# --- signature, trust, revocation, time -------------------------------------------------------------------------------


def _signature(
    notes: Notes, embedded: EmbeddedPdfSignature, status: PdfSignatureStatus, trust: Trust, proven: datetime | None
) -> None:
    container = _der_value(embedded.pkcs7_content) or b""
    wrong = list(cms.faults(container, trust.for_time.anchors))
    for fault in wrong:
        notes.failed(Number.SIGNATURE, fault.zh, fault.en)
    if not status.valid:
        notes.failed(Number.SIGNATURE, "签名与证书公钥不符", "the signature does not belong to the certificate's key")
        return
    weak = weakness(status.signing_cert, status.md_algorithm, (proven or trust.at).date())
    if weak is not None:
        notes.failed(Number.SIGNATURE, weak.zh, weak.en)
    elif not wrong:
        name = status.pkcs7_signature_mechanism
        notes.passed(
            Number.SIGNATURE,
            f"由证书的私钥作出，算法 {name}／{status.md_algorithm}",
            f"made by the key of its certificate, with {name} over {status.md_algorithm}",
        )


def _trusted(notes: Notes, status: PdfSignatureStatus, moment: datetime) -> bool:
    who = called(status.signing_cert)
    if for_other_uses(status.signing_cert):
        notes.failed(Number.TRUST, *NOT_FOR_SEALS)
        return False
    if status.trusted:
        notes.passed(
            Number.TRUST,
            f"“{who}”的证书由您指定的信任证书签发，于 {moment:%Y-%m-%d} 有效",
            f"the certificate of “{who}” chains to a certificate that you trust, and was valid on {moment:%Y-%m-%d}",
        )
        return True
    why = status.trust_problem_indic.standard_name if status.trust_problem_indic else "NO_CHAIN"
    notes.not_checked(
        Number.TRUST,
        f"未能追溯到您指定的信任证书（{why}）；文件自称的签章人：“{who}”，不足为凭",
        f"no chain to a certificate that you trust ({why}); the file calls its sealer “{who}”, which proves nothing",
    )
    return False


def _proven(
    embedded: EmbeddedPdfSignature, stamp: TimestampSignatureStatus | None, stamps: Sequence[datetime], trust: Trust
) -> datetime | None:
    judged = of_status(stamp, _tokens(embedded), trust) if stamp is not None else None
    own = [judged.at] if judged is not None and judged.good and judged.trusted else []
    return min([*own, *stamps], default=None)


def _tokens(embedded: EmbeddedPdfSignature) -> list[asn1.SignedData]:
    return [*extract_tst_data_iter(embedded.signer_info, signed=False)]


def _time(
    notes: Notes,
    embedded: EmbeddedPdfSignature,
    status: PdfSignatureStatus,
    stamps: Sequence[datetime],
    trust: Trust,
) -> None:
    stamp, claimed = status.timestamp_validity, status.signer_reported_dt
    if stamp is None and not stamps:
        said = f"{claimed:%Y-%m-%d %H:%M:%S %z}" if claimed else "—"
        notes.not_checked(
            Number.TIME,
            f"没有时间戳；签章人自称的时间为 {said}",
            f"no timestamp; the sealer's own clock said {said}",
        )
    elif stamp is not None:
        of_status(stamp, _tokens(embedded), trust).tell(notes, claimed)


def _document_stamps(notes: Notes, content: bytes, reader: PdfFileReader, trust: Trust) -> list[tuple[int, datetime]]:
    """Document timestamps (PAdES B-LTA), from the newest inwards: each is judged for the time that the next outer one
    proves. The revision and the time of those that hold: they prove that what stands before them is older.
    """
    proven: list[tuple[int, datetime]] = []
    for number, embedded in reversed([*enumerate(reader.embedded_timestamp_signatures, start=1)]):
        mine = notes.of(f"{notes.part} · 时间戳 timestamp {number}")
        with mine.guarded(Number.TIME):
            status = asyncio.run(async_validate_pdf_timestamp(embedded, trust.for_time.context()))
            gap = _gap_fault(content, embedded)
            for fault in (
                [gap] if gap else cms.faults(_der_value(embedded.pkcs7_content) or b"", trust.for_time.anchors)
            ):
                mine.failed(Number.BYTES, fault.zh, fault.en)
            if status.modification_level not in UNTOUCHED:
                mine.failed(Number.BYTES, "时间戳之后内容被改动", "something was changed after the timestamp")
            whole = status.coverage in (SignatureCoverageLevel.ENTIRE_FILE, SignatureCoverageLevel.ENTIRE_REVISION)
            if not whole:
                # One that was made before the seal, over less, would prove the seal older than it is.
                mine.failed(
                    Number.BYTES,
                    "时间戳没有覆盖其前的全部内容",
                    "the timestamp does not cover all that stands before it",
                )
            stamp = of_status(status, [embedded.signed_data], trust)
            good = stamp.good and not gap and whole and status.modification_level in UNTOUCHED
            if good and not stamp.trusted and _was_trusted(embedded, stamp, trust):
                tell_too_late(mine, stamp, trust, newest=not proven)
                continue
            stamp.tell(mine, None, Says("此前全部内容", "all that stands before it"))
            if good and stamp.trusted and stamp.at <= trust.at:
                proven.append((embedded.signed_revision, stamp.at))
                trust = replace(trust, at=stamp.at)
    return proven


def _was_trusted(embedded: EmbeddedPdfSignature, stamp: Stamp, trust: Trust) -> bool:
    """Whether it held when it was made."""
    once = replace(trust, at=stamp.at)
    status = asyncio.run(async_validate_pdf_timestamp(embedded, once.for_time.context()))
    return of_status(status, [embedded.signed_data], once).trusted


# --- of all seals together --------------------------------------------------------------------------------------------


def _nothing_after(notes: Notes, seals: Sequence[Seal]) -> None:
    """After a seal come validation data, timestamps, and further seals of people who are trusted themselves. A form
    field or a seal of a stranger can draw over the page (a shadow attack), so it breaks what was sealed before.
    """
    for number, seal in enumerate(seals, start=1):
        level = seal.status.modification_level
        later = seals[number:]
        allowed = level in UNTOUCHED or (
            level is ModificationLevel.FORM_FILLING
            and later
            and (not seal.trusted or any(one.trusted and one.unchanged for one in later))
        )
        if not allowed or seal.status.docmdp_ok is False:
            notes.of(f"{notes.part} · 签章 seal {number}").failed(
                Number.BYTES,
                "签章之后追加了改动内容的更新",
                "an update was added after the seal, and it changes the document",
            )


def _somebody_trusted(notes: Notes, seals: Sequence[Seal], trust: Trust) -> None:
    if trust.anchors and not any(seal.trusted for seal in seals):
        notes.failed(
            Number.TRUST,
            "没有任何签章出自您指定的信任证书",
            "no seal on this document chains to a certificate that you trust",
        )


def _appended(notes: Notes, content: bytes, reader: PdfFileReader) -> None:
    """What follows the last seal may only be updates for validation. Timestamps are no seals here: anybody can have
    one made over what he appended.
    """
    seals = reader.embedded_regular_signatures or reader.embedded_signatures
    last = max(seals, key=lambda one: one.signed_revision)
    _, _, begin, length = (int(one) for one in last.byte_range)
    updates = range(last.signed_revision + 1, reader.xrefs.total_revisions)
    empty = [one for one in updates if not reader.xrefs.explicit_refs_in_revision(one)]
    for fault in later.faults(content, begin + length, len(updates), len(empty)):
        notes.failed(Number.BYTES, fault.zh, fault.en)


def attachment(content: bytes, name: str) -> bytes | None:
    """The bytes of the file embedded under that name (ISO 32000-2 §7.11.4), or None. Raises ValueError for two of that
    name, of which readers would show one or the other.
    """
    root = PdfFileReader(io.BytesIO(content), strict=False).root
    if "/Names" not in root or "/EmbeddedFiles" not in root["/Names"]:
        return None
    found = [one for at, one in _leaves(root["/Names"]["/EmbeddedFiles"]) if at == name]
    if len(found) > 1:
        raise ValueError("two attachments of one name")
    return found[0] if found else None


def _leaves(node: generic.DictionaryObject, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    if depth > DEEPEST:
        raise ValueError("a tree of names that deep")
    pairs = node.get("/Names", [])
    for at in range(0, len(pairs) - 1, 2):
        yield str(pairs[at]), pairs[at + 1]["/EF"]["/F"].data
    for kid in node.get("/Kids", []):
        yield from _leaves(kid, depth + 1)
