"""The seal written by ourselves, in a fraction of a millisecond: the way of nearly every document.

Puts a signature field with its widget on the page (ISO 32000-1 §12.7.4.5), the field into the form, PAdES into the
catalogue, and the signature over all of it. Raises Unusual for whatever `signing.pyhanko_seal` should see to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC
from typing import Any

import pikepdf

from signing import seal_art
from signing.cms import CmsSigner
from signing.errors import NotSealable
from signing.increment import Increment, Number, Unusual, changed, reference, text_string, written
from signing.order import PRINT_AND_LOCKED, Order
from signing.placement import Place, find_place, plain_place

SIGNATURES_EXIST_AND_APPEND_ONLY = 3
"""§12.7.2, table 219."""

ESIC = b"<</BaseVersion /1.7 /ExtensionLevel 1>>"
"""PAdES before PDF 2.0 declares itself (ETSI EN 319 142-1, annex A; ISO 32000-1 §7.12)."""

DEEPEST_FIELD = 8
MOST_FIELDS = 2000
WIDEST_RANGE = b"[0 0000000000 0000000000 0000000000]"


def swiftly_sealed(content: bytes, order_at: Callable[[Place], Order]) -> bytes:
    """`content` followed by one update that seals it at the place that is found for it.

    Raises NotSealable, PageNotShown, Unusual, and what pikepdf raises.
    """
    with Increment(content) as update:
        if update.document.is_encrypted:
            raise NotSealable("the document is encrypted: give it without a password")
        order = order_at(plain_place(update.document) or find_place(content))
        signature = update.reserve()
        _put_field(update, order, signature)
        update.put(signature, _signature(order))
        identity = hashlib.sha256(content[-4096:] + order.at.isoformat().encode()).digest()[:16]
        added, begins = update.finished(identity)
    return _signed(content, bytearray(added), begins[signature], order.signer)


def _put_field(update: Increment, order: Order, signature: Number) -> None:
    root = update.document.Root
    if "/Perms" in root:
        raise Unusual("an author's permissions have to be read first")
    form = root.get("/AcroForm")
    name = _free_name(form, b"/ByteRange" in update.content)
    page = _page(update.document, order.place.page)
    field = update.add(_widget(update, order, name, page.objgen, signature))
    _put_in_page(update, page, field)
    changes = _form_entry(update, form, field) | _pades_entries(update, root)
    if changes:
        update.put(root.objgen, changed(root, changes))


def _page(document: pikepdf.Pdf, number: int) -> Any:
    page = document.pages[number].obj
    if page.get("/Type") != pikepdf.Name.Page or not page.is_indirect:
        raise Unusual("a page is no plain page")
    return page


def _put_in_page(update: Increment, page: Any, field: Number) -> None:
    """§7.7.3.3: the widget is listed in the page's /Annots; where that is an object of its own, only it changes."""
    annotations = page.get("/Annots")
    if annotations is not None and annotations.is_indirect:
        update.put(annotations.objgen, _longer(annotations, field))
    else:
        update.put(page.objgen, changed(page, {"/Annots": _longer(annotations, field)}))


def _form_entry(update: Increment, form: Any, field: Number) -> dict[str, bytes]:
    """The catalogue's entry for the form (§12.7.2), with the field in it."""
    if form is None:
        return {"/AcroForm": reference(update.add(written(_fields(b"[" + reference(field) + b"]"))))}
    if "/XFA" in form:
        raise Unusual("an XFA form keeps a second list of its fields")
    fields = form.get("/Fields")
    if fields is not None and fields.is_indirect:
        update.put(fields.objgen, _longer(fields, field))
        listed = reference(fields.objgen)
    else:
        listed = _longer(fields, field)
    longer = changed(form, _fields(listed))
    if not form.is_indirect:
        return {"/AcroForm": longer}
    update.put(form.objgen, longer)
    return {}


def _fields(listed: bytes) -> dict[str, bytes]:
    return {"/Fields": listed, "/SigFlags": b"%d" % SIGNATURES_EXIST_AND_APPEND_ONLY}


def _longer(array: Any, field: Number) -> bytes:
    """An array, or none, with one reference more at its end."""
    if array is None:
        return b"[" + reference(field) + b"]"
    if not isinstance(array, pikepdf.Array):
        raise Unusual("a list is something else")
    return array.unparse(resolved=True)[:-1] + b" " + reference(field) + b"]"


def _pades_entries(update: Increment, root: Any) -> dict[str, bytes]:
    """The catalogue's /Version and /Extensions where the file is older than PDF 2.0."""
    version = max(update.document.pdf_version, str(root.get("/Version", "/1.0"))[1:])
    if version >= "2.0":
        return {}
    extensions = root.get("/Extensions")
    declared: dict[str, bytes] = {}
    if extensions is not None and "/ESIC" in extensions:
        pass
    elif extensions is not None and extensions.is_indirect:
        update.put(extensions.objgen, changed(extensions, {"/ESIC": ESIC}))
    else:
        ours = {"/ESIC": ESIC}
        declared = {"/Extensions": changed(extensions, ours) if extensions is not None else written(ours)}
    return declared | ({"/Version": b"/1.7"} if version < "1.7" else {})


def _free_name(form: Any, signed_before: bool) -> str:
    """CourtSeal1, or the next that no field on the first level has (§12.7.3.2)."""
    fields = form.get("/Fields") if form is not None else None
    tops = list(fields) if isinstance(fields, pikepdf.Array) else []
    if len(tops) > MOST_FIELDS:
        raise Unusual("the form has very many fields")
    if signed_before:
        _refuse_locks(tops, DEEPEST_FIELD)
    taken = {str(field["/T"]) for field in tops if "/T" in field}
    return next(name for number in range(1, len(taken) + 2) if (name := f"CourtSeal{number}") not in taken)


def _refuse_locks(fields: list[Any], depth: int) -> None:
    """Earlier signatures may bind what comes after them (FieldMDP, DocMDP: §12.8.2): that is read with more care."""
    for field in fields:
        value = field.get("/V")
        if isinstance(value, pikepdf.Dictionary) and "/Reference" in value:
            raise Unusual("an earlier signature restricts changes")
        if depth == 0:
            raise Unusual("the form's fields are nested too deep")
        if "/Kids" in field:
            _refuse_locks(list(field["/Kids"]), depth - 1)


def _widget(update: Increment, order: Order, name: str, page: Number, signature: Number) -> bytes:
    """Field and widget in one dictionary (§12.5.6.19), with its appearance."""
    box = b" ".join(b"%d" % side for side in order.box)
    return written(
        {
            "/Type": b"/Annot",
            "/Subtype": b"/Widget",
            "/FT": b"/Sig",
            "/T": text_string(name),
            "/TU": text_string(order.tooltip),
            "/F": b"%d" % PRINT_AND_LOCKED,
            "/P": reference(page),
            "/Rect": b"[" + box + b"]",
            "/V": reference(signature),
            "/AP": written({"/N": reference(update.add(_appearance(order)))}),
        }
    )


def _appearance(order: Order) -> bytes:
    """A form XObject (§8.10): viewers fit the art's box, in mm, into the field's (§12.5.5)."""
    half = seal_art.RADIUS
    head = {
        "/Type": b"/XObject",
        "/Subtype": b"/Form",
        "/BBox": b"[%g %g %g %g]" % (-half, -half, half, half),
        "/Matrix": b"[%d %d %d %d %d %d]" % seal_art.upright(order.place.rotation),
        "/Resources": b"<<>>",
        "/Filter": b"/FlateDecode",
        "/Length": b"%d" % len(order.art),
    }
    return written(head) + b"\nstream\n" + order.art + b"\nendstream"


def _signature(order: Order) -> bytes:
    """The signature dictionary (§12.8.1). /ByteRange and /Contents come first, where no words can look like them."""
    return written(
        {
            "/Type": b"/Sig",
            "/ByteRange": WIDEST_RANGE,
            "/Contents": b"<" + b"0" * (2 * order.room) + b">",
            "/Filter": b"/Adobe.PPKLite",
            "/SubFilter": b"/ETSI.CAdES.detached",
            "/M": order.at.astimezone(UTC).strftime("(D:%Y%m%d%H%M%S+00'00')").encode(),
            "/Name": text_string(order.court_name),
            "/Location": text_string(order.location),
            "/Reason": text_string(order.reason),
        }
    )


def _signed(content: bytes, added: bytearray, begins: int, signer: CmsSigner) -> bytes:
    """Write /ByteRange, then the container over everything but its own place (§12.8.3.3)."""
    opened = added.index(b"/Contents <", begins) + len(b"/Contents ")
    closed = added.index(b">", opened) + 1
    gap = len(content) + opened, len(content) + closed
    covered = b"[0 %d %d %d]" % (gap[0], gap[1], len(added) - closed)
    at = added.index(WIDEST_RANGE, begins)
    added[at : at + len(WIDEST_RANGE)] = covered.ljust(len(WIDEST_RANGE))
    digest = hashlib.new(signer.digest_name, content)
    digest.update(added[:opened])
    digest.update(added[closed:])
    container = signer.sign(digest.digest()).hex().encode()
    if len(container) > closed - opened - 2:
        raise Unusual("the signature is longer than its key promised")
    added[opened + 1 : opened + 1 + len(container)] = container
    return content + added
