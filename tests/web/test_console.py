"""What a clerk meets, over HTTP: signing in, what needs a hand, deciding, looking, and the walls between courts."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest

from delivery.core import events
from delivery.core.model import Fact, Outcome
from delivery.journal.accounts import Clerk
from delivery.web.decisions import choices
from tests.web.browsing import Visitor
from tests.web.desk import letter, outcome, slip_form
from tests.web.stage import PASSWORD, Stage, company, person


async def _presumed(stage: Stage) -> tuple[str, str]:
    """A delivery that waits for a named person's confirmation, and the task."""
    delivery = await stage.delivery(person(), types=("summons",))
    await stage.read_by_self(delivery, await stage.send(delivery))
    task = await stage.open_task(delivery, "clerk_confirm", "read", proposal="presumed 2025-09-16")
    return delivery, task


async def _looks(stage: Stage, court: str = "632801") -> list[tuple[str, str]]:
    return [(look.clerk, look.what) for look in await stage.journal.looks(court)]


# --- signing in ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/console/", "/console", "/console/deliveries", "/console/looks", "/console/xyz"])
async def test_strangers_are_asked_to_sign_in(stage: Stage, path: str) -> None:
    async with Visitor(stage) as visitor:
        page = await visitor.get(path)
    assert page.path == "/console/sign-in"
    assert page.says("登录送达工作台")


async def test_a_clerk_signs_in_and_out(stage: Stage) -> None:
    async with Visitor(stage) as visitor:
        page = await visitor.sign_in()
        assert page.path == "/console/"
        assert page.says("没有待办")
        left = await visitor.send(page, "/sign-out")
        assert left.path == "/console/sign-in"
        assert (await visitor.get("/console/")).path == "/console/sign-in"


async def test_a_session_is_a_guarded_cookie_that_ends(stage: Stage) -> None:
    async with Visitor(stage) as visitor:
        page = await visitor.get("/console/sign-in")
        answer = await visitor.send(page, "/sign-in", name="clerk", password=PASSWORD, follow=False)
        cookie = answer.headers["Set-Cookie"]
        for part in ("songda_session=", "HttpOnly", "SameSite=Strict", "Path=/console", "Max-Age=28800"):
            assert part in cookie
        assert "expires" not in cookie.lower()
        stage.clock.move(hours=8)
        assert (await visitor.get("/console/")).path == "/console/sign-in"


@pytest.mark.parametrize(("name", "password"), [
    ("clerk", "wrong"), ("nobody", PASSWORD), ("", PASSWORD), ("clerk", ""), ("cl erk", PASSWORD), ("clerk", "x" * 300),
])  # fmt: skip
async def test_what_does_not_fit_gets_one_answer(stage: Stage, name: str, password: str) -> None:
    async with Visitor(stage) as visitor:
        page = await visitor.sign_in(name, password)
    assert page.status == 401
    assert page.says("账号或密码不正确")


async def test_guessing_a_password_is_slowed(stage: Stage) -> None:
    async with Visitor(stage) as guesser:
        for _ in range(5):
            assert (await guesser.sign_in("clerk", "wrong")).status == 401
        assert (await guesser.sign_in("clerk", PASSWORD)).status == 429
        assert (await guesser.sign_in("judge", PASSWORD)).path == "/console/"
    stage.clock.move(minutes=1, seconds=1)
    async with Visitor(stage) as visitor:
        assert (await visitor.sign_in("clerk", PASSWORD)).path == "/console/"


async def test_signing_in_needs_the_form_of_this_browser(stage: Stage) -> None:
    async with Visitor(stage) as one, Visitor(stage) as other:
        form = (await one.get("/console/sign-in")).form("/sign-in") | {"name": "clerk", "password": PASSWORD}
        assert (await other.post("/console/sign-in", form)).status == 403
        await other.get("/console/sign-in")
        assert (await other.post("/console/sign-in", form)).status == 403
        assert (await one.post("/console/sign-in", form)).path == "/console/"


async def test_an_account_whose_court_is_gone_opens_nothing(stage: Stage) -> None:
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        clerk = await stage.journal.clerk("clerk")
        assert clerk is not None
        await stage.journal.put_clerk(
            Clerk(name="clerk", court="999999", role="clerk", password_hash=clerk.password_hash)
        )
        assert (await visitor.get("/console/")).path == "/console/sign-in"


# --- tasks and lists -------------------------------------------------------------------------------------------------


async def test_tasks_come_first_and_late_ones_are_marked(stage: Stage) -> None:
    await _presumed(stage)
    stage.clock.move(days=1)
    other = await stage.delivery(company(), number="（2024）示0101民初9号")
    await stage.open_task(other, "judge_decision", "nobody home", owner="judge")
    async with Visitor(stage) as visitor:
        page = await visitor.sign_in()
        assert page.text.index("王小明") < page.text.index("青禾")  # by the time they are due
        assert page.says("推定送达 2025-09-16")
        assert page.says("法官")
        assert not page.says("已超期")
        stage.clock.move(days=1, minutes=1)
        late = await visitor.sign_in()
        assert late.text.count("已超期") == 1


@pytest.mark.parametrize(("query", "found"), [
    ("", {"王小明", "青禾"}),
    ("?case_number=（2024）示0101民初9号", {"青禾"}),
    ("?case_number=(2024)示0101民初9号", {"青禾"}),
    ("?party=小明", {"王小明"}),
    ("?party=%25", set()),
    ("?state=needs_person", {"王小明"}),
    ("?outcome=served", {"青禾"}),
    ("?state=withdrawn", set()),
    ("?state=nonsense&outcome=nonsense", set()),
])  # fmt: skip
async def test_deliveries_are_found(stage: Stage, query: str, found: set[str]) -> None:
    await _presumed(stage)
    other = await stage.delivery(company(), number="（2024）示0101民初9号")
    attempt = await stage.send(other, "a2")
    arrived = Fact(kind="arrived", at=stage.clock.now(), address="a2", key="dsn")
    await stage.raw_receipt(attempt, arrived, code="250", words="delivered")
    await stage.conclude(other)
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries{query}")
    rows = "".join(page.tree().xpath("//tbody//text()"))
    assert {name for name in ("王小明", "青禾") if name in rows} == found


async def test_a_long_list_has_pages(stage: Stage) -> None:
    for number in range(53):
        await stage.delivery(person(f"王{number:02d}"), types=("summons",))
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        first = await visitor.get("/console/deliveries?party=王")
        second = await visitor.get(first.tree().xpath("//main/p/a/@href")[-1])
    seen = [len(page.tree().xpath("//tbody/tr")) for page in (first, second)]
    assert seen == [50, 3]
    assert second.says("王00")


# --- one delivery ----------------------------------------------------------------------------------------------------


async def test_the_timeline_has_three_times_the_reason_and_the_providers_words(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    attempt = await stage.send(delivery, "a2")
    stage.clock.move(hours=15)
    arrived = Fact(kind="arrived", at=stage.clock.now(), address="a2", key="dsn")
    stage.clock.move(minutes=40)
    await stage.raw_receipt(attempt, arrived, code="250", words="<script>alert(1)</script>")
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}")
        times = page.tree().xpath("//li[h3='收到回执']//p[@class='times']//b/text()")
        assert times == ["2025年9月17日 00:30", "2025年9月17日 01:10", "2025年9月17日"]
        assert page.says("OLR 31(1)")
        assert page.says("信息已到达受送达人提供或确认的地址所属系统")
        assert "<script>alert" not in page.text
        raw = await visitor.get(page.tree().xpath("//a[text()='承运方原文']/@href")[0])
    assert raw.says("opDesc")
    assert raw.says("signature")
    assert "<script>alert" not in raw.text
    assert "<script>alert" in raw.tree().text_content()


async def test_files_are_handed_out_and_every_look_is_on_record(stage: Stage) -> None:
    delivery, _ = await letter(stage)
    told = await stage.journal.delivery(delivery)
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        one = f"/console/deliveries/{delivery}"
        page = await visitor.get(one)
        sealed = await visitor.get(f"{one}/documents/d1/sealed.pdf")
        original = await visitor.get(f"{one}/documents/d1/original.pdf")
        await visitor.get(page.tree().xpath("//a[text()='承运方原文']/@href")[0])
        await stage.conclude(delivery)
        proof = await visitor.get(f"{one}/proofs/1.pdf")
        for missing in (
            "/proofs/2.pdf",
            "/proofs/0.pdf",
            "/documents/d9/sealed.pdf",
            "/receipts/x",
            f"/evidence/{'0' * 64}",
        ):
            assert (await visitor.get(one + missing)).status == 404
        audit = await visitor.get("/console/looks")
    assert sealed.content == await stage.files.get(dict(told.sealed)["d1"])
    assert original.content == await stage.files.get(told.documents[0].sha256)
    assert proof.content.startswith(b"%PDF")
    whats = [what for _, what in await _looks(stage)][::-1]
    receipt = told.receipts[0].raw
    assert whats == ["delivery", "document d1", "original d1", f"receipt {receipt}", "proof 1"]
    assert audit.says("承运方原文")
    assert audit.says(delivery)


async def test_a_changed_file_is_not_handed_out(stage: Stage) -> None:
    delivery, _ = await letter(stage)
    digest = dict((await stage.journal.delivery(delivery)).sealed)["d1"]
    (stage.folder / "documents" / digest[:2] / digest[2:]).write_bytes(b"something else")
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}/documents/d1/sealed.pdf")
    assert page.status == 503
    assert page.says("与其摘要不符")


async def test_another_court_sees_nothing(stage: Stage) -> None:
    delivery, _ = await letter(stage)
    task = await stage.open_task(delivery, "cure_evidence", "who signed?")
    told = await stage.journal.delivery(delivery)
    one = f"/console/deliveries/{delivery}"
    paths = ["", "/slip", "/documents/d1/sealed.pdf", "/documents/d1/original.pdf", "/proofs/1.pdf"]
    paths += [f"/receipts/{told.receipts[0].raw}", f"/evidence/{told.documents[0].sha256}"]
    async with Visitor(stage) as stranger:
        desk = await stranger.sign_in("other")
        csrf = desk.form("/sign-out")["form"]
        pages = [await stranger.get(one + path) for path in paths]
        absent = await stranger.get("/console/deliveries/none")
        assert {page.status for page in pages} == {404}
        assert {page.tree().xpath("string(//main)") for page in pages} == {absent.tree().xpath("string(//main)")}
        decided = {"form": csrf, "decision": "done", "reason": "mine"}
        assert (await stranger.post(f"{one}/tasks/{task}", decided)).status == 404
        assert (await stranger.post(f"{one}/slip", slip_form(csrf, relation="self"))).status == 404
        assert (await stranger.get("/console/deliveries")).says("没有符合条件")
        assert desk.says("没有待办")
        assert (await stranger.get("/console/looks")).says("还没有记录")
    assert (await stage.journal.delivery(delivery)).version == told.version
    assert await _looks(stage) == []


# --- deciding --------------------------------------------------------------------------------------------------------


async def test_a_confirmation_is_a_fact_with_a_name_and_a_reason(stage: Stage) -> None:
    delivery, task = await _presumed(stage)
    assert await outcome(stage, delivery) == (Outcome.PRESUMED, "clerk_confirm")
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}")
        fields = page.form(f"/tasks/{task}") | {"decision": "confirm", "reason": "电话核实"}
        for _ in range(2):
            after = await visitor.post(f"/console/deliveries/{delivery}/tasks/{task}", fields)
    assert after.says("工作人员确认")
    assert await stage.facts(delivery) == ["read", "official_confirmation"]
    recorded, closed = [row.event for row in await stage.journal.load(delivery)][-2:]
    assert isinstance(recorded, events.FactRecorded)
    assert isinstance(closed, events.TaskClosed)
    assert (recorded.fact.decided_by, recorded.by, recorded.reason) == ("clerk", "clerk", "电话核实")
    assert (closed.decision, closed.by, closed.reason) == ("confirm", "clerk", "电话核实")
    assert await outcome(stage, delivery) == (Outcome.PRESUMED, None)


@pytest.mark.parametrize("fields", [
    {"decision": "confirm", "reason": "  "},
    {"decision": "give_up", "reason": "x"},
    {"decision": "", "reason": "x"},
    {},
])  # fmt: skip
async def test_no_reason_or_no_fitting_decision_decides_nothing(stage: Stage, fields: dict[str, str]) -> None:
    delivery, task = await _presumed(stage)
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}")
        csrf = {"form": page.form(f"/tasks/{task}")["form"]}
        await visitor.post(f"/console/deliveries/{delivery}/tasks/{task}", csrf | fields)
    assert len((await stage.journal.delivery(delivery)).tasks) == 1


async def test_a_form_without_its_token_is_refused(stage: Stage) -> None:
    delivery, task = await _presumed(stage)
    posted, _ = await letter(stage)
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        for token in ({}, {"form": "0" * 32}, {"form": "é"}):
            fields = {"decision": "confirm", "reason": "x", **token}
            assert (await visitor.post(f"/console/deliveries/{delivery}/tasks/{task}", fields)).status == 403
        assert (await visitor.post("/console/sign-out")).status == 403
        assert (await visitor.post(f"/console/deliveries/{posted}/slip", slip_form("0" * 32))).status == 403
        assert (await visitor.post(f"/console/deliveries/{posted}/slip", {"form": "x"})).status == 403
    assert await stage.facts(delivery) == ["read"]
    assert await stage.facts(posted) == []


async def test_what_is_a_judges_is_left_to_the_judge(stage: Stage) -> None:
    delivery, link = await _objected(stage)
    task = await stage.open_task(
        delivery, "objection", "address not used", owner="judge", id=f"{delivery}.objection.{link}.1"
    )
    one = f"/console/deliveries/{delivery}"
    async with Visitor(stage) as clerk:
        desk = await clerk.sign_in()
        page = await clerk.get(one)
        assert page.says("这项待办由法官负责")
        fields = {"form": desk.form("/sign-out")["form"], "decision": "confirm", "reason": "x"}
        assert (await clerk.post(f"{one}/tasks/{task}", fields)).status == 403
    async with Visitor(stage) as judge:
        await judge.sign_in("judge")
        page = await judge.get(one)
        assert page.says("异议成立")
        await judge.send(page, f"/tasks/{quote(task)}", decision="confirm", reason="号码已停用")
    annulled = (await stage.journal.delivery(delivery)).facts[-1]
    assert (annulled.kind, annulled.address, annulled.attempt) == ("annulled", "a1", 1)
    assert (annulled.reason, annulled.decided_by) == ("address_not_used", "judge")
    assert (await outcome(stage, delivery))[0] is Outcome.NOT_SERVED


async def _objected(stage: Stage) -> tuple[str, str]:
    delivery, task = await _presumed(stage)
    await stage.tell(delivery, events.TaskClosed(at=stage.clock.now(), task=task, decision="done", by="x", reason="x"))
    key = f"page:{delivery}.a1.1:objection"
    fact = Fact(kind="objection", at=stage.clock.now(), address="a1", key=key, claim="address_not_used")
    await stage.tell(delivery, events.FactRecorded(at=stage.clock.now(), fact=fact, by="recipient"))
    return delivery, key


async def test_a_doubt_ends_with_sending_again(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    attempt = await stage.send(delivery)
    doubted = events.AttemptDoubted(at=stage.clock.now(), attempt=attempt.id, ask_at=stage.clock.now())
    await stage.tell(delivery, doubted)
    task = await stage.open_task(delivery, "in_doubt", "lost", proposal="send_again", attempt=attempt.id)
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}")
        assert page.form(f"/tasks/{task}")["decision"] == "send_again"  # the proposal comes first
        await visitor.send(page, f"/tasks/{task}", reason="运营方查无记录")
    told = await stage.journal.delivery(delivery)
    assert [answer.answer for answer in told.attempts] == ["given_up"]
    assert told.closed_tasks[0][1] == "send_again"


async def test_a_clerk_who_serves_again_has_the_last_one_sent_again(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    attempt = await stage.send(delivery)
    task = await stage.open_task(delivery, "serve_again", "open", proposal="serve_again", attempt=attempt.id)
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}")
        await visitor.send(page, f"/tasks/{task}", decision="send_again", reason="地址已核实")
    told = await stage.journal.delivery(delivery)
    ((closed, decision),) = told.closed_tasks
    assert decision == "send_again"
    assert choices(closed) == ("done", "send_again")
    assert choices(replace(closed, attempt=None)) == ("done",)  # nothing was ever sent


async def test_paper_that_was_handed_over_is_a_fact(stage: Stage) -> None:
    delivery, _ = await _presumed(stage)
    task = await stage.open_task(delivery, "send_paper_copy", "paper", id=f"{delivery}.send_paper_copy.x.1")
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}")
        await visitor.send(page, f"/tasks/{task}", reason="当面交付")
    assert "paper_handed_over" in await stage.facts(delivery)


async def test_english_pages_have_no_gap(stage: Stage) -> None:
    delivery, _ = await letter(stage)
    async with Visitor(stage, language="en") as visitor:
        page = await visitor.sign_in()
        assert page.says("Nothing is waiting.")
        for path in ("", "deliveries", "looks", f"deliveries/{delivery}", f"deliveries/{delivery}/slip"):
            page = await visitor.get(f"/console/{path}")
            assert (page.status, page.tree().get("lang")) == (200, "en")
            assert page.headers["Cache-Control"] == "no-store"
            assert page.headers["Content-Security-Policy"].startswith("default-src 'none';")
