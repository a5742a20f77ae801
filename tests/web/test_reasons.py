"""Why: the page of a delivery says date, ground, facts, what other rules lacked, deadlines, and who knew what when."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from delivery.clock import COURT_ZONE
from delivery.core import events
from delivery.core.model import Fact, Outcome, Person
from delivery.web.pages import Language, Text
from delivery.web.reasons import about, reasoned, value_words
from delivery.web.sayings import task_reason
from delivery.web.sessions import console_words
from delivery.web.timeline import changes, steps, timeline
from tests.core.world import book
from tests.web.browsing import Visitor
from tests.web.desk import letter
from tests.web.stage import Stage, person

ZH, EN = (Text(language, console_words()) for language in ("zh", "en"))


async def arrived(stage: Stage, types: tuple[str, ...] = ("judgment",)) -> str:
    """Served on arrival on the 17th, and concluded."""
    delivery = await stage.delivery(person(), types=types)
    attempt = await stage.send(delivery, "a2")
    stage.clock.move(days=1)
    fact = Fact(kind="arrived", at=stage.clock.now(), address="a2", key="dsn")
    await stage.raw_receipt(attempt, fact, code="250", words="delivered")
    await stage.conclude(delivery)
    return delivery


async def test_the_reasons_of_a_judgment_that_arrived(stage: Stage) -> None:
    delivery = await arrived(stage)
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}")
    effect = " ".join("".join(page.tree().xpath("//section[@aria-labelledby='effect-title']//text()")).split())
    for words in ("2025年9月17日", "OLR 31(1)", "已依法送达", "由此起算的期限", "判决上诉期", "到达", "信息已到达"):
        assert words in effect, words
    assert "送达日期的变更" not in effect


async def test_deadlines_are_named_in_both_languages_with_their_last_day(stage: Stage) -> None:
    told = await stage.journal.delivery(await arrived(stage))
    ((found,),) = (reasoned(told, book(), stage.clock.now(), EN),)
    appeal = next(one for one in found.effect.deadlines if one.period == "APPEAL_JUDGMENT")
    assert appeal.last_day == date(2025, 10, 9)  # 2 October lies in the holidays
    assert appeal.name
    assert appeal.name_zh


async def test_documents_that_share_an_effect_stand_together(stage: Stage) -> None:
    told = await stage.journal.delivery(await stage.delivery(person(), types=("summons", "complaint_copy")))
    ((found,),) = (reasoned(told, book(), stage.clock.now(), ZH),)
    assert found.documents == ("d1", "d2")
    assert found.effect.outcome is Outcome.PENDING


@pytest.mark.parametrize(("language", "lacks"), [("zh", "还缺：已阅读"), ("en", "Lacking: it was read")])
async def test_what_was_nearly_met_says_what_it_lacked(stage: Stage, language: Language, lacks: str) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    await stage.send(delivery)
    told = await stage.journal.delivery(delivery)
    (found,) = reasoned(told, book(), stage.clock.now(), Text(language, console_words()))
    said = [near.lacks for near in found.nearly]
    assert lacks in said, said
    assert all(near.says for near in found.nearly)


async def test_a_task_shows_its_ground_and_what_is_missing(stage: Stage) -> None:
    delivery, _ = await letter(stage)
    told = await stage.journal.delivery(delivery)
    (found,) = reasoned(told, book(), stage.clock.now(), ZH)
    await stage.open_task(delivery, "cure_evidence", found.effect.explanation)
    (task,) = (await stage.journal.delivery(delivery)).tasks
    assert about(task, [found]) is found
    assert about(replace(task, reason="something else"), [found]) is None
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}")
    task_box = "".join(page.tree().xpath("//section[@id='tasks']//text()"))
    assert found.effect.grounds[0] in task_box
    assert "欠缺" in task_box
    assert found.nearly[0].lacks in task_box


async def test_a_date_that_moved_is_told_with_who_knew_what_when(stage: Stage) -> None:
    delivery = await arrived(stage, ("summons",))
    stage.clock.move(days=3)
    proved = datetime(2025, 9, 19, 8, 0, tzinfo=COURT_ZONE)
    fact = Fact(
        kind="arrival_proved", at=stage.clock.now(), address="a2", key="p", proved_at=proved, proof="provider_log"
    )
    await stage.tell(delivery, events.FactRecorded(at=stage.clock.now(), fact=fact, by="clerk, judge"))
    taken = steps(await stage.journal.load(delivery), book())
    first, second = changes(taken, "d1", ZH)
    assert (first.effect.effective_date, second.effect.effective_date) == (date(2025, 9, 17), date(2025, 9, 19))
    assert (first.by, second.by) == ("", "clerk, judge")
    assert (first.tag, second.tag) == ("到达", "证明到达时间")
    assert second.recorded_at == stage.clock.now()
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}")
    told = " ".join("".join(page.tree().xpath("//ol[contains(@class, 'history')]//text()")).split())
    for words in ("2025年9月17日", "2025年9月19日", "clerk, judge", "2025年9月20日 09:30 获知"):
        assert words in told, words


async def test_a_person_and_a_list_are_told_in_words(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    who = Person(relation="spouse", adult=True, cohabiting=True, name="赵敏")
    fact = Fact(kind="signed", at=stage.clock.now(), address="a3", key="s", by=who, id_on_receipt=True)
    await stage.tell(delivery, events.FactRecorded(at=stage.clock.now(), fact=fact, by="clerk"))
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}")
    assert page.says("配偶 赵敏，已成年，与受送达人同住")


def test_words_for_values() -> None:
    assert value_words("address_class", "deemed", ZH) == "视为送达地址"
    assert value_words("outcome", "deemed", ZH) == "视为送达"
    assert value_words("court", "ordinary", ZH) == "普通法院"
    assert value_words("procedure", "ordinary", EN) == "ordinary"
    assert value_words("signer", "a word of tomorrow", EN) == "a word of tomorrow"


async def test_why_nothing_was_sealed_is_told_to_the_clerk(stage: Stage) -> None:
    """What people can mend is said in words; another fault by its name, for the operators."""
    delivery = await stage.delivery(person())
    now = stage.clock.now()
    for fault in ("NoSealEnabled", "KeyError"):
        await stage.tell(delivery, events.StepFailed(at=now, step="Seal", fault=fault))
    for text, words in ((ZH, "须由两人"), (EN, "two people, one of them a judge")):
        first, second = timeline(steps(await stage.journal.load(delivery), book()), book(), text)[-2:]
        assert words in str(first)
        assert "Seal: KeyError" in str(second)
    reason = "a fault of the service: 8 times in a row the next step failed (Seal: KeyRefused)"
    assert "请通知运维人员" in task_reason("step_failed", reason, book(), ZH)[0]
    assert task_reason("objection", reason, book(), EN) == (reason, "")
