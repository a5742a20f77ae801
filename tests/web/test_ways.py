"""What a task lacks, what a person can do about it, and what they decide: on the list and on the delivery's page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from delivery.clock import COURT_ZONE
from delivery.core import events
from delivery.core.decide import OpenTask, next_step
from delivery.core.model import Address, Delivery, Fact, Recipient, Task
from delivery.core.routing import plan_route
from delivery.core.tasks import BY_PAGES, PERSON
from delivery.web.decisions import choices, open_to
from delivery.web.fact_methods import METHODS
from delivery.web.missing import missing
from delivery.web.pages import Text
from delivery.web.reasons import reasoned
from delivery.web.sessions import console_words
from delivery.web.ways import PAGES, WAYS, ways
from tests.core.world import book
from tests.journal.world import break_history
from tests.web.browsing import Page, Visitor
from tests.web.desk import letter
from tests.web.stage import Stage, person

ZH = Text("zh", console_words(), COURT_ZONE)
COURT = Address(id="e1", channel="entrusted", basis="none", value="邻近县人民法院")
NOTICE = Address(id="n1", channel="notice", basis="none", value="人民法院公告网")
KINDS = {*PERSON, *BY_PAGES, "entrust", "public_notice", "embargo", "at_risk", "in_doubt", "objection", "track_mail"}
KINDS |= {"unclear_receipt", "send_paper_copy", "step_failed", "put_off", "second_person"}


def only(*addresses: Address, **more: Any) -> Recipient:
    return person(addresses=addresses, **more)


async def asked(stage: Stage, who: Recipient, types: tuple[str, ...] = ("summons",)) -> tuple[str, Task]:
    """A delivery, and the task that the service opens next."""
    delivery, now = await stage.delivery(who, types=types), stage.clock.now()
    route = plan_route(await stage.journal.delivery(delivery), book(), now, channels=frozenset())
    await stage.tell(delivery, events.RoutePlanned(at=now, route=route))
    return delivery, await opened(stage, delivery)


async def opened(stage: Stage, delivery: str) -> Task:
    told = await stage.journal.delivery(delivery)
    step = next_step(told, book(), stage.clock.now(), inquirable=frozenset())
    assert isinstance(step, OpenTask), step
    await stage.tell(delivery, events.TaskOpened(at=stage.clock.now(), task=step.task))
    return step.task


async def handed_over(stage: Stage, delivery: str) -> None:
    fact = Fact(kind="handed_over", at=stage.clock.now(), address="e1", handed_to="court", key="h")
    await stage.tell(delivery, events.FactRecorded(at=stage.clock.now(), fact=fact, by="clerk"))


async def desk(stage: Stage, path: str, who: str = "clerk", language: str = "zh-CN") -> Page:
    async with Visitor(stage, language=language) as visitor:
        await visitor.sign_in(who)
        return await visitor.get(path)


async def decide(stage: Stage, delivery: str, task: Task, who: str = "clerk", **fields: str) -> None:
    async with Visitor(stage) as visitor:
        await visitor.sign_in(who)
        page = await visitor.get(f"/console/deliveries/{delivery}")
        await visitor.post(
            f"{page.path}/tasks/{task.id}", page.form(f"/tasks/{task.id}") | {"reason": "见笔录"} | fields
        )


def links(page: Page) -> dict[str, str]:
    return {a.text: a.get("href") for a in page.tree().xpath("//section[@id='tasks']//p[@class='buttons']/a")}


def offered(page: Page) -> list[str]:
    return list(page.tree().xpath("//select[@name='decision']/option/@value"))


# --- steps of the route that a person takes --------------------------------------------------------------------------


async def test_an_entrusted_service_is_recorded_or_given_up_and_never_waved_through(stage: Stage) -> None:
    delivery, task = await asked(stage, only(COURT))
    assert task.kind == "entrust"
    page = await desk(stage, f"/console/deliveries/{delivery}")
    assert offered(page) == ["give_up"]
    assert page.says("此方式未能送达，改用下一方式")
    found = links(page)
    assert list(found) == ["已委托其他法院", "受托法院送达并签收"]
    form = await desk(stage, found["受托法院送达并签收"])
    assert form.form("/entrusted_signed")["place"] == "e1|1"
    await decide(stage, delivery, task, decision="done")  # not offered
    assert len((await stage.journal.delivery(delivery)).tasks) == 1
    await handed_over(stage, delivery)
    assert offered(await desk(stage, f"/console/deliveries/{delivery}")) == ["give_up", "done"]
    await decide(stage, delivery, task, decision="give_up", reason="受托法院退函")
    ((closed, decision),) = (await stage.journal.delivery(delivery)).closed_tasks
    assert (closed.id, decision) == (task.id, "give_up")
    last = [row.event for row in await stage.journal.load(delivery)][-1]
    assert isinstance(last, events.TaskClosed)
    assert last.reason == "受托法院退函"


async def test_what_an_entrusted_service_lacks_depends_on_what_was_begun(stage: Stage) -> None:
    delivery, _ = await asked(stage, only(COURT))
    assert (await desk(stage, "/console/")).says("委托书和文书已交受托法院的记录。")
    await handed_over(stage, delivery)
    told = await desk(stage, "/console/")
    assert told.says("受托法院寄回的送达回证")
    assert not told.says("已交受托法院的记录")


async def test_a_public_notice_says_what_its_check_misses_and_leads_to_its_forms(stage: Stage) -> None:
    delivery, task = await asked(stage, only(NOTICE))
    assert task.kind == "public_notice"
    page = await desk(stage, f"/console/deliveries/{delivery}")
    lacking = page.tree().xpath("//div[@class='missing']//li/text()")
    assert "尚未登记“决定公告送达”。" in lacking
    assert "公告刊登的记录。" in lacking
    found = links(page)
    assert list(found) == ["公告稿与审查", "决定公告送达", "公告已刊登"]
    for name, path in found.items():
        assert (await desk(stage, path)).status == 200, name
    assert offered(page) == ["give_up"]


async def test_a_form_reached_from_a_task_records_its_fact(stage: Stage) -> None:
    home = Address(id="v1", channel="in_person", basis="confirmed", value="槐树街12号")
    delivery, task = await asked(stage, only(home))
    assert task.kind == "direct_service"
    found = links(await desk(stage, f"/console/deliveries/{delivery}"))
    form = await desk(stage, found["直接送达并签收"])
    assert form.form("/direct_signed")["place"] == "v1|1"


# --- the others ------------------------------------------------------------------------------------------------------


async def test_a_measure_that_is_done_says_so(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    task = replace(
        (await _open(stage, delivery, "embargo")), reason="withheld until the measure is done", owner="clerk"
    )
    page = await desk(stage, f"/console/deliveries/{delivery}")
    assert page.says("措施已完成，开始送达")
    assert page.says("措施已完成的确认：协助执行单位已经送达。")
    await decide(stage, delivery, task, decision="done", reason="银行已冻结，见回执")
    assert (await stage.journal.delivery(delivery)).closed_tasks[0][1] == "done"


@pytest.mark.parametrize(("language", "said"), [
    ("zh-CN", "开庭改期：新期日十月三十日"), ("en", "The hearing is postponed: 新期日十月三十日"),
])  # fmt: skip
async def test_what_is_decided_on_a_risk_is_on_record(stage: Stage, language: str, said: str) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    task = await _open(stage, delivery, "at_risk", owner="judge")
    async with Visitor(stage, language=language) as judge:
        await judge.sign_in("judge")
        page = await judge.get(f"/console/deliveries/{delivery}")
        assert offered(page) == ["done.postponed", "done.another_way", "done.accepted"]
        assert any("facts/direct_signed" in path for path in links(page).values())
        one, csrf = f"{page.path}/tasks/{task.id}", {"form": page.form(f"/tasks/{task.id}")["form"]}
        for wrong in ("done", "done.nonsense", "done.", "give_up"):
            await judge.post(one, csrf | {"decision": wrong, "reason": "x"})
        await judge.post(one, csrf | {"decision": "done.postponed", "reason": " "})
        assert len((await stage.journal.delivery(delivery)).tasks) == 1
        await judge.post(one, csrf | {"decision": "done.postponed", "reason": "新期日十月三十日"})
    last = [row.event for row in await stage.journal.load(delivery)][-1]
    assert isinstance(last, events.TaskClosed)
    assert (last.decision, last.reason, last.by) == ("done", said, "judge")


async def test_a_plain_decision_takes_no_meaning(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    task = await _open(stage, delivery, "address_lookup")
    await decide(stage, delivery, task, decision="done.postponed")
    assert len((await stage.journal.delivery(delivery)).tasks) == 1


@pytest.mark.parametrize(("kind", "part"), [
    ("ask_consent", "consent"), ("serve_guardian", "representative"), ("send_to_new_address", "address"),
])  # fmt: skip
async def test_news_of_the_recipient_is_entered_from_the_task(stage: Stage, kind: str, part: str) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    await _open(stage, delivery, kind)
    found = links(await desk(stage, f"/console/deliveries/{delivery}"))
    form = await desk(stage, next(path.partition("#")[0] for path in found.values() if "recipient?" in path))
    assert form.tree().xpath("//details[@open]/ancestor::section/@id") == [part]


async def test_whose_number_it_is_is_proved_on_that_number(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    attempt = await stage.send(delivery, "a1")
    await _open(stage, delivery, "prove_ownership", attempt=attempt.id)
    (path,) = links(await desk(stage, f"/console/deliveries/{delivery}")).values()
    form = await desk(stage, path.partition("#")[0])
    assert (form.form("/recipient")["address.id"], form.form("/recipient")["address.value"]) == ("a1", "13900000003")


# --- what is missing -------------------------------------------------------------------------------------------------


async def test_the_list_and_the_page_say_what_the_rules_lacked(stage: Stage) -> None:
    delivery, _ = await letter(stage)
    told = await stage.journal.delivery(delivery)
    (found,) = reasoned(told, book(), stage.clock.now(), ZH)
    await stage.open_task(delivery, "cure_evidence", found.effect.explanation)
    lacks = [near.lacks for near in found.lacking]
    assert any(says.startswith("签收人须为") for says in lacks)
    for path in ("/console/", f"/console/deliveries/{delivery}"):
        page = await desk(stage, path)
        for says in (*lacks, "寄回的回执或退件"):
            assert page.says(says), (path, says)


async def test_what_nobody_could_change_or_would_wish_for_is_not_called_missing(stage: Stage) -> None:
    read = await stage.delivery(person(), types=("summons",))
    await stage.read_by_self(read, await stage.send(read, "a1"))
    posted = await stage.delivery(person(), types=("summons",))
    await stage.send(posted, "a3")
    for delivery, rule in ((read, "R1.3"), (posted, "R2.4")):  # a consent withdrawn; a recipient under age
        told = await stage.journal.delivery(delivery)
        (found,) = reasoned(told, book(), stage.clock.now(), ZH)
        assert rule in {near.rule for near in found.nearly}
        assert rule not in {near.rule for near in found.lacking}
        assert bool(found.lacking) is (delivery == read)


async def test_a_task_of_another_ground_lacks_what_its_kind_says(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    task = await _open(stage, delivery, "step_failed")
    told = await stage.journal.delivery(delivery)
    found = reasoned(told, book(), stage.clock.now(), ZH)
    assert missing(told, task, found, book(), stage.clock.now(), ZH) == ["技术人员的处理。"]
    assert not list(ways(told, task, ZH))


async def test_the_english_list_says_it_in_english(stage: Stage) -> None:
    await asked(stage, only(COURT))
    page = await desk(stage, "/console/", language="en")
    assert page.says("A record that letter and documents went to the other court.")


async def test_a_record_that_cannot_be_read_leaves_the_list_standing(stage: Stage) -> None:
    broken, _ = await asked(stage, only(COURT))
    await asked(stage, only(NOTICE, name="赵敏"))
    await break_history(f"sqlite+aiosqlite:///{stage.folder / 'journal.sqlite'}", broken, seq=99)
    page = await desk(stage, "/console/")
    assert page.says("赵敏")
    assert page.says("公告刊登的记录。")
    assert not page.says("委托书和文书已交受托法院的记录。")


def test_every_kind_of_task_says_what_it_lacks_and_every_way_leads_somewhere() -> None:
    words = ZH.catalogue
    assert KINDS - set(words["missing"]) == set()
    assert set(WAYS) <= KINDS
    for name in {name for names in WAYS.values() for name in names}:
        assert name in METHODS or (name in PAGES and name in words["way"]), name
    assert {rung.task for rung in book().ladder if rung.task} <= set(WAYS)


async def _open(stage: Stage, delivery: str, kind: str, **more: object) -> Task:
    name = await stage.open_task(delivery, kind, "x", **more)
    told: Delivery = await stage.journal.delivery(delivery)
    task = next(task for task in told.tasks if task.id == name)
    assert open_to(told, task, "clerk") == choices(task)
    return task
