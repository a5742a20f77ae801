"""A filing without faults, and every single way to break it that the rules know: where, how, and what is said then."""

from __future__ import annotations

import base64
import copy
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from delivery.core.recipients import ScriptPolicy
from tests.web.papers import paper

Json = dict[str, Any]

COURT = "632801"
CLIENT = "case-system"
ID_NUMBER = "11010519491231002X"
CREDIT_CODE = "91350100M000100Y43"
DIGEST = "ab" * 32


@cache
def summons() -> bytes:
    """A court paper of one page."""
    return paper("传票", "示范市人民法院传唤被告于2025年10月20日上午9时到庭。")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def readable_script(text: str) -> str:
    """A stand-in for the script parser: what begins with `taken` can be played."""
    if not text.startswith("taken"):
        raise ValueError(text)
    return text


REHEARSED = ScriptPolicy(parse=readable_script, simulated=frozenset({"email", "sms", "post", "im", "platform", "fax"}))
REAL = ScriptPolicy(parse=readable_script, simulated=frozenset())


def natural_person() -> Json:
    """With every optional field that a person may have."""
    return {
        "id": "r1",
        "role": "defendant",
        "kind": "natural_person",
        "name": "王小明",
        "id_number": ID_NUMBER,
        "domicile": "mainland",
        "standing": {"kind": "minor", "since": "2020-01-01T00:00:00+08:00"},
        "consents": [
            {
                "id": "c1",
                "basis": "express",
                "documents": ["all"],
                "stages": ["first_instance", "second_instance"],
                "given_at": "2025-09-01T09:00:00+08:00",
                "withdrawn_at": None,
            }
        ],
        "addresses": [
            {
                "id": "a1",
                "channel": "email",
                "basis": "confirmed",
                "value": "wang.xiaoming@mail.example",
                "holder": "recipient",
                "given_at": "2025-09-01T09:00:00+08:00",
                "confirmed_in": "first_instance",
            },
            {
                "id": "a2",
                "channel": "sms",
                "basis": "own",
                "value": "13900000003",
                "ownership_proof": "telecom_real_name",
            },
            {
                "id": "a3",
                "channel": "post",
                "basis": "registered",
                "value": postal(),
                "refused_after_warning": True,
                "warning_on_record": True,
                "dodging_evidence_on_file": False,
                "fault": "withheld",
                "place": "home",
                "receipt_there_agreed": False,
            },
            {"id": "a4", "channel": "phone", "basis": "found", "value": "0970-8412345", "holder": "g1"},
        ],
        "representatives": [
            {"id": "g1", "kind": "guardian", "name": "王大明"},
            {"id": "g2", "kind": "litigation_agent", "receipt_authority": "express", "named_receiver": True},
        ],
    }


def postal() -> Json:
    return {
        "name": "王小明",
        "phone": "13900000003",
        "province": "示范省",
        "city": "示范市",
        "county": "东城区",
        "detail": "槐树街12号3单元401室",
        "postcode": "100000",
    }


def company() -> Json:
    return {
        "id": "r2",
        "role": "third_party",
        "kind": "entity",
        "name": "青禾（示范）科技有限公司",
        "id_number": CREDIT_CODE,
        "foreign_law": {"e_service": "silent", "mail": "allowed"},
        "addresses": [{"id": "a1", "channel": "post", "basis": "registered", "value": postal()}],
    }


def filing(content: bytes | None = None, **more: Any) -> Json:
    """A CloudEvent with one document and two recipients; with `content` inside, else by the digest of `summons`."""
    document = {
        "id": "d1",
        "type": "summons",
        "title": "传票",
        "media_type": "application/pdf",
        "sha256": digest(content) if content else DIGEST,
        "hearing_at": "2025-10-20T09:00:00+08:00",
        "issued_on": "2025-09-15",
    }
    if content:
        document["content"] = base64.b64encode(content).decode()
    case = {"number": "（2024）青2801民初123号", "kind": "civil", "procedure": "ordinary"}
    event = {
        "specversion": "1.0",
        "type": "songda.submission.v1",
        "source": f"/courts/{COURT}/{CLIENT}",
        "id": "2024-mc-123-0007",
        "time": "2025-09-16T09:30:00+08:00",
        "datacontenttype": "application/json",
        "data": {
            "case": {**case, "stage": "first_instance", "court": "ordinary"},
            "documents": [document],
            "recipients": [natural_person(), company()],
            "needed_by": "2025-10-20T09:00:00+08:00",
        },
    }
    return {**event, **more}


# --- ways to break it ------------------------------------------------------------------------------------------------


DECIDES = {
    "channel": ("value",),
    "kind": ("id_number",),
    "given_at": ("withdrawn_at",),
    "id": ("holder",),
    "content": ("sha256",),
}
"""Which field decides what another should look like."""


@dataclass(frozen=True)
class Break:
    """One thing wrong: after `apply`, the faults hold (`pointer`, `code`). `touches`: the place that was changed."""

    name: str
    pointer: str
    code: str
    apply: Callable[[Json], None]
    touches: str

    def hides(self, other: Break) -> bool:
        """Whether the other one cannot be seen any more after this one."""
        beside, _, last = self.touches.rpartition("/")
        below = [self.touches, *(f"{beside}/{name}" for name in DECIDES.get(last, ()))]
        return any(other.touches == place or other.touches.startswith(f"{place}/") for place in below)

    def __repr__(self) -> str:
        return self.name


def put(pointer: str, value: Any, code: str, name: str = "", at: str | None = None) -> Break:
    """Put a value there."""

    def apply(event: Json) -> None:
        parent, last = _walk(event, pointer)
        parent[last] = copy.deepcopy(value)

    shown = repr(value) if len(repr(value)) < 40 else f"{type(value).__name__} of {len(value)}"
    return Break(f"{name or pointer} = {shown}", at if at is not None else pointer, code, apply, pointer)


def drop(pointer: str) -> Break:
    """Leave a required field out."""

    def apply(event: Json) -> None:
        parent, last = _walk(event, pointer)
        del parent[last]

    return Break(f"{pointer} left out", pointer, "missing", apply, pointer)


def _walk(event: Json, pointer: str) -> tuple[Any, Any]:
    *way, last = pointer.split("/")[1:]
    node: Any = event
    for step in way:
        node = node[int(step)] if isinstance(node, list) else node[step]
    return node, int(last) if isinstance(node, list) else last


DATA, DOC, ONE, TWO = "/data", "/data/documents/0", "/data/recipients/0", "/data/recipients/1"
EMAIL, SMS, POST, PHONE = (f"{ONE}/addresses/{place}" for place in range(4))
CONSENT = f"{ONE}/consents/0"

REQUIRED = (
    *("/specversion", "/type", "/source", "/id", "/data"),
    *(f"{DATA}/{name}" for name in ("case", "documents", "recipients")),
    *(f"{DATA}/case/{name}" for name in ("number", "kind", "procedure", "stage")),
    *(f"{DOC}/{name}" for name in ("id", "type", "title", "media_type", "sha256")),
    *(f"{ONE}/{name}" for name in ("id", "role", "kind", "name", "addresses")),
    *(f"{EMAIL}/{name}" for name in ("id", "channel", "basis", "value")),
    *(f"{CONSENT}/{name}" for name in ("id", "basis", "documents", "stages", "given_at")),
    *(f"{POST}/value/{name}" for name in ("name", "phone", "province", "city", "county", "detail", "postcode")),
    f"{ONE}/representatives/0/id",
    f"{ONE}/representatives/0/kind",
    f"{ONE}/standing/kind",
)

WORDS = (
    *("/specversion", "/type", "/datacontenttype"),
    *(f"{DATA}/case/{name}" for name in ("kind", "procedure", "stage", "court")),
    *(f"{DOC}/{name}" for name in ("type", "media_type")),
    *(f"{ONE}/{name}" for name in ("role", "kind", "domicile")),
    *(f"{EMAIL}/{name}" for name in ("channel", "basis", "confirmed_in")),
    *(f"{POST}/{name}" for name in ("fault", "place")),
    f"{SMS}/ownership_proof",
    f"{ONE}/standing/kind",
    f"{CONSENT}/basis",
    f"{ONE}/representatives/0/kind",
    f"{ONE}/representatives/1/receipt_authority",
    *(f"{DATA}/recipients/1/foreign_law/{name}" for name in ("e_service", "mail")),
)

INSTANTS = (
    "/time",
    f"{DATA}/needed_by",
    f"{DOC}/hearing_at",
    f"{ONE}/standing/since",
    f"{CONSENT}/given_at",
    f"{CONSENT}/withdrawn_at",
    f"{EMAIL}/given_at",
)

FLAGS = tuple(
    f"{POST}/{name}"
    for name in (
        "refused_after_warning",
        "warning_on_record",
        "dodging_evidence_on_file",
        "receipt_there_agreed",
    )
)

LONGEST = {
    "/id": 200,
    "/subject": 200,
    "/dataschema": 500,
    f"{DATA}/case/number": 100,
    f"{DOC}/title": 200,
    f"{ONE}/name": 200,
    f"{ONE}/id_number": 18,
    f"{EMAIL}/value": 755,
    f"{PHONE}/value": 755,
    f"{POST}/value/name": 100,
    f"{POST}/value/phone": 20,
    f"{POST}/value/province": 40,
    f"{POST}/value/city": 40,
    f"{POST}/value/county": 40,
    f"{POST}/value/detail": 701,
    f"{ONE}/representatives/0/name": 200,
}

MAILBOXES = (
    *("wang", "@mail.example", "wang@", "wang@mail", "wang@@mail.example", "wang@mail..example", ".wang@mail.example"),
    *("wang @mail.example", "wang@mail.example, li@mail.example", "Wang <wang@mail.example>", "wang@[127.0.0.1]"),
    *("wang@-mail.example", "wang@127.0.0.1", "王@mail.example", f"{'w' * 65}@mail.example", '"w x"@mail.example'),
    f"wang@{'m' * 64}.example",
)
MOBILES = (
    "12900000003",
    "1390000000",
    "139000000030",
    "+8612900000003",
    "10690000003",
    "0970-8412345",
    "+1234",
    "13９00000003",
)
TELEPHONES = ("8412345", "0970", "+86", "13900000003 ext 4", "0970 8412345", "1064000000003")
CASE_NUMBERS = ("123", "（2024）青2801民初123", "（2124）青2801民初1号", "2024青2801民初1号", "（2024）鬼2801民初1号")
ID_NUMBERS = (
    "110105194912310021",
    "11010519491331002X",
    "11010519490230002X",
    "11010519491231002x",
    "A1010519491231002X",
)
CREDIT_CODES = ("91350100M000100Y44", "91350100M000100Y4I", "9135010OM000100Y43", "91350100m000100y43", ID_NUMBER)
TIMES = (
    "2025-09-16",
    "2025-09-16T09:30:00",
    "2025-02-30T09:30:00+08:00",
    "2025-09-16 09:30:00+08:00",
    "2025-09-16T24:30:00Z",
)
CONTROLS = ("a\r\nBcc: b@mail.example", "a\x00b", "a\u2028b", "a\tb")
PLAIN_TEXTS = (
    "/id",
    f"{DOC}/title",
    f"{ONE}/name",
    f"{POST}/value/detail",
    f"{EMAIL}/value",
    f"{ONE}/representatives/0/name",
)
IDS = (f"{DOC}/id", f"{ONE}/id", f"{EMAIL}/id", f"{CONSENT}/id", f"{ONE}/representatives/0/id")
UNKNOWN = (
    DATA,
    f"{DATA}/case",
    DOC,
    ONE,
    f"{ONE}/standing",
    CONSENT,
    EMAIL,
    f"{POST}/value",
    f"{ONE}/representatives/0",
    f"{DATA}/recipients/1/foreign_law",
)
LISTS = {
    f"{DATA}/documents": (1, 100),
    f"{DATA}/recipients": (1, 1000),
    f"{ONE}/addresses": (1, 50),
    f"{ONE}/consents": (0, 50),
    f"{ONE}/representatives": (0, 20),
}


def breaks() -> Iterator[Break]:
    """Every single break that the rules know, some hundreds."""
    yield from map(drop, REQUIRED)
    for pointer in WORDS:
        yield put(pointer, "no_such_word", "unknown_word")
        yield put(pointer, ["x"], "unknown_word")
    for pointer in INSTANTS:
        yield from (
            put(pointer, value, "not_an_instant") for value in (*TIMES, 20250916, ["x"], "9999-01-01T00:00:00Z")
        )
    yield from (put(f"{DOC}/issued_on", value, "not_a_day") for value in ("2025-02-30", "16.9.2025", 5, "2025-9-1"))
    yield from (put(pointer, value, "wrong_type") for pointer in FLAGS for value in ("true", 1, None))
    yield from (put(pointer, "长" * (most + 1), "too_long") for pointer, most in LONGEST.items())
    yield from (put(pointer, "", "too_short") for pointer in ("/id", f"{DOC}/title", f"{ONE}/name", f"{EMAIL}/value"))
    yield from (put(pointer, "　 ", "blank") for pointer in ("/id", f"{DOC}/title", f"{ONE}/name"))
    yield from (put(pointer, 7, "wrong_type") for pointer in (*PLAIN_TEXTS, *IDS, f"{ONE}/id_number"))
    yield from (put(pointer, text, "control_character") for pointer in PLAIN_TEXTS for text in CONTROLS)
    yield from (put(pointer, value, "malformed") for pointer in IDS for value in ("a.b", "a b", "名"))
    yield from (put(pointer, "i" * 41, "too_long") for pointer in IDS)
    yield from (put(f"{where}/no_such_field", 1, "unknown_field") for where in UNKNOWN)
    yield put("/No-Attribute", 1, "unknown_field")
    yield from _lists()
    yield from _documents()
    yield from _people()
    yield from _addresses()


def _lists() -> Iterator[Break]:
    for pointer, (least, most) in LISTS.items():
        yield put(pointer, {}, "wrong_type")
        yield put(pointer, [7], "wrong_type", at=f"{pointer}/0")
        yield put(pointer, [{}] * (most + 1), "too_many")
        if least:
            yield put(pointer, [], "too_few")
    for name in ("documents", "stages"):
        pointer = f"{CONSENT}/{name}"
        yield put(pointer, [], "too_few")
        yield put(pointer, "all", "wrong_type")
        yield put(pointer, ["no_such_word"], "unknown_word", at=f"{pointer}/0")
        yield put(pointer, ["all", "all"], "repeated", at=f"{pointer}/1")


def _twice(pointer: str) -> Break:
    """The first entry of a list, once more at its end."""

    def apply(event: Json) -> None:
        parent, last = _walk(event, pointer)
        parent[last].append(copy.deepcopy(parent[last][0]))
        parent[last][-1]["id"] = parent[last][0]["id"]

    places = {f"{DATA}/documents": 1, f"{DATA}/recipients": 2, f"{ONE}/addresses": 4, f"{ONE}/consents": 1}
    return Break(f"{pointer}: an id twice", f"{pointer}/{places.get(pointer, 2)}/id", "repeated", apply, pointer)


def _documents() -> Iterator[Break]:
    yield from map(_twice, LISTS)
    yield from (put(f"{DOC}/sha256", value, "malformed") for value in ("AB" * 32, "ab" * 31, "zz" * 32))
    yield put(f"{DOC}/sha256", "cd" * 32, "not_uploaded")
    yield from (put(f"{DOC}/content", value, "not_base64") for value in ("%%%", "YQ", "YQ==\n", 7, ["YQ=="]))
    yield put(f"{DOC}/content", "", "empty")
    yield from (put("/data", value, "wrong_type") for value in ("x", [], 7))
    yield put(f"{DATA}/case", [], "wrong_type")
    sources = ("/courts/632801/other", "/courts/999/case-system", "case-system", "/courts/632801/case-system/x", 7)
    yield from (put("/source", value, "wrong_source") for value in sources)
    yield from (put(f"{DATA}/case/number", value, "not_a_case_number") for value in CASE_NUMBERS)


def _people() -> Iterator[Break]:
    yield from (put(f"{ONE}/id_number", value, "not_an_identity_number") for value in (*ID_NUMBERS, CREDIT_CODE))
    yield from (put(f"{TWO}/id_number", value, "not_a_credit_code") for value in CREDIT_CODES)
    yield put(f"{ONE}/standing", "minor", "wrong_type")
    yield put(f"{CONSENT}/withdrawn_at", "2025-08-01T09:00:00+08:00", "before_given")
    yield put(f"{ONE}/representatives/0/id", "recipient", "reserved")


def _addresses() -> Iterator[Break]:
    yield from (put(f"{EMAIL}/value", value, "not_a_mailbox") for value in MAILBOXES)
    yield from (put(f"{SMS}/value", value, "not_a_mobile_number") for value in MOBILES)
    yield from (put(f"{PHONE}/value", value, "not_a_telephone_number") for value in TELEPHONES)
    yield from (put(f"{POST}/value/phone", value, "malformed") for value in ("8412345", "none"))
    yield from (put(f"{POST}/value/postcode", value, "malformed") for value in ("10000", "10000a", "１００００0"))
    yield put(f"{POST}/value", "槐树街12号", "wrong_type")
    yield put(f"{EMAIL}/value", postal(), "wrong_type")
    yield put(f"{EMAIL}/holder", "nobody", "unknown_holder")
    yield put(f"{EMAIL}/value", "wang@mail.example#no script", "unreadable_script")
    yield put(f"{EMAIL}/value", "wang@mail.example#", "unreadable_script")
    yield put(f"{POST}/value/detail", "槐树街5#楼", "unreadable_script")
    yield put(f"{POST}/value/detail", "#taken", "malformed")
    yield put(f"{PHONE}/value", "0970-8412345#taken", "script_on_real_channel")
