"""News of a recipient as a clerk enters it: what the HTTP door takes, with the same reader, on a page."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import FormData

from delivery.clock import COURT_ZONE
from delivery.core import events
from delivery.core.effect import document_effects
from delivery.core.model import Consent, Fact, Outcome, PostalAddress, Representative, Standing
from delivery.core.recipient_news import PARTS, read_news
from delivery.web.fact_places import NO_SCRIPTS
from delivery.web.news_form import ASKED, read_form
from delivery.web.news_words import word_of
from delivery.web.pages import Text
from delivery.web.sessions import console_words
from tests.core.world import book
from tests.web.browsing import Page, Visitor
from tests.web.papers import PICTURE
from tests.web.stage import POST, START, Stage, person

AT = "2025-09-16T09:00"
MOMENT = datetime(2025, 9, 16, 9, 0, tzinfo=COURT_ZONE)
MAILBOX = {"address.channel": "email", "address.basis": "confirmed", "address.value": "wang.xin@mail.example"}
CHANGE = {"replaces": "a2", "in_writing": "yes", "at": AT}
CONSENT = {"consent.basis": "express", "consent.given_at": AT, "consent.documents.all": "yes"}
CONSENT |= {"consent.stages.all": "yes"}
AGENT = {"representative.kind": "litigation_agent", "representative.name": "周律师"}
LETTER = {
    "address.channel": "post",
    "address.basis": "registered",
    "address.name": "王小明",
    "address.phone": "13900000003",
    "address.province": "示范省",
    "address.city": "示范市",
    "address.detail": "桂花路3号",
    "address.postcode": "100001",
}


async def open_form(visitor: Visitor, delivery: str, query: str = "") -> Page:
    page = await visitor.get(f"/console/deliveries/{delivery}/recipient{query}")
    assert page.status == 200
    return page


async def send(visitor: Visitor, page: Page, fields: Mapping[str, str], file: bytes | None = None) -> Page:
    sent = FormData({**page.form("/recipient"), "reason": "当面填写变更申请", **fields})
    sent.add_field("evidence", io.BytesIO(file or b""), filename="form.png" if file else "", content_type="image/png")
    return await visitor.post(page.path, sent)


async def enter(
    stage: Stage, delivery: str, fields: Mapping[str, str], *, query: str = "", file: bytes | None = None
) -> Page:
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        return await send(visitor, await open_form(visitor, delivery, query), fields, file)


async def test_a_written_change_is_learnt_once_and_is_a_fact(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        one = await visitor.get(f"/console/deliveries/{delivery}")
        page = await visitor.get(one.tree().xpath("//a[text()='更新受送达人信息']/@href")[0])
        for _ in range(2):  # a double click
            after = await send(visitor, page, MAILBOX | CHANGE, PICTURE)
        assert after.path == f"/console/deliveries/{delivery}"
        assert after.says("wang.xin@mail.example")
        evidence = await visitor.get(after.tree().xpath("//a[text()='证据文件']/@href")[0])
    assert evidence.content == PICTURE
    learnt, changed = [row.event for row in await stage.journal.load(delivery)][-2:]
    assert isinstance(learnt, events.RecipientLearnt)
    assert isinstance(changed, events.FactRecorded)
    (place,) = learnt.addresses
    assert (place.channel, place.basis, place.value) == ("email", "confirmed", "wang.xin@mail.example")
    assert (learnt.by, learnt.reason) == ("clerk", "当面填写变更申请")
    fact = changed.fact
    assert (fact.kind, fact.address, fact.new_address) == ("address_changed", "a2", place.id)
    assert (fact.in_writing, fact.at) == (True, MOMENT)
    assert len((await stage.journal.delivery(delivery)).recipient.addresses) == 4


async def test_an_agent_and_the_address_that_is_theirs_come_together(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    await enter(stage, delivery, MAILBOX | AGENT | {"address.holder": "new"})
    who = (await stage.journal.delivery(delivery)).recipient
    ((agent,), place) = who.representatives, who.addresses[-1]
    assert (agent.kind, agent.name, place.holder) == ("litigation_agent", "周律师", agent.id)


async def test_a_postal_address_has_its_parts(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    await enter(stage, delivery, LETTER)
    place = (await stage.journal.delivery(delivery)).recipient.addresses[-1]
    assert isinstance(place.value, PostalAddress)
    assert (place.value.detail, place.value.county, place.basis) == ("桂花路3号", "", "registered")


async def test_a_consent_on_file_is_withdrawn_and_nothing_else_of_it_changes(stage: Stage) -> None:
    given = START - timedelta(days=30, seconds=-7)
    consent = Consent(id="c1", basis="express", documents=("judgment",), given_at=given)
    delivery = await stage.delivery(person(consents=(consent,)), types=("summons",))
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await open_form(visitor, delivery)
        page = await visitor.get(page.tree().xpath("//section[@id='consent']//li/a/@href")[0])
        assert page.tree().xpath("//section[@id='consent']/details/@open")
        page = await open_form(visitor, delivery, "?consent=c1")
        await send(visitor, page, {"consent.withdrawn_at": AT})
    (told,) = (await stage.journal.delivery(delivery)).recipient.consents
    assert told == replace(consent, withdrawn_at=MOMENT)


async def test_what_is_on_file_goes_through_the_form_unchanged(stage: Stage) -> None:
    agent = Representative(id="g1", kind="guardian", name="李芳", receipt_authority="silent", named_receiver=True)
    who = person(representatives=(agent,))
    rich = replace(who.addresses[1], given_at=START, dodging_evidence_on_file=True, place="home", holder="g1")
    delivery = await stage.delivery(replace(who, addresses=(who.addresses[0], rich, who.addresses[2])))
    before = await stage.journal.delivery(delivery)
    for query in ("?address=a1", "?address=a2", "?address=a3", "?consent=c1", "?representative=g1"):
        page = await enter(stage, delivery, {}, query=query)
        assert page.path == f"/console/deliveries/{delivery}", query
    assert (await stage.journal.delivery(delivery)).version == before.version
    assert str(POST.detail) in str(before.recipient.address("a3").value)


async def test_proof_of_whose_it_is_may_come_after_the_sending_but_no_other_place(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    await stage.send(delivery, "a1")
    moved = await enter(stage, delivery, {"address.value": "13900000009"}, query="?address=a1")
    assert (moved.status, moved.says("此地址已用于送达")) == (422, True)
    await enter(stage, delivery, {"address.basis": "confirmed"}, query="?address=a1")
    assert (await stage.journal.delivery(delivery)).recipient.address("a1").basis == "confirmed"


WRONG: dict[str, tuple[dict[str, str], set[str]]] = {
    "nothing": ({"reason": " "}, {"part", "reason"}),
    "no channel": ({"address.value": "x@mail.example"}, {"address.channel", "address.basis"}),
    "a mailbox that is none": (MAILBOX | {"address.value": "nobody"}, {"address.value"}),
    "a script": (MAILBOX | {"address.value": "x@mail.example#fail"}, {"address.value"}),
    "half a letter": (LETTER | {"address.city": "", "address.postcode": "1"}, {"address.city", "address.postcode"}),
    "whose": (MAILBOX | {"address.holder": "new"}, {"address.holder"}),
    "a change of what": (MAILBOX | {"in_writing": "yes"}, {"replaces"}),
    "a change to what": ({"replaces": "a1", "standing.kind": "minor"}, {"address", "at"}),
    "of all stages": ({"consent.basis": "express"}, {f"consent.{n}" for n in ("given_at", "documents", "stages")}),
    "before it was given": (CONSENT | {"consent.withdrawn_at": "2025-09-01T00:00"}, {"consent.withdrawn_at"}),
    "to come": ({"standing.kind": "deceased", "standing.since": "2025-09-17T00:00"}, {"standing.since"}),
    "whenever": ({"standing.kind": "deceased", "standing.since": "soon"}, {"standing.since"}),
    "words of tomorrow": ({"representative.kind": "the cat"}, {"representative.kind"}),
    "all at once": (
        {**MAILBOX, "address.basis": "x", "consent.basis": "y", "standing.kind": "z"},
        {"address.basis", "standing.kind", *(f"consent.{n}" for n in ("basis", "given_at", "documents", "stages"))},
    ),
}


@pytest.mark.parametrize("kind", WRONG)
async def test_every_fault_is_shown_at_its_field_and_nothing_is_lost(stage: Stage, kind: str) -> None:
    fields, wrong = WRONG[kind]
    delivery = await stage.delivery(person(), types=("summons",))
    before = (await stage.journal.delivery(delivery)).version
    page = await enter(stage, delivery, fields)
    assert page.status == 422
    tree = page.tree()
    assert {link[1:] for link in tree.xpath("//div[@role='alert']//a/@href")} == wrong
    for name in wrong:
        assert tree.xpath(f"//*[@id='{name}']"), name
        assert tree.xpath(f"//*[@id='fault-{name}']") or name == "part", name
    assert not page.says("请检查此项")
    again = page.form("/recipient")
    kept = {name: value for name, value in fields.items() if name in again and value.strip()}
    assert {name: again[name] for name in kept if name not in wrong} == {
        n: v for n, v in kept.items() if n not in wrong
    }
    assert (await stage.journal.delivery(delivery)).version == before


async def test_a_file_of_no_kind_that_we_take_is_refused(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    page = await enter(stage, delivery, AGENT, file=b"MZ a program")
    assert (page.status, page.says("请附上 PNG、JPEG 或 PDF 文件")) == (422, True)


async def test_a_form_without_its_token_and_another_court_change_nothing(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    before = (await stage.journal.delivery(delivery)).version
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await open_form(visitor, delivery)
        for token in ("", "0" * 32, "é"):
            assert (await send(visitor, page, AGENT | {"form": token})).status == 403
    async with Visitor(stage) as stranger:
        desk = await stranger.sign_in("other")
        assert (await stranger.get(f"/console/deliveries/{delivery}/recipient")).status == 404
        assert (await send(stranger, page, AGENT | {"form": desk.form("/sign-out")["form"]})).status == 404
    assert (await stage.journal.delivery(delivery)).version == before
    assert [look.what for look in await stage.journal.looks("632801")] == ["recipient"]
    assert await stage.journal.looks("632802") == []


async def test_news_that_would_move_a_date_waits_for_a_second_person(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    attempt = await stage.send(delivery, "a2")
    stage.clock.move(days=1)
    arrived = Fact(kind="arrived", at=stage.clock.now(), address="a2", key="dsn")
    await stage.raw_receipt(attempt, arrived, code="250", words="delivered")
    await stage.conclude(delivery)
    died = {"standing.kind": "deceased", "standing.since": "2025-09-15T08:00"}
    for _ in range(2):  # a double click
        page = await enter(stage, delivery, died, file=PICTURE)
    assert page.says("改变送达日期须他人确认")
    assert page.says("死亡 · 2025年9月15日 08:00")
    told = await stage.journal.delivery(delivery)
    assert (told.recipient.standing, len(told.proposals)) == (Standing(), 1)
    (task,) = told.tasks
    one = f"/console/deliveries/{delivery}/tasks/{task.id}"
    for name, standing in (("clerk", "normal"), ("judge", "deceased")):
        async with Visitor(stage) as visitor:
            await visitor.sign_in(name)
            page = await visitor.get(f"/console/deliveries/{delivery}")
            await visitor.post(one, page.form(f"/tasks/{task.id}") | {"decision": "confirm", "reason": "已核对"})
        assert (await stage.journal.delivery(delivery)).recipient.standing.kind == standing
    effect = document_effects(await stage.journal.delivery(delivery), book(), stage.clock.now())[0][1]
    assert effect.outcome is not Outcome.SERVED
    learnt = next(e for row in await stage.journal.load(delivery) if isinstance(e := row.event, events.RecipientLearnt))
    assert learnt.by == "clerk, judge"
    assert learnt.evidence is not None


async def test_the_form_reads_what_the_door_reads(stage: Stage) -> None:
    """The same words told over HTTP give the same news."""
    told = await stage.journal.delivery(await stage.delivery(person(), types=("summons",)))
    now = stage.clock.now()
    entered = read_form(told, {**CONSENT, **AGENT, "standing.kind": "soldier", "reason": "x"}, "clerk", now, COURT_ZONE)
    assert entered.news is not None
    assert entered.news.consent is not None
    assert entered.news.representative is not None
    at = "2025-09-16T09:00:00+08:00"
    consent = {"basis": "express", "documents": ["all"], "stages": ["all"], "given_at": at}
    body: dict[str, Any] = {
        "by": "clerk",
        "reason": "x",
        "consent": consent | {"id": entered.news.consent.id},
        "representative": {"id": entered.news.representative.id, "kind": "litigation_agent", "name": "周律师"},
        "standing": {"kind": "soldier"},
    }
    assert entered.news == read_news(body, told, now, NO_SCRIPTS)


async def test_two_clerks_at_once_never_overwrite_each_other(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    async with Visitor(stage) as one, Visitor(stage) as other:
        pages = []
        for visitor in (one, other):
            await visitor.sign_in()
            pages.append(await open_form(visitor, delivery))
        await send(one, pages[0], MAILBOX)
        await send(other, pages[1], MAILBOX | {"address.value": "else@mail.example"})
    values = [place.value for place in (await stage.journal.delivery(delivery)).recipient.addresses]
    assert values[3:] == ["wang.xin@mail.example", "else@mail.example"]


def test_every_field_and_word_of_the_form_has_its_name() -> None:
    text = Text("zh", console_words(), COURT_ZONE)
    for part in PARTS:
        for one in ASKED[part]:
            known = text.catalogue["news_field"]
            assert f"{part}_{one.name}" in known or one.name in known, one.name
            for word in one.words:
                assert word_of(part, one.name, word, text) != word, f"{part}.{one.name} = {word}"


async def test_the_english_form_is_complete(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    async with Visitor(stage, language="en") as visitor:
        await visitor.sign_in()
        page = await open_form(visitor, delivery, "?part=address")
        wrong = await send(visitor, page, MAILBOX | {"address.value": "nobody"})
    main = "".join(wrong.tree().xpath("//main//label//text() | //main//legend//text() | //main//h2//text()"))
    assert not any("一" <= sign <= "鿿" for sign in main)
    assert wrong.says("Please give one valid mailbox.")
