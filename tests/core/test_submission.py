"""A filing becomes deliveries, or the full list of its faults."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.core import submission
from delivery.core.fields import MOST_FAULTS, Fault
from delivery.core.model import PostalAddress
from delivery.core.recipients import ScriptPolicy
from delivery.core.submission import DocumentFacts, Submission, read_filing
from tests import filings
from tests.filings import CLIENT, COURT, DIGEST, REAL, REHEARSED, Break, Json, filing

NOW = datetime.fromisoformat("2025-09-16T09:31:00+08:00")
UPLOADED = {DIGEST: DocumentFacts(pages=2, size=1000)}
BREAKS = list(filings.breaks())


def ids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"{next(numbers):026d}"


def read(
    event: Any,
    *,
    scripts: ScriptPolicy = REHEARSED,
    enclosed: Mapping[int, str] | None = None,
    findings: Mapping[str, DocumentFacts] | None = UPLOADED,
) -> Submission | tuple[Fault, ...]:
    came = {place: filings.digest(content) for place, content in submission.enclosures(event).items()}
    return read_filing(
        event,
        court=COURT,
        clients=(CLIENT,),
        enclosed=came if enclosed is None else enclosed,
        findings=findings,
        accepted_at=NOW,
        new_id=ids(),
        scripts=scripts,
    )


def good(event: Any, **more: Any) -> Submission:
    found = read(event, **more)
    assert isinstance(found, Submission), found
    return found


def faults(event: Any, **more: Any) -> list[Fault]:
    found = read(event, **more)
    return [] if isinstance(found, Submission) else list(found)


def places(event: Any, **more: Any) -> set[tuple[str, str]]:
    return {(fault.pointer, fault.code) for fault in faults(event, **more)}


def broken(*how: Break) -> Json:
    event = filing()
    for one in how:
        one.apply(event)
    return event


# --- what is made of a good one --------------------------------------------------------------------------------------


def test_each_recipient_gets_a_delivery_of_its_own() -> None:
    found = good(filing())
    one, two = found.accepted
    assert (one.recipient.id, two.recipient.id) == ("r1", "r2")
    assert one.documents == two.documents
    assert len({found.submission_id, one.delivery, two.delivery}) == 3
    assert {one.submission, two.submission} == {found.submission_id}
    assert (one.court, one.client, one.at) == (COURT, CLIENT, NOW)
    assert (found.source, found.id) == (f"/courts/{COURT}/{CLIENT}", "2024-mc-123-0007")


def test_everything_filed_arrives() -> None:
    accepted = good(filing()).accepted[0]
    assert accepted.documents[0].pages == 2
    assert str(accepted.documents[0].issued_on) == "2025-09-15"
    person = accepted.recipient
    assert (person.standing.kind, person.domicile, person.id_number) == ("minor", "mainland", filings.ID_NUMBER)
    assert person.consents[0].stages == ("first_instance", "second_instance")
    email, sms, post, phone = person.addresses
    assert (email.value, email.confirmed_in, email.holder) == (
        "wang.xiaoming@mail.example",
        "first_instance",
        "recipient",
    )
    assert (sms.ownership_proof, phone.holder) == ("telecom_real_name", "g1")
    assert isinstance(post.value, PostalAddress)
    assert (post.value.postcode, post.fault, post.warning_on_record) == ("100000", "withheld", True)
    assert person.representatives[1].named_receiver
    law = good(filing()).accepted[1].recipient.foreign_law
    assert (law.e_service, law.mail) == ("silent", "allowed")


OPTIONAL = ("domicile", "standing", "foreign_law", "consents", "representatives")
"""What a recipient may leave out."""


def test_absent_and_null_read_alike() -> None:
    event = filing()
    for where in (event, event["data"]["case"], event["data"]["recipients"][1]):
        for name in (*OPTIONAL, "time", "datacontenttype", "court"):
            where[name] = None
    del event["data"]["recipients"][1]["consents"], event["data"]["case"]["court"]
    for name in (*OPTIONAL, "court"):
        event.pop(name, None)
    for name in (*OPTIONAL, "time", "datacontenttype"):
        event["data"]["case"].pop(name, None)
    for name in ("time", "datacontenttype", "court"):
        event["data"]["recipients"][1].pop(name, None)
    found = good(event)
    assert found.time is None
    assert found.accepted[1].recipient.standing.kind == "normal"
    assert found.accepted[1].case.court == "ordinary"


NUMBERS = {
    "（2024）青2801民初123号": "（2024）青2801民初123号",
    "(2024) 青 2801 民初 123 号": "（2024）青2801民初123号",
    "〔2019〕最高法知民终1号": "（2019）最高法知民终1号",
    "[2023]兵0103执恢7号之一": "（2023）兵0103执恢7号之一",
    "（2020）京73行初9999号": "（2020）京73行初9999号",
    "（2018）粤刑核12345678号": "（2018）粤刑核12345678号",
}


@pytest.mark.parametrize(("filed", "normal"), NUMBERS.items())
def test_case_numbers_are_written_one_way(filed: str, normal: str) -> None:
    event = filing()
    event["data"]["case"]["number"] = filed
    assert good(event).accepted[0].case.number == normal


def test_the_same_content_has_the_same_hash_however_it_is_written() -> None:
    content = b"%PDF-1.7 not looked at here"
    inside = filing(content)
    apart = copy.deepcopy(inside)
    del apart["data"]["documents"][0]["content"]
    apart["data"] = dict(reversed(apart["data"].items()))
    apart["time"] = "2025-09-17T00:00:00Z"
    digest = filings.digest(content)
    known = {digest: DocumentFacts(pages=1, size=len(content))}
    one = good(inside, enclosed={0: digest}, findings=known)
    other = good(apart, findings=known)
    assert one.content_hash == other.content_hash


def test_another_content_has_another_hash() -> None:
    other = filing()
    other["data"]["recipients"][0]["name"] = "王晓明"
    assert good(filing()).content_hash != good(other).content_hash


SCRIPTED = {
    ("/data/recipients/0/addresses/0/value", "wang@mail.example#taken; 1m arrived"): (
        "wang@mail.example",
        "taken; 1m arrived",
    ),
    ("/data/recipients/0/addresses/1/value", "13900000003 # taken"): ("13900000003", "taken"),
}


@pytest.mark.parametrize(("filed", "parts"), SCRIPTED.items())
def test_a_script_is_cut_off_the_value(filed: tuple[str, str], parts: tuple[str, str]) -> None:
    event = broken(filings.put(*filed, code=""))
    place = int(filed[0].split("/")[5])
    address = good(event).accepted[0].recipient.addresses[place]
    assert (address.value, address.script) == parts
    assert places(event, scripts=REAL) == {(filed[0], "script_on_real_channel")}


def test_a_postal_script_stands_in_the_detail() -> None:
    event = broken(filings.put(f"{filings.POST}/value/detail", "槐树街12号#taken; 2d signed:spouse", code=""))
    address = good(event).accepted[0].recipient.addresses[2]
    assert isinstance(address.value, PostalAddress)
    assert (address.value.detail, address.script) == ("槐树街12号", "taken; 2d signed:spouse")
    assert places(event, scripts=REAL) == {(f"{filings.POST}/value/detail", "script_on_real_channel")}


GOOD_VALUES = {
    "email": (
        "a@b.cn",
        "first.last+tag@mail.example",
        "o'brien@sub.mail.example",
        "info@示范.example",
        "x@xn--fiq228c.example",
    ),
    "sms": ("13900000003", "+8613900000003", "8613900000003", "+85291234567", "17000000000"),
    "phone": ("0970-8412345", "09708412345", "010-12345678", "+86-970-8412345", "13900000003", "+14155550123"),
    "fax": ("0970-8412345",),
    "im": ("wx_user 示范",),
    "in_person": ("示范市人民法院诉讼服务中心",),
}


@pytest.mark.parametrize(("channel", "value"), [(c, v) for c, values in GOOD_VALUES.items() for v in values])
def test_values_that_are_taken(channel: str, value: str) -> None:
    event = filing()
    event["data"]["recipients"][1]["addresses"] = [{"id": "a1", "channel": channel, "basis": "found", "value": value}]
    assert good(event, scripts=REAL).accepted[1].recipient.addresses[0].value == value


# --- documents -------------------------------------------------------------------------------------------------------


def test_a_digest_that_is_not_that_of_the_content() -> None:
    event = filing(b"one")
    event["data"]["documents"][0]["sha256"] = DIGEST
    came = filings.digest(b"one")
    found = places(event, enclosed={0: came}, findings={came: DocumentFacts(pages=1, size=3)})
    assert found == {("/data/documents/0/sha256", "digest_mismatch")}


def test_what_was_found_in_a_pdf_is_told_at_its_content() -> None:
    event = filing(b"one")
    came = filings.digest(b"one")
    facts = DocumentFacts(
        pages=1, size=3, faults=(("encrypted", "Give it without password."), ("no_pages", "One page."))
    )
    found = places(event, enclosed={0: came}, findings={came: facts})
    assert found == {("/data/documents/0/content", "encrypted"), ("/data/documents/0/content", "no_pages")}


def test_a_dry_run_asks_for_no_contents() -> None:
    event = filing()
    event["data"]["documents"][0]["sha256"] = "cd" * 32
    assert good(event, findings=None).accepted[0].documents[0].pages == 0


def test_enclosures_are_found_by_place_and_bad_ones_left_out() -> None:
    event = filing(b"one")
    event["data"]["documents"] += [{"content": "%%"}, {}, 7, {"content": "dHdv"}]
    assert submission.enclosures(event) == {0: b"one", 4: b"two"}
    assert submission.references(event) == {filings.digest(b"one")}
    assert submission.document_ids(event) == {"d1": 0}


# --- faults ----------------------------------------------------------------------------------------------------------


def test_the_good_one_has_none() -> None:
    assert faults(filing()) == []


@pytest.mark.parametrize("one", BREAKS, ids=repr)
def test_one_thing_wrong_is_named(one: Break) -> None:
    found = faults(broken(one))
    assert (one.pointer, one.code) in {(fault.pointer, fault.code) for fault in found}
    assert all(fault.message.endswith(".") and fault.code.islower() for fault in found)


def apart(chosen: list[Break]) -> list[Break]:
    """Those that do not hide each other."""
    kept: list[Break] = []
    for one in chosen:
        if not any(one.hides(other) or other.hides(one) for other in kept):
            kept.append(one)
    return kept


SMALL = [one for one in BREAKS if one.code != "too_many"]


def hundred() -> list[list[Break]]:
    """100 filings, each broken in one to eight ways at once."""
    dice = random.Random(20250916)  # noqa: S311 — the same hundred each time
    return [apart(dice.sample([b for b in SMALL if _hides_little(b)], dice.randint(1, 8))) for _ in range(100)]


def _hides_little(one: Break) -> bool:
    """Leaves the rest of the filing where it was."""
    return one.pointer.count("/") >= 3 or one.pointer in ("/id", "/time", "/specversion", "/type")


@pytest.mark.parametrize("chosen", hundred(), ids=str)
def test_a_hundred_broken_filings_and_every_fault_named(chosen: list[Break]) -> None:
    found = places(broken(*chosen))
    assert {(one.pointer, one.code) for one in chosen} <= found


@given(st.lists(st.sampled_from([b for b in SMALL if _hides_little(b)]), min_size=2, max_size=12).map(apart))
@settings(deadline=None, derandomize=True)
def test_faults_do_not_hide_each_other(chosen: list[Break]) -> None:
    assert {(one.pointer, one.code) for one in chosen} <= places(broken(*chosen))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
EVERYWHERE = sorted({*filings.REQUIRED, *filings.WORDS, *filings.INSTANTS, *filings.LISTS})


@given(JSON)
@settings(deadline=None, derandomize=True)
def test_anything_at_all_is_answered(event: Any) -> None:
    assert faults(event)


@given(st.sampled_from(EVERYWHERE), JSON)
@settings(deadline=None, derandomize=True)
def test_anything_anywhere_is_answered(pointer: str, value: Any) -> None:
    event = broken(filings.put(pointer, value, code=""))
    submission.enclosures(event), submission.references(event), submission.document_ids(event)
    for fault in faults(event):
        assert fault.pointer.encode()
        assert fault.message.endswith(".")


PERSONAL = ("李四不该被重复", "13812345678", "110105194912310999", "li.si.secret@", "秘密街8号")


def test_no_message_repeats_what_was_filed() -> None:
    event = filing()
    person = event["data"]["recipients"][0]
    person["name"] = "李四不该被重复" * 40
    person["id_number"] = "110105194912310999"
    person["addresses"][0]["value"] = "li.si.secret@"
    person["addresses"][1]["value"] = "138123456789"
    person["addresses"][2]["value"]["detail"] = "秘密街8号#秘密街8号"
    event["data"]["case"]["number"] = "13812345678"
    told = "".join(fault.message + fault.pointer for fault in faults(event))
    assert len(faults(event)) == 6
    assert not any(text in told for text in PERSONAL)


def test_an_endless_list_of_faults_is_cut() -> None:
    event = filing()
    event["data"] |= {f"x{number}": 1 for number in range(MOST_FAULTS * 2)}
    assert len(faults(event)) == MOST_FAULTS


def test_pointers_are_escaped() -> None:
    event = filing()
    event["data"]["a/b~c"] = 1
    assert places(event) == {("/data/a~1b~0c", "unknown_field")}


def test_another_client_of_the_court_may_not_be_named() -> None:
    event = filing(source=f"/courts/{COURT}/another")
    assert places(event) == {("/source", "wrong_source")}
    clients = read_filing(
        event,
        court=COURT,
        clients=(CLIENT, "another"),
        enclosed={},
        findings=UPLOADED,
        accepted_at=NOW,
        new_id=ids(),
        scripts=REHEARSED,
    )
    assert isinstance(clients, Submission)
    assert clients.client == "another"
    assert replace(clients, client=CLIENT).client == CLIENT
