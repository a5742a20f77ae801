"""Facts that a clerk enters: methods outside the service, what was found afterwards, each with its form and file."""

from __future__ import annotations

import io
from datetime import datetime

import pytest
from aiohttp import FormData

from delivery.clock import COURT_ZONE
from delivery.core import events
from delivery.core.model import Outcome, Person, Representative
from delivery.web.fact_form import widgets
from delivery.web.fact_methods import GROUPS, METHODS
from delivery.web.pages import Text
from delivery.web.sessions import console_words
from tests.web.browsing import Page, Visitor
from tests.web.desk import outcome
from tests.web.papers import PICTURE
from tests.web.stage import START, Stage, person

COUNTER = {"place": "new", "value": "示范市人民法院立案大厅"}
SELF = {"signed.by.relation": "self"}


def form(page: Page, file: bytes | None = PICTURE, **fields: str) -> FormData:
    """The form of the page with those fields, as a browser sends it."""
    sent = FormData({**page.form(page.path), "reason": "送达回证", "at": "2025-09-16T09:00", **fields})
    sent.add_field("evidence", io.BytesIO(file or b""), filename="return.png" if file else "", content_type="image/png")
    return sent


async def enter(visitor: Visitor, delivery: str, method: str, file: bytes | None = PICTURE, **fields: str) -> Page:
    page = await visitor.get(f"/console/deliveries/{delivery}/facts/{method}")
    assert page.status == 200
    return await visitor.post(page.path, form(page, file, **fields))


async def test_signed_for_at_the_counter(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        chooser = await visitor.get(f"/console/deliveries/{delivery}/facts")
        assert chooser.says("到法院签收")
        page = await visitor.get(f"/console/deliveries/{delivery}/facts/counter_signed")
        for _ in range(2):  # a double click
            after = await visitor.post(page.path, form(page, **COUNTER, **SELF, **{"signed.by.name": "王小明"}))
        assert after.path == f"/console/deliveries/{delivery}"
        evidence = await visitor.get(after.tree().xpath("//a[text()='证据文件']/@href")[0])
    assert evidence.content == PICTURE
    told = await stage.journal.delivery(delivery)
    (fact,) = told.facts
    assert (fact.kind, fact.address, fact.attempt) == ("signed", "desk-1", 1)
    assert fact.at == datetime(2025, 9, 16, 9, 0, tzinfo=COURT_ZONE)
    assert fact.by == Person(relation="self", name="王小明")
    place = told.recipient.address("desk-1")
    assert (place.channel, place.basis, place.value) == ("in_person", "none", COUNTER["value"])
    assert await outcome(stage, delivery) == (Outcome.SERVED, None)
    kinds = [events.kind(row.event) for row in await stage.journal.load(delivery)]
    assert kinds[-2:] == ["recipient_learnt", "fact_recorded"]


async def test_refused_and_left_are_two_facts_of_one_visit(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    said = {"refused.by.relation": "self", "refused.place": "domicile", "refused.filmed": "yes"}
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        await enter(visitor, delivery, "refused_left", place="visit|a3|desk-1", **said, **{"left.place": "domicile"})
    told = await stage.journal.delivery(delivery)
    assert [(fact.kind, fact.address, fact.attempt) for fact in told.facts] == [
        ("refused", "desk-1", 1),
        ("left", "desk-1", 1),
    ]
    place = told.recipient.address("desk-1")
    assert (place.channel, place.basis) == ("in_person", "confirmed")
    assert "槐树街12号" in str(place.value)
    assert await outcome(stage, delivery) == (Outcome.DEEMED, "clerk_confirm")


async def test_a_further_try_at_a_known_place_has_the_next_number(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        await enter(visitor, delivery, "refused_in_person", **COUNTER, **{"refused.by.relation": "spouse"} | ELSEWHERE)
        page = await visitor.get(f"/console/deliveries/{delivery}/facts/counter_signed")
        choices = page.tree().xpath("//select[@id='place']/option/@value")
        assert choices == ["", "desk-1|1", "desk-1|2", "new"]
        for _ in range(2):
            await visitor.post(page.path, form(page, place="desk-1|2", **SELF))
    facts = (await stage.journal.delivery(delivery)).facts
    assert [(fact.kind, fact.attempt) for fact in facts] == [("refused", 1), ("signed", 2)]


ELSEWHERE = {"refused.place": "elsewhere"}


async def test_an_act_is_of_what_was_sent(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("complaint_copy",))
    said = {"procedural_act.act": "filed_answer", "procedural_act.matches_document": "yes"}
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        nothing = await visitor.get(f"/console/deliveries/{delivery}/facts/procedural_act")
        assert nothing.says("没有可以对应的送达")
        await stage.send(delivery)
        stage.clock.move(days=2)
        await visitor.sign_in()
        await enter(visitor, delivery, "procedural_act", place="a1|1", **said | {"at": "2025-09-17T15:00"})
    assert await outcome(stage, delivery) == (Outcome.SERVED, None)


async def test_what_an_official_finds_has_the_office_of_the_account(stage: Stage) -> None:
    delivery = await stage.delivery(person(domicile="foreign"), types=("summons",))
    await stage.send(delivery, "a3")
    stage.clock.move(days=100)
    said = {"circumstances_found.sufficient": "yes", "circumstances_found.facts.performed": "yes"}
    async with Visitor(stage) as visitor:
        await visitor.sign_in("judge")
        await enter(visitor, delivery, "circumstances_found", place="a3|1", **said | {"at": "2025-12-24T09:00"})
    (fact,) = (await stage.journal.delivery(delivery)).facts
    assert (fact.decided_by, fact.sufficient, fact.shown) == ("judge", True, ("performed",))


async def test_a_representative_on_file_may_be_named(stage: Stage) -> None:
    agent = Representative(id="lawyer", kind="litigation_agent", name="周律师")
    delivery = await stage.delivery(person(representatives=(agent,)), types=("summons",))
    said = {"signed.by.relation": "litigation_agent", "signed.by.representative": "lawyer"}
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        await enter(visitor, delivery, "counter_signed", **COUNTER, **said)
    (fact,) = (await stage.journal.delivery(delivery)).facts
    assert fact.by == Person(relation="litigation_agent", representative="lawyer")


NEITHER = {"place": "", "at": "", "reason": " "}


@pytest.mark.parametrize(("method", "file", "fields", "wrong"), [
    ("counter_signed", None, NEITHER, {"at", "place", "reason", "evidence", "signed.by.relation"}),
    ("counter_signed", b"MZ a program", COUNTER | SELF, {"evidence"}),
    ("counter_signed", PICTURE, {"place": "new", "value": " ", **SELF}, {"value"}),
    ("counter_signed", PICTURE, {"place": "a1|1", **SELF}, {"place"}),
    ("counter_signed", PICTURE, COUNTER | {"signed.by.relation": "the cat"}, {"signed.by.relation"}),
    ("counter_signed", PICTURE, COUNTER | SELF | {"at": "2025-09-16T09:31"}, {"at"}),
    ("counter_signed", PICTURE, COUNTER | SELF | {"at": "2025-09-16T09:00Z"}, {"at"}),
    ("phone_call", None, {"place": "new", "value": "12", "phone_call.by.relation": "self"}, {"value"}),
    ("refused_left", PICTURE, COUNTER, {"refused.by.relation", "left.place"}),
    ("collection_window", None, COUNTER | {"collection_window.from": "2025-02-30"},
     {"collection_window.from", "collection_window.to"}),
])  # fmt: skip
async def test_every_fault_is_shown_at_its_field(
    stage: Stage, method: str, file: bytes | None, fields: dict[str, str], wrong: set[str]
) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await enter(visitor, delivery, method, file, **fields)
    assert page.status == 422
    shown = {link.removeprefix("#") for link in page.tree().xpath("//*[@role='alert']//a/@href")}
    assert shown == wrong
    fields_with_ids = set(page.tree().xpath("//*[@aria-invalid]/@id"))
    assert wrong <= fields_with_ids
    assert (await stage.journal.delivery(delivery)).version == 3


async def test_what_was_typed_is_still_there_after_a_fault(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await enter(visitor, delivery, "counter_signed", None, **COUNTER, **SELF | {"signed.by.adult": "yes"})
    kept = page.form("/counter_signed")
    assert (kept["value"], kept["signed.by.relation"], kept["signed.by.adult"]) == (COUNTER["value"], "self", "yes")


async def test_two_clerks_at_once_do_not_take_one_place_for_another(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    async with Visitor(stage) as one, Visitor(stage) as other:
        await one.sign_in()
        await other.sign_in("judge")
        pages = [await who.get(f"/console/deliveries/{delivery}/facts/counter_signed") for who in (one, other)]
        await one.post(pages[0].path, form(pages[0], **COUNTER, **SELF))
        later = SELF | {"at": "2025-09-16T09:10", "place": "new", "value": "执行局"}
        await other.post(pages[1].path, form(pages[1], **later))
    told = await stage.journal.delivery(delivery)
    assert {told.recipient.address(fact.address or "").value for fact in told.facts} == {COUNTER["value"], "执行局"}


async def test_another_court_and_another_form_enter_nothing(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    one = f"/console/deliveries/{delivery}/facts"
    async with Visitor(stage) as stranger:
        desk = await stranger.sign_in("other")
        csrf = desk.form("/sign-out")["form"]
        assert {(await stranger.get(path)).status for path in (one, f"{one}/counter_signed")} == {404}
        assert (await stranger.post(f"{one}/counter_signed", FormData({"form": csrf}))).status == 403
        sent = FormData({"form": csrf, **COUNTER, **SELF})
        sent.add_field("evidence", io.BytesIO(PICTURE), filename="x.png")
        assert (await stranger.post(f"{one}/counter_signed", sent)).status == 404
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        assert (await visitor.get(f"{one}/nonsense")).status == 404
        sent = FormData({"form": "0" * 32, **COUNTER, **SELF})
        sent.add_field("evidence", io.BytesIO(PICTURE), filename="x.png")
        assert (await visitor.post(f"{one}/counter_signed", sent)).status == 403
    assert (await stage.journal.delivery(delivery)).version == 3


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_method_field_and_word_has_a_name(language: str) -> None:
    text = Text(language, console_words())  # type: ignore[arg-type]
    for method in METHODS.values():
        assert method.group in GROUPS
        assert text(f"method.{method.name}")
        assert text(f"hint.{method.name}")
        for widget in widgets(method):
            assert {f"{widget.kind}_{widget.field}", widget.field} & {*text.catalogue["field"]}, widget.name
            if widget.what in ("choice", "many"):
                assert {f"{widget.field}_{word}" for word in widget.words} <= {*text.catalogue["option"]}, widget.name


@pytest.mark.parametrize("method", METHODS)
async def test_every_form_can_be_opened_in_english(stage: Stage, method: str) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    await stage.send(delivery)
    await stage.send(delivery, "a3")
    async with Visitor(stage, language="en") as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}/facts/{method}")
    assert page.status == 200
    assert stage.clock.now() == START
    assert page.tree().xpath("//form[@enctype]")
