"""What a recipient meets, over HTTP: and with them scanners, guessers, forgers, double clicks and prying eyes."""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from delivery.core import events
from delivery.core.model import Representative
from signing.links import check_code, link_id
from tests.web.browsing import Page, Visitor
from tests.web.stage import CREDIT_CODE, ID_NUMBER, KEY, LAST6, Stage, company, person
from tests.web.visits import WRONG, link_out, task_kinds


async def test_looking_is_not_reading(stage: Stage) -> None:
    delivery, link = await link_out(stage)
    before = (await stage.journal.delivery(delivery)).version
    async with Visitor(stage) as scanner:
        for _ in range(50):
            assert (await scanner.get(link)).status == 200
            assert (await scanner.get(link, method="HEAD")).status == 200
        for path in ("/documents", "/documents/d1", "/documents/d1.pdf", "/documents/d1/pages/1.png", "/receipt"):
            assert (await scanner.get(link + path)).path == link  # led back to the landing page
        assert (await scanner.get(link + "/identify")).status == 404
    assert (await stage.journal.delivery(delivery)).version == before


async def test_the_landing_page_names_nobody_and_shows_the_code_of_the_text(stage: Stage) -> None:
    delivery, link = await link_out(stage)
    attempt = (await stage.journal.delivery(delivery)).attempts[0]
    async with Visitor(stage) as visitor:
        page = await visitor.get(link)
    assert page.says("示范市人民法院")
    assert page.says(check_code(KEY, link_id(KEY, attempt.id)))
    assert page.says("12368")
    for secret in ("王小明", "民初123号", "传票", "起诉状", "13900000003", ID_NUMBER, delivery):
        assert not page.says(secret), secret


@pytest.mark.parametrize("path", ["", "/documents", "/identify", "/documents/d1.pdf", "/renew", "/sign", "/anything"])
async def test_a_token_that_is_not_ours_meets_one_and_the_same_page(stage: Stage, path: str) -> None:
    _, link = await link_out(stage)
    forged = link[:-1] + ("A" if link[-1] != "A" else "B")
    strange = [forged, "/d/" + "A" * 24, "/d/x", "/d/" + "%00" * 8, "/d/" + "é" * 24, "/d/" + "A" * 500]
    async with Visitor(stage) as visitor:
        pages = [await visitor.get(token + path) for token in strange]
        if path in ("/identify", "/renew", "/sign"):
            pages += [await visitor.post(token + path, {"last6": LAST6}) for token in strange]
    assert {page.status for page in pages} == {404}
    assert len({page.text for page in pages}) == 1
    assert len({tuple(sorted((k, v) for k, v in p.headers.items() if k != "Date")) for p in pages}) == 1


async def test_a_link_of_another_key_or_another_expiry_does_not_open(stage: Stage) -> None:
    """What the journal knows of the link is signed: changing it there does not help either."""
    delivery, link = await link_out(stage)
    other, _ = await link_out(stage)
    assert other != delivery
    moved = link_id(KEY, f"{other}.a1.1")
    async with Visitor(stage) as visitor:
        token = link.removeprefix("/d/")
        grafted = base64.urlsafe_b64encode(moved + base64.urlsafe_b64decode(token)[8:]).decode()
        assert (await visitor.get(f"/d/{grafted}")).status == 404


# --- the second factor -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", [LAST6, LAST6.lower(), f" {LAST6} "])
async def test_the_last_six_characters_open_the_documents_once_on_record(stage: Stage, typed: str) -> None:
    delivery, link = await link_out(stage)
    async with Visitor(stage) as visitor:
        page = await visitor.identify(link, typed)
        assert (page.status, page.path) == (200, f"{link}/documents")
        assert page.says("王小明")
        assert page.says("民初123号")
        assert page.says("2025年10月26日 09:30")  # when to come to court
        await visitor.get(f"{link}/documents")
    fact = (await stage.journal.delivery(delivery)).facts[0]
    assert (fact.kind, fact.address, fact.attempt, fact.by and fact.by.relation) == ("read", "a1", 1, "self")
    assert len(await stage.facts(delivery)) == 1


async def test_a_second_browser_makes_no_second_reading(stage: Stage) -> None:
    delivery, link = await link_out(stage)
    for _ in range(2):
        stage.clock.move(minutes=1)
        async with Visitor(stage) as visitor:
            assert (await visitor.identify(link, LAST6)).path.endswith("/documents")
    assert await stage.facts(delivery) == ["read"]


async def test_a_company_and_an_agent_identify(stage: Stage) -> None:
    delivery = await stage.delivery(company())
    async with Visitor(stage) as visitor:
        link = await stage.link(await stage.send(delivery))
        assert (await visitor.identify(link, CREDIT_CODE[-6:])).path.endswith("/documents")
    agent = Representative(id="p1", kind="litigation_agent", name="陈律师")
    who = person()
    held = tuple(replace(address, holder="p1") for address in who.addresses)
    other = await stage.delivery(replace(who, representatives=(agent,), addresses=held))
    async with Visitor(stage) as visitor:
        await visitor.identify(await stage.link(await stage.send(other)), LAST6)
    by = (await stage.journal.delivery(other)).facts[0].by
    assert by is not None
    assert (by.relation, by.representative) == ("litigation_agent", "p1")


async def test_wrong_characters_pause_then_end_with_a_task(stage: Stage) -> None:
    delivery, link = await link_out(stage)
    async with Visitor(stage) as guesser:
        for pause in (15, 30, 60, None):
            for _ in range(5):
                assert (await guesser.identify(link, WRONG)).status == 422
            page = await guesser.get(link)
            assert not page.says('action="' + link + '/identify"')
            if pause:
                refused = await _try_anyway(guesser, page, link, LAST6)
                assert refused.status == 429
                assert refused.headers["Retry-After"] == str(pause * 60)
                assert refused.says(f"{pause} 分钟")
                stage.clock.move(minutes=pause, seconds=1)
        assert (await _try_anyway(guesser, page, link, LAST6)).status == 429
    assert await stage.facts(delivery) == []
    assert await task_kinds(stage, delivery) == ["second_factor_failed"]
    stage.clock.move(days=1, minutes=1)
    async with Visitor(stage) as visitor:
        assert (await visitor.identify(link, LAST6)).path.endswith("/documents")


async def _try_anyway(visitor: Visitor, page: Page, link: str, last6: str) -> Page:
    """Past the page that shows no form: the CSRF token stands in the other one."""
    return await visitor.post(f"{link}/identify", {"form": page.form("/not-me")["form"], "last6": last6})


async def test_a_miss_is_logged_by_its_ids_alone(stage: Stage) -> None:
    delivery, link = await link_out(stage)
    with capture_logs() as lines:
        async with Visitor(stage) as visitor:
            await visitor.identify(link, WRONG)
    assert lines == [
        {
            "event": "second_factor_failed",
            "log_level": "info",
            "delivery": delivery,
            "attempt": f"{delivery}.a1.1",
        }
    ]


async def test_many_at_once_are_no_more_guesses_than_one_after_the_other(stage: Stage) -> None:
    _, link = await link_out(stage)
    async with Visitor(stage) as visitor:
        page = await visitor.get(link)
        answers = await asyncio.gather(*(_try_anyway(visitor, page, link, f"{n:06d}") for n in range(40)))
    looked_at = sum(page.status == 422 for page in answers)
    assert looked_at <= 5
    assert {page.status for page in answers} <= {422, 429}


async def _used(stage: Stage, delivery: str, times: int) -> None:
    for _ in range(times):
        await stage.journal.count_try(delivery, stage.clock.now())


async def _after_the_pause(stage: Stage, delivery: str) -> None:
    """All tries of the day but one are used, and the last pause is over."""
    await _used(stage, delivery, 19)
    stage.clock.move(hours=2)


async def test_the_task_comes_from_the_tries_on_record_whoever_made_them(stage: Stage) -> None:
    """Each of two requests found the other's try on record, and neither's was looked at."""
    delivery, link = await link_out(stage)
    await _used(stage, delivery, 21)
    async with Visitor(stage) as visitor:
        page = await visitor.get(link)
        assert await task_kinds(stage, delivery) == [], "looking records nothing"
        assert (await _try_anyway(visitor, page, link, LAST6)).status == 429
    assert await task_kinds(stage, delivery) == ["second_factor_failed"]


async def test_a_clerk_who_has_looked_is_told_of_further_tries_alone(stage: Stage) -> None:
    delivery, link = await link_out(stage)
    await _used(stage, delivery, 20)
    async with Visitor(stage) as visitor:
        page = await visitor.get(link)
        await _try_anyway(visitor, page, link, WRONG)
        (task,) = (await stage.journal.delivery(delivery)).tasks
        closed = events.TaskClosed(at=stage.clock.now(), task=task.id, decision="done", by="clerk", reason="called")
        await stage.tell(delivery, closed)
        stage.clock.move(hours=1)
        await _try_anyway(visitor, page, link, WRONG)
        assert await task_kinds(stage, delivery) == []
        stage.clock.move(hours=23, minutes=1)
        await _after_the_pause(stage, delivery)
        assert (await _try_anyway(visitor, page, link, WRONG)).status == 422
    assert await task_kinds(stage, delivery) == ["second_factor_failed"]


async def test_what_cannot_be_right_costs_no_try(stage: Stage) -> None:
    _, link = await link_out(stage)
    async with Visitor(stage) as visitor:
        for typed in ("", "12345", "1234567", "12 456", "１２３４５６", "<b>abc"):
            assert (await visitor.identify(link, typed)).status == 422
        assert (await visitor.identify(link, LAST6)).path.endswith("/documents")


async def test_without_a_number_on_record_nothing_opens(stage: Stage) -> None:
    delivery, link = await link_out(stage, id_number=None)
    async with Visitor(stage) as visitor:
        page = await visitor.get(link)
        assert page.says("法院没有可用于核验的号码")
        for typed in ("NUMBER", "RECORD", "000000"):
            assert (await _try_anyway(visitor, page, link, typed)).status == 422
    assert await stage.facts(delivery) == []


async def test_the_pass_is_of_one_link_and_of_one_hour(stage: Stage) -> None:
    _, link = await link_out(stage)
    _, other = await link_out(stage)
    async with Visitor(stage) as visitor:
        answer = await visitor.identify(link, LAST6, follow=False)
        cookie = answer.headers["Set-Cookie"]
        for part in (f"Path={link}", "HttpOnly", "SameSite=Strict", "Max-Age=3600"):
            assert part in cookie
        assert "expires" not in cookie.lower()
        value = re.match(r"songda_pass=([^;]+)", cookie)
        assert value is not None
        assert (await visitor.get(f"{link}/documents")).path.endswith("/documents")
        visitor.session.cookie_jar.update_cookies({"songda_pass": value.group(1)})
        assert (await visitor.get(f"{other}/documents")).path == other
        stage.clock.move(minutes=61)
        assert (await visitor.get(f"{link}/documents")).path == link


# --- forms -----------------------------------------------------------------------------------------------------------

DEEDS = ("sign", "objection", "wrong-content", "paper", "leave")


@pytest.mark.parametrize("deed", DEEDS)
async def test_a_form_without_its_token_does_nothing(stage: Stage, deed: str) -> None:
    delivery, link = await link_out(stage)
    async with Visitor(stage) as visitor:
        page = await visitor.identify(link, LAST6)
        before = (await stage.journal.delivery(delivery)).version
        landing = await _landing_form(stage, link)
        for form in ({}, {"form": ""}, {"form": "0" * 32}, {"form": "é" * 32}, {"form": landing}):
            assert (await visitor.post(f"{link}/{deed}", form)).status == 403
        oversized = {**page.form("/sign"), "note": "x" * 9000}
        assert (await visitor.post(f"{link}/{deed}", oversized)).status == 403
    async with Visitor(stage) as stranger:
        assert (await stranger.post(f"{link}/{deed}", page.form("/sign"))).status == 403
    assert (await stage.journal.delivery(delivery)).version == before


async def _landing_form(stage: Stage, link: str) -> str:
    async with Visitor(stage) as visitor:
        return (await visitor.get(link)).form("/identify")["form"]


@pytest.mark.parametrize("deed", ["identify", "not-me"])
async def test_forms_before_the_second_factor_have_a_token_too(stage: Stage, deed: str) -> None:
    delivery, link = await link_out(stage)
    async with Visitor(stage) as visitor:
        assert (await visitor.post(f"{link}/{deed}", {"last6": LAST6})).status == 403
    assert await stage.facts(delivery) == []
    assert await task_kinds(stage, delivery) == []


async def test_every_deed_done_twice_is_done_once(stage: Stage) -> None:
    delivery, link = await link_out(stage)
    async with Visitor(stage) as visitor:
        page = await visitor.identify(link, LAST6)
        before = (await stage.journal.delivery(delivery)).version
        for deed in ("sign", "objection", "paper", "wrong-content"):
            fields = page.form(f"/{deed}") | {"document": "d2", "note": " 第二页\n缺失 "}
            for _ in range(3):
                assert (await visitor.post(f"{link}/{deed}", fields, follow=False)).status == 303
                stage.clock.move(seconds=1)
        after = await visitor.get(f"{link}/documents")
    assert await stage.facts(delivery) == ["read", "replied", "objection", "paper_requested"]
    told = await stage.journal.delivery(delivery)
    assert told.version == before + 4
    assert [(task.kind, task.owner) for task in told.tasks] == [("wrong_content", "clerk")]
    assert "民事起诉状副本" in told.tasks[0].reason
    assert "第二页 缺失" in told.tasks[0].reason
    objection, paper = told.facts[2], told.facts[3]
    assert (objection.claim, objection.address, objection.attempt) == ("address_not_used", "a1", 1)
    assert paper.address is None
    for words in ("您已于 2025年9月16日 09:30 签收", "申请纸质文书", "提出异议", "已把内容问题告知法院"):
        assert after.says(words), words


async def test_whoever_got_it_by_mistake_can_say_so_without_identifying(stage: Stage) -> None:
    delivery, link = await link_out(stage)
    async with Visitor(stage) as visitor:
        page = await visitor.get(link)
        for _ in range(2):
            after = await visitor.post(f"{link}/not-me", page.form("/not-me"))
        assert after.says("已告知法院")
    assert await stage.facts(delivery) == []
    assert await task_kinds(stage, delivery) == ["not_me"]


# --- the documents ---------------------------------------------------------------------------------------------------


async def test_what_is_shown_is_what_was_sealed(stage: Stage) -> None:
    delivery, link = await link_out(stage)
    sealed = dict((await stage.journal.delivery(delivery)).sealed)
    async with Visitor(stage) as visitor:
        await visitor.identify(link, LAST6)
        answer = await visitor.get(f"{link}/documents/d3.pdf")
        assert answer.content == await stage.files.get(sealed["d3"])
        assert answer.headers["Content-Disposition"] == 'attachment; filename="03-evidence.pdf"'
        picture = await visitor.get(f"{link}/documents/d3/pages/3.png")
        assert picture.content.startswith(b"\x89PNG")
        for missing in ("d9.pdf", "d9", "d3/pages/4.png", "d3/pages/0.png"):
            assert (await visitor.get(f"{link}/documents/{missing}")).status == 404
        digest = sealed["d1"]
        broken = stage.folder / "documents" / digest[:2] / digest[2:]
        broken.write_bytes(b"%PDF-1.7 something else")
        assert (await visitor.get(f"{link}/documents/d1.pdf")).status == 503
        broken.unlink()
        assert (await visitor.get(f"{link}/documents/d1/pages/1.png")).status == 503


async def test_the_record_lists_what_was_done_and_the_proof_comes_when_it_is_there(stage: Stage) -> None:
    delivery, link = await link_out(stage)
    async with Visitor(stage) as visitor:
        page = await visitor.identify(link, LAST6)
        stage.clock.move(minutes=5)
        await visitor.send(page, "/sign")
        record = await visitor.get(f"{link}/receipt")
        assert record.says("核验身份并查阅文书")
        assert record.says("09:35:00")
        assert record.says(dict((await stage.journal.delivery(delivery)).sealed)["d1"])
        assert (await visitor.get(f"{link}/proof.pdf")).status == 404
        await stage.conclude(delivery)
        assert (await visitor.get(f"{link}/receipt")).says("632801-2025-000017")
        assert (await visitor.get(f"{link}/proof.pdf")).content.startswith(b"%PDF")


async def test_leaving_ends_the_pass(stage: Stage) -> None:
    _, link = await link_out(stage)
    async with Visitor(stage) as visitor:
        page = await visitor.identify(link, LAST6)
        await visitor.send(page, "/leave")
        assert (await visitor.get(f"{link}/documents")).path == link


# --- what leaks, and what is said ------------------------------------------------------------------------------------


async def test_no_header_and_no_log_line_gives_a_link_away(stage: Stage) -> None:
    _, link = await link_out(stage)
    token = link.removeprefix("/d/")
    async with Visitor(stage) as visitor:
        await visitor.identify(link, LAST6)
        paths = ["", "/documents", "/documents/d1", "/documents/d1.pdf", "/documents/d1/pages/1.png", "/nowhere"]
        for path in paths:
            headers = (await visitor.get(link + path)).headers
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["Cache-Control"] == "no-store"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "DENY"
            assert "noindex" in headers["X-Robots-Tag"]
            policy = headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none';")
            assert "script-src" not in policy
            assert "unsafe" not in policy
    assert "GET /d/{token}/documents" in "\n".join(stage.log)
    assert token not in "\n".join(stage.log)


async def test_pages_carry_no_script_and_nothing_from_elsewhere(stage: Stage) -> None:
    _, link = await link_out(stage)
    async with Visitor(stage) as visitor:
        pages = [
            await visitor.get(link),
            await visitor.identify(link, LAST6),
            await visitor.get(f"{link}/documents/d3"),
        ]
        style = await visitor.get(pages[0].tree().xpath("//link[@rel='stylesheet']/@href")[0])
    assert style.headers["Content-Type"].startswith("text/css")
    assert b"url(" not in style.content
    for page in pages:
        tree = page.tree()
        assert not tree.xpath("//script | //*[@style] | //iframe | //@onclick")
        assert not [url for url in tree.xpath("//@src | //@href | //@action") if url.startswith(("http", "//"))]


@pytest.mark.parametrize(("browser", "asked", "expected"), [
    ("zh-CN,zh;q=0.9,en;q=0.5", "", "zh-CN"),
    ("en-GB,en;q=0.9", "", "en"),
    ("fr-FR", "", "zh-CN"),
    ("zh-CN", "?lang=en", "en"),
    ("en-GB", "?lang=zh", "zh-CN"),
    ("en-GB", "?lang=xx", "en"),
])  # fmt: skip
async def test_the_language_is_the_readers_choice(stage: Stage, browser: str, asked: str, expected: str) -> None:
    _, link = await link_out(stage)
    async with Visitor(stage, language=browser) as visitor:
        page = await visitor.get(link + asked)
        assert page.tree().get("lang") == expected
        assert page.headers["Content-Language"] == expected
        if expected in asked or asked == "?lang=zh":
            assert (await visitor.get(link)).tree().get("lang") == expected


async def test_english_pages_are_english_but_for_what_the_court_wrote(stage: Stage) -> None:
    _, link = await link_out(stage)
    async with Visitor(stage, language="en") as visitor:
        pages = [await visitor.get(link), await visitor.identify(link, LAST6), await visitor.get(f"{link}/receipt")]
    written = "王小明|（2024）示0101民初123号|传票|民事起诉状副本|证据材料|示范市法院路1号|送达|中文"
    for page in pages:
        rest = re.sub(written, "", page.tree().text_content())
        assert re.findall(r"[一-鿿]+", rest) == []


async def test_names_and_titles_are_shown_as_text(stage: Stage) -> None:
    _, link = await link_out(stage, name='<img src=x onerror="1">&王')
    async with Visitor(stage) as visitor:
        page = await visitor.identify(link, LAST6)
    assert "<img src=x" not in page.text
    assert '<img src=x onerror="1">&王' in page.tree().text_content()
