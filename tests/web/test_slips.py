"""The slip of a letter, entered by a clerk: it completes what the carrier reported, or is given back."""

from __future__ import annotations

import pytest

from delivery.core.model import Outcome, Person
from delivery.core.standing import standing_facts
from tests.web.browsing import Page, Visitor
from tests.web.desk import letter, outcome, slip_form
from tests.web.papers import PICTURE
from tests.web.stage import Stage, person


async def _open_form(visitor: Visitor, delivery: str) -> tuple[str, str, Page]:
    """The address of the form, its CSRF token, and the page."""
    page = await visitor.get(f"/console/deliveries/{delivery}/slip")
    return f"/console/deliveries/{delivery}/slip", page.form("/slip")["form"], page


async def test_a_slip_completes_what_the_carrier_reported(stage: Stage) -> None:
    delivery, reported = await letter(stage)
    assert (await outcome(stage, delivery))[0] is Outcome.REVIEW
    stage.clock.move(days=1)
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        path, csrf, page = await _open_form(visitor, delivery)
        completes = page.form("/slip")["completes"]
        said = {
            "relation": "spouse",
            "adult": "yes",
            "cohabiting": "yes",
            "id_on_receipt": "yes",
            "relation_on_receipt": "yes",
        }
        for _ in range(2):
            after = await visitor.post(path, slip_form(csrf, completes=completes, name="赵敏", **said))
        assert after.path == f"/console/deliveries/{delivery}"
        evidence = await visitor.get(after.tree().xpath("//a[text()='证据文件']/@href")[0])
    assert evidence.content == PICTURE
    assert evidence.headers["Content-Type"] == "image/png"
    told = await stage.journal.delivery(delivery)
    assert len(told.facts) == 1
    fact = told.facts[0]
    assert (fact.kind, fact.at, fact.address, fact.attempt) == ("signed", reported.at, "a3", 1)
    assert fact.by == Person(relation="spouse", adult=True, cohabiting=True, name="赵敏")
    whole = [one for one in standing_facts(told) if one.kind == "signed"]
    assert len(whole) == 1
    assert await outcome(stage, delivery) == (Outcome.SERVED, None)


async def test_a_return_is_entered_where_the_carrier_reported_none(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    attempt = await stage.send(delivery, "a3")
    said = {"kind": "returned", "at": "2025-09-20T15:00", "attempt": attempt.id, "return_reason": "moved"}
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        path, csrf, _ = await _open_form(visitor, delivery)
        await visitor.post(path, slip_form(csrf, noted_on="2025-09-19", court_received_on="2025-09-22", **said))
    fact = (await stage.journal.delivery(delivery)).facts[0]
    assert (fact.kind, fact.reason, fact.at.isoformat()) == ("returned", "moved", "2025-09-20T15:00:00+08:00")
    assert (str(fact.noted_on), str(fact.court_received_on), fact.by) == ("2025-09-19", "2025-09-22", None)


@pytest.mark.parametrize(("file", "fields", "fault"), [
    (b"", {"relation": "self"}, "请附上"),
    (b"MZ\x90 a program", {"relation": "self"}, "请附上"),
    (PICTURE, {"relation": ""}, "请选择与受送达人的关系"),
    (PICTURE, {"relation": "the cat"}, "请选择与受送达人的关系"),
    (PICTURE, {"relation": "self", "reason": " "}, "请填写登记说明"),
    (PICTURE, {"relation": "self", "completes": "", "kind": "signed", "at": "yesterday"}, "请填写有效的时间"),
    (PICTURE, {"relation": "self", "completes": "none", "kind": "eaten"}, "请选择要补全的回执"),
])  # fmt: skip
async def test_a_faulty_slip_is_given_back(stage: Stage, file: bytes, fields: dict[str, str], fault: str) -> None:
    delivery, _ = await letter(stage)
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        path, csrf, page = await _open_form(visitor, delivery)
        sent = slip_form(csrf, file, **({"completes": page.form("/slip")["completes"]} | fields))
        answer = await visitor.post(path, sent)
    assert answer.status == 422
    assert answer.says(fault)
    assert await stage.facts(delivery) == []


async def test_a_picture_that_is_too_large_is_given_back(stage: Stage) -> None:
    delivery, _ = await letter(stage)
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        path, csrf, _ = await _open_form(visitor, delivery)
        answer = await visitor.post(path, slip_form(csrf, PICTURE + bytes(10 * 1024 * 1024), relation="self"))
    assert answer.status == 422
    assert answer.says("请附上")


async def test_a_delivery_without_a_letter_has_no_slip(stage: Stage) -> None:
    delivery = await stage.delivery(person())
    await stage.send(delivery)
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        assert (await visitor.get(f"/console/deliveries/{delivery}/slip")).status == 404
