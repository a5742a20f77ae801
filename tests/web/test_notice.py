"""Public notice: the draft says what it must, the precheck says what is missing, the clock counts to the last day."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from aiohttp import FormData

from delivery.clock import COURT_ZONE
from delivery.core.events import FactRecorded, RecipientLearnt
from delivery.core.model import Address, Fact
from delivery.web.notice import check, clocks, contents
from tests.core.world import book
from tests.web.browsing import Visitor
from tests.web.papers import PICTURE
from tests.web.stage import Stage, person

BOARD = Address(id="n1", channel="notice", basis="none", value="人民法院公告网")
GONE = replace(person(), addresses=())


async def published(stage: Stage, *days: str, says: tuple[str, ...] = (), types: tuple[str, ...] = ("summons",)) -> str:
    """A notice that was ordered in form, and published on those days."""
    delivery = await stage.delivery(GONE, types=types)
    facts = [
        Fact(
            kind="notice_ordered",
            at=stage.clock.now() - timedelta(hours=1),
            address="n1",
            key="ordered",
            reason="whereabouts_unknown",
            steps_on_file=("mail", "direct"),
            file_note=True,
        )
    ]
    for day in days:
        at = datetime.fromisoformat(f"{day}T10:00").replace(tzinfo=COURT_ZONE)
        facts.append(Fact(kind="published", at=at, address="n1", key=day, medium="network", contents=says))
    await stage.tell(delivery, RecipientLearnt(at=stage.clock.now(), by="clerk", addresses=(BOARD,)))
    await stage.tell(delivery, *(FactRecorded(at=stage.clock.now(), fact=fact, by="clerk") for fact in facts))
    return delivery


SUMMONS = ("reason", "time", "place", "consequence")


async def test_the_draft_says_what_the_rulebook_wants(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons", "complaint_copy"))
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}/notice")
    paper = "".join(page.tree().xpath("//div[@class='paper']//text()"))
    for words in (
        "示范市人民法院公告",
        "王小明：",
        "（2024）示0101民初123号",
        "《传票》、《民事起诉状副本》",
        "第九十五条",
        "经过30日即视为送达",
        "2025年10月26日 09:30",
        "公告期满后的15日内",
        "拒不到庭",
        "起诉要点",
    ):
        assert words in paper, words
    assert page.says("须载明")


async def test_abroad_the_draft_has_the_other_article_and_length(stage: Stage) -> None:
    delivery = await stage.delivery(person(domicile="foreign"), types=("judgment",))
    async with Visitor(stage, language="en") as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}/notice")
    paper = "".join(page.tree().xpath("//div[@class='paper']//text()"))
    assert "第二百八十三条第二款" in paper
    assert "经过60日" in paper
    assert "公告期满后30日内" in paper
    assert page.says("60 days after publication")


async def test_the_precheck_says_what_is_missing(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    told = await stage.journal.delivery(delivery)
    found = check(told, book(), stage.clock.now())
    assert found.missing == ("untried", "steps", "order")
    assert [address.id for address in found.untried] == ["a2", "a3"]  # a1 was not given by the recipient
    attempt = await stage.send(delivery, "a3")
    back = Fact(kind="returned", at=stage.clock.now(), address="a3", key="r", reason="nobody_home")
    await stage.raw_receipt(attempt, back, code="711", words="nobody home")
    found = check(await stage.journal.delivery(delivery), book(), stage.clock.now())
    assert [address.id for address in found.untried] == ["a2"]
    assert found.steps == {"mail": date(2025, 9, 16), "e_service": None, "direct": None, "phone": None}
    assert found.missing == ("untried", "order")


async def test_an_address_that_may_not_be_used_is_not_waited_for(stage: Stage) -> None:
    delivery = await stage.delivery(person(consents=()), types=("judgment",))
    found = check(await stage.journal.delivery(delivery), book(), stage.clock.now())
    assert [address.channel for address in found.untried] == ["post"]  # no consent to e-service of a judgment


async def test_an_order_in_form_lacks_nothing_and_one_without_a_note_does(stage: Stage) -> None:
    delivery = await published(stage)
    told = await stage.journal.delivery(delivery)
    assert check(told, book(), stage.clock.now()).ready
    bare = replace(told, facts=tuple(replace(fact, file_note=False, steps_on_file=()) for fact in told.facts))
    assert check(bare, book(), stage.clock.now()).missing == ("steps", "steps_on_file", "file_note")


@pytest.mark.parametrize(("procedure", "types", "grounds"), [
    ("simplified", ("summons",), ("CPLI 140",)),
    ("small_claims", ("summons",), ("CPL 166(4)",)),
    ("ordinary", ("detention_summons",), ("CPLI 175",)),
])  # fmt: skip
async def test_where_a_notice_is_forbidden_it_says_so(
    stage: Stage, procedure: str, types: tuple[str, ...], grounds: tuple[str, ...]
) -> None:
    told = await stage.journal.delivery(await published(stage))
    document = replace(told.documents[0], type=types[0])
    asked = replace(told, case=replace(told.case, procedure=procedure), documents=(document,))
    found = check(asked, book(), stage.clock.now())
    assert found.missing == ("forbidden",)
    assert [one.effect.grounds for one in found.forbidden] == [grounds]


async def test_the_clock_runs_from_the_last_publication(stage: Stage) -> None:
    delivery = await published(stage, "2025-09-17", "2025-09-19", says=SUMMONS)
    stage.clock.move(days=20)  # 6 October
    told = await stage.journal.delivery(delivery)
    (clock,) = clocks(told, book(), stage.clock.now())
    # 30 days after 19 September is Sunday 19 October: the Monday after it (K17)
    assert (clock.last_publication, clock.last_day, clock.days_left) == (date(2025, 9, 19), date(2025, 10, 20), 14)
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}/notice")
    assert page.says("2025年10月20日")
    assert page.says("14 日")
    assert page.says("条件齐备")


async def test_what_a_publication_left_out_is_named(stage: Stage) -> None:
    delivery = await published(stage, "2025-09-16", says=("reason", "time"))
    stage.clock.move(days=1)
    (clock,) = clocks(await stage.journal.delivery(delivery), book(), stage.clock.now())
    assert clock.lacking == ("place", "consequence")
    assert clock.effect.next == "fix_notice"


async def test_a_notice_from_order_to_publication_in_the_console(stage: Stage) -> None:
    delivery = await stage.delivery(GONE, types=("summons",))
    ordered = {"notice_ordered.reason": "whereabouts_unknown", "notice_ordered.file_note": "yes"}
    ordered |= {"notice_ordered.steps_on_file.mail": "yes", "place": "new", "value": "人民法院公告网"}
    said = {f"published.contents.{name}": "yes" for name in SUMMONS} | {"published.medium": "network"}
    steps = (("notice_ordered", "2025-09-16T08:00", ordered), ("published", "2025-09-16T09:00", said))
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        for method, at, fields in steps:
            page = await visitor.get(f"/console/deliveries/{delivery}/facts/{method}")
            place = {"place": "desk-1|1"} if method == "published" else {}
            sent = FormData({**page.form(f"/{method}"), "at": at, "reason": "卷宗", **fields, **place})
            sent.add_field("evidence", io.BytesIO(PICTURE), filename="x.png", content_type="image/png")
            assert (await visitor.post(page.path, sent)).status == 200
        page = await visitor.get(f"/console/deliveries/{delivery}/notice")
    assert page.says("条件齐备")
    assert page.says("公告期未满")
    assert page.says("2025年10月16日")
    assert page.says("因你下落不明")


async def test_contents_follow_the_order_of_the_text(stage: Stage) -> None:
    told = await stage.journal.delivery(await stage.delivery(GONE, types=("judgment",)))
    assert contents(told.documents[0], book()) == ("reason", "gist", "appeal_right", "appeal_period", "court")


async def test_another_court_sees_no_notice(stage: Stage) -> None:
    delivery = await stage.delivery(person())
    async with Visitor(stage) as stranger:
        await stranger.sign_in("other")
        assert (await stranger.get(f"/console/deliveries/{delivery}/notice")).status == 404
