"""The pages in a real headless Chromium, without scripts, on a phone and on a desk, in Chinese and in English.

Screenshots are left in .artefacts/pages for people to look at.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, FilePayload, Page, async_playwright

from delivery.core.effect import document_effects
from delivery.core.model import Address, Fact, Person
from delivery.core.ports import RawReceipt
from delivery.core.second_person import decide_proposal
from tests.core.world import book
from tests.servers import PROJECT
from tests.signing.verifying import sealing
from tests.signing.verifying.pki import sealer
from tests.web.papers import PICTURE
from tests.web.stage import COURTS, CREDIT_CODE, LAST6, PASSWORD, Stage, company, open_stage, person
from tests.web.test_keys_page import enter

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all of them

PICTURES = PROJECT / ".artefacts" / "pages"
REPORT = b'{"attempt":"01k58.a1.1","key":"k","at":"2025-09-16T09:30:00+08:00","what":"arrived","cancels":null}'
SIZES = {"phone": {"width": 360, "height": 740}, "desk": {"width": 1280, "height": 900}}
LOCALES = {"zh": "zh-CN", "en": "en-GB"}
Shoot = Callable[[Page, str], Awaitable[None]]

LAYOUT = """() => {
  const faults = [];
  const wide = document.documentElement;
  if (wide.scrollWidth > wide.clientWidth) faults.push(`the page is ${wide.scrollWidth} px wide`);
  for (const field of document.querySelectorAll('input:not([type=hidden]), select, textarea'))
    if (!field.labels.length) faults.push(`no label: ${field.name}`);
  for (const button of document.querySelectorAll('button, .button, input[type=text], select, summary')) {
    const box = button.getBoundingClientRect();
    if (box.height && box.height < 44)
      faults.push(`${box.height} px is low for a thumb: ${button.outerHTML.slice(0, 60)}`);
  }
  for (const picture of document.images) if (!picture.alt) faults.push('a picture without words');
  if (document.querySelectorAll('h1').length !== 1) faults.push('one h1, no more, no less');
  if (!document.documentElement.lang) faults.push('no language');
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  if (new Set(ids).size !== ids.length) faults.push('an id twice');
  return faults;
}"""

CONTRAST = """() => {
  const level = c => { const [r, g, b] = c.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b; };
  const parse = s => s.match(/[\\d.]+/g).map(Number);
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
  const faults = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !e.getClientRects().length) continue;
    const [a, b] = [level(parse(getComputedStyle(e).color).slice(0, 3)), level(behind(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) faults.push(`${ratio.toFixed(2)}: ${e.textContent.trim().slice(0, 30)}`);
  }
  return faults;
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    """Debian's Chromium. `--no-sandbox`: tests may run as root."""
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope="module")
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """The stage, on the loop that the browser lives on."""
    async with open_stage(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture(
    loop_scope="module", params=[(size, locale) for size in SIZES for locale in LOCALES], ids=lambda p: "-".join(p)
)
async def context(request: pytest.FixtureRequest, browser: Browser, stage: Stage) -> AsyncIterator[BrowserContext]:
    """A window in which no script runs, so whatever works there works without."""
    size, locale = request.param
    opened = await browser.new_context(
        viewport=SIZES[size],
        locale=LOCALES[locale],
        java_script_enabled=False,
        base_url=stage.base_url,
        device_scale_factor=2 if size == "phone" else 1,
        accept_downloads=True,
    )
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(context: BrowserContext) -> Page:
    return await context.new_page()


@pytest.fixture
def shoot(request: pytest.FixtureRequest) -> Shoot:
    """Takes a picture, and looks for what a person would stumble over."""
    size, locale = request.node.callspec.params["context"]

    async def take(page: Page, name: str) -> None:
        await page.evaluate("window.scrollTo(0, 0)")
        PICTURES.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=PICTURES / f"{name}-{size}-{locale}.png", full_page=True)
        assert await _ask(page, LAYOUT) == []
        assert await _ask(page, CONTRAST) == []
        assert await page.locator("html").get_attribute("lang") == {"zh": "zh-CN", "en": "en"}[locale]

    return take


async def _ask(page: Page, question: str) -> Any:
    """The tester's own question works where the page's scripts do not."""
    return await page.evaluate(question)


async def _identify(page: Page, link: str, last6: str) -> None:
    await page.goto(link)
    await page.fill("#last6", last6)
    await page.click("form[action$=identify] button")
    await page.wait_for_url("**/documents")


async def _sign_in(page: Page, base_url: str = "", name: str = "clerk") -> None:
    await page.goto(f"{base_url}/console/")
    await page.fill("#name", name)
    await page.fill("#password", PASSWORD)
    await page.click("form[action$=sign-in] button")
    await page.wait_for_url("**/console/")


async def test_a_person_reads_and_signs(stage: Stage, page: Page, shoot: Shoot) -> None:
    delivery = await stage.delivery(person())
    link = await stage.link(await stage.send(delivery))
    await page.goto(link)
    await shoot(page, "landing")
    await page.fill("#last6", "000000")
    await page.click("form[action$=identify] button")
    await shoot(page, "landing-wrong")
    await _identify(page, link, LAST6)
    await shoot(page, "documents")
    await page.click("form[action$=sign] button")
    await page.locator("#sign .good").wait_for()
    for summary in await page.locator("details summary").all():
        await summary.click()
    await shoot(page, "documents-signed")
    await page.locator(".documents a").nth(4).click()
    for picture in await page.locator("figure img").all():
        await picture.scroll_into_view_if_needed()
        await picture.evaluate("image => image.decode()")
    await shoot(page, "reader")
    await page.goto(f"{link}/receipt")
    await shoot(page, "record")
    assert await stage.facts(delivery) == ["read", "replied"]


async def test_a_company_reports_and_downloads(stage: Stage, page: Page, shoot: Shoot) -> None:
    delivery = await stage.delivery(company(), types=("summons", "judgment"))
    link = await stage.link(await stage.send(delivery, "a2"))
    await page.goto(link)
    await shoot(page, "landing-company")
    await _identify(page, link, CREDIT_CODE[-6:].lower())
    async with page.expect_download() as waiting:
        await page.locator(".documents a").nth(1).click()
    downloaded = await (await waiting.value).path()
    sealed = dict((await stage.journal.delivery(delivery)).sealed)["d1"]
    assert downloaded.read_bytes() == await stage.files.get(sealed)
    await page.locator("details summary").nth(1).click()
    await page.fill("#note", "第二页缺失")
    await page.click("form[action$=wrong-content] button")
    await page.locator("#help .good").wait_for()
    await page.locator("details summary").nth(0).click()
    await page.click("form[action$=paper] button")
    await shoot(page, "documents-reported")
    assert [task.kind for task in (await stage.journal.delivery(delivery)).tasks] == ["wrong_content"]


async def test_an_old_link_is_renewed(stage: Stage, page: Page, shoot: Shoot) -> None:
    delivery = await stage.delivery(person())
    link = await stage.link(await stage.send(delivery), days=10)
    stage.clock.move(days=11)
    await page.goto(link)
    await shoot(page, "expired")
    await page.click("form[action$=renew] button")
    await page.locator(".good").wait_for()
    await shoot(page, "expired-asked")
    assert (await stage.journal.delivery(delivery)).renewals == ("a1",)


async def test_a_strange_link_and_the_other_language(stage: Stage, page: Page, shoot: Shoot) -> None:
    await page.goto("/d/AAAAAAAAAAAAAAAAAAAAAAAA")
    await shoot(page, "unknown")
    before = await page.locator("h1").inner_text()
    await page.click("a.language")
    assert await page.locator("h1").inner_text() != before
    await page.goto("/d/AAAAAAAAAAAAAAAAAAAAAAAB")
    assert await page.locator("h1").inner_text() != before  # the choice is remembered


async def test_a_clerk_at_work(stage: Stage, page: Page, shoot: Shoot) -> None:
    done, open_one = await _a_busy_court(stage)
    await page.goto("/console/")
    await shoot(page, "console-sign-in")
    await _sign_in(page)
    await shoot(page, "console-tasks")
    await page.goto("/console/deliveries")
    await shoot(page, "console-deliveries")
    await page.goto(f"/console/deliveries/{done}")
    await shoot(page, "console-timeline")
    await page.goto(f"/console/deliveries/{open_one}")
    await shoot(page, "console-timeline-post")
    await page.locator("a", has_text="原文").or_(page.locator("a", has_text="own words")).first.click()
    await shoot(page, "console-raw")
    await page.goto(f"/console/deliveries/{open_one}/slip")
    await shoot(page, "console-slip")
    await page.goto("/console/looks")
    await shoot(page, "console-looks")


async def test_receipts_without_a_delivery(tmp_path: Path, page: Page, shoot: Shoot) -> None:
    (tmp_path / "alone").mkdir()
    async with open_stage(tmp_path / "alone", {"632801": COURTS["632801"]}) as alone:
        for state, body in (("orphan", REPORT), ("unclear", b"?" * 300)):
            at = alone.clock.now()
            raw = RawReceipt(channel="simulated", body=body, received_at=at, meta={"peer": "127.0.0.1"})
            await alone.journal.settle(await alone.journal.keep(raw), state=state, delivery=None)  # type: ignore[arg-type]
        await _sign_in(page, alone.base_url)
        await shoot(page, "console-tasks-receipts")
        await page.click("main a[href$=receipts]")
        await shoot(page, "console-receipts")
        await page.click("table .button >> nth=0")
        await shoot(page, "console-receipt")


async def test_two_people_enable_a_key(tmp_path: Path, page: Page, shoot: Shoot) -> None:
    async with open_stage(tmp_path, {"632801": COURTS["632801"]}) as alone:
        await enter(alone)
        for who in ("clerk", "judge"):
            await _sign_in(page, alone.base_url, who)
            await page.click("nav a[href$=keys]")
            await shoot(page, f"console-keys-{who}")
            await page.fill("[id^=enable]", "已与书面指纹逐字核对")
            await page.click("form[action$=enable] button")
            await page.wait_for_url("**/console/keys")
            await shoot(page, f"console-keys-{who}-enabled")
            await page.context.clear_cookies()
        assert alone.clock.now() >= (await alone.journal.keys())[0].acts[-1].at


async def test_a_clerk_decides(stage: Stage, page: Page, shoot: Shoot) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    await stage.read_by_self(delivery, await stage.send(delivery))
    await stage.open_task(delivery, "clerk_confirm", await _why(stage, delivery), proposal="presumed 2025-09-16")
    await _sign_in(page)
    await page.locator("table .button").click()
    await shoot(page, "console-decision")
    await page.fill("#reason-1", "已电话核实本人")
    await page.click("form[action*=tasks] button")
    await page.wait_for_url(f"**/deliveries/{delivery}")
    assert await stage.facts(delivery) == ["read", "official_confirmation"]
    await shoot(page, "console-decided")


async def test_a_clerk_records_a_fact(stage: Stage, page: Page, shoot: Shoot) -> None:
    delivery = await stage.delivery(person(), types=("summons", "complaint_copy"))
    await _sign_in(page)
    await page.goto(f"/console/deliveries/{delivery}/facts")
    await shoot(page, "console-facts")
    await page.click("a[href$=refused_left]")
    await page.fill("#at", "2025-09-16T09:00")
    await page.select_option("#place", "new")
    await shoot(page, "console-fact-form")
    await page.goto(f"/console/deliveries/{delivery}/facts/published")
    await shoot(page, "console-fact-published")
    await page.goto(f"/console/deliveries/{delivery}/facts/direct_signed")
    await page.fill("#at", "2025-09-16T09:00")
    await page.select_option("#place", "new")
    await page.fill("#value", " ")
    await page.select_option("[id='signed.by.relation']", "self")
    await page.fill("#reason", "送达回证")
    await page.set_input_files("#evidence", {"name": "return.png", "mimeType": "image/png", "buffer": PICTURE})
    await page.click("form[action$=direct_signed] button")
    await page.locator("[role=alert]").wait_for()
    await shoot(page, "console-fact-faults")
    await page.fill("#value", "槐树街12号3单元401室")
    await page.set_input_files("#evidence", {"name": "return.png", "mimeType": "image/png", "buffer": PICTURE})
    await page.click("form[action$=direct_signed] button")
    await page.wait_for_url(f"**/deliveries/{delivery}")
    assert await stage.facts(delivery) == ["signed"]
    await page.goto(f"/console/deliveries/{delivery}/notice")
    await shoot(page, "console-notice")


async def test_a_clerk_enters_news_of_the_recipient(stage: Stage, page: Page, shoot: Shoot) -> None:
    delivery = await stage.delivery(person(), types=("summons", "complaint_copy"))
    await _sign_in(page)
    await page.goto(f"/console/deliveries/{delivery}/recipient?part=address")
    await shoot(page, "console-news")
    await page.select_option("[id='address.channel']", "post")
    await page.fill("[id='address.city']", "示范市")
    for part in ("consent", "representative", "standing"):
        await page.locator(f"#{part} summary").click()
    await page.select_option("[id='representative.kind']", "litigation_agent")
    await page.select_option("[id='consent.basis']", "express")
    await page.fill("#reason", "当面填写变更申请")
    await page.set_input_files("#evidence", {"name": "form.png", "mimeType": "image/png", "buffer": PICTURE})
    await page.click("form[action$=recipient] button")
    await page.locator("[role=alert]").wait_for()
    await shoot(page, "console-news-faults")
    await page.goto(f"/console/deliveries/{delivery}/recipient?consent=c1")
    await page.fill("[id='consent.withdrawn_at']", "2025-09-16T09:00")
    await page.fill("#reason", "书面撤回")
    await page.click("form[action$=recipient] button")
    await page.wait_for_url(f"**/deliveries/{delivery}")
    (consent,) = (await stage.journal.delivery(delivery)).recipient.consents
    assert consent.withdrawn_at


async def test_tasks_say_what_is_missing_and_what_can_be_done(stage: Stage, page: Page, shoot: Shoot) -> None:
    court = Address(id="e1", channel="entrusted", basis="none", value="邻近县人民法院")
    delivery = await stage.delivery(person("何秀英", addresses=(court,)), types=("summons",))
    step = f"{delivery}.entrust.step.e1.1"
    why = next(rung.reason for rung in book().ladder if rung.task == "entrust")
    await stage.open_task(delivery, "entrust", why, id=step)
    await stage.open_task(delivery, "at_risk", "not served, and 2025-09-18 09:30, the last moment of use, has passed")
    await stage.open_task(delivery, "public_notice", "public notice", id=f"{delivery}.public_notice.step.n1.1")
    await _sign_in(page)
    await shoot(page, "console-tasks-missing")
    await page.goto(f"/console/deliveries/{delivery}")
    await shoot(page, "console-ways")


async def test_a_changed_date_waits_for_a_second_person(stage: Stage, page: Page, shoot: Shoot) -> None:
    delivery = await stage.delivery(person(), types=("judgment", "summons"))
    attempt = await stage.send(delivery, "a2")
    stage.clock.move(days=1)
    arrived = Fact(kind="arrived", at=stage.clock.now(), address="a2", key="dsn", by=None)
    await stage.raw_receipt(attempt, arrived, code="250", words="delivered to mailbox")
    await stage.conclude(delivery)
    await _sign_in(page)
    await page.goto(f"/console/deliveries/{delivery}/facts/counter_signed")
    await page.fill("#at", "2025-09-16T10:00")
    await page.select_option("#place", "new")
    await page.fill("#value", "立案大厅")
    await page.select_option("[id='signed.by.relation']", "self")
    await page.fill("#reason", "送达回证")
    await page.set_input_files("#evidence", {"name": "return.png", "mimeType": "image/png", "buffer": PICTURE})
    await page.click("form[action$=counter_signed] button")
    await page.locator("#tasks").wait_for()
    await shoot(page, "console-second-person-own")
    ((proposal,),) = ((await stage.journal.delivery(delivery)).proposals,)
    ((task,),) = ((await stage.journal.delivery(delivery)).tasks,)
    told = await stage.journal.delivery(delivery)
    confirmed = decide_proposal(told, task, decision="confirm", by="judge", reason="已核对", now=stage.clock.now())
    await stage.tell(delivery, *confirmed)
    assert proposal.moves
    await page.goto(f"/console/deliveries/{delivery}")
    await page.locator("summary", has_text="为什么").or_(page.locator("summary", has_text="Why")).first.click()
    await shoot(page, "console-revised")


async def test_in_the_dark(stage: Stage, browser: Browser) -> None:
    link = await stage.link(await stage.send(await stage.delivery(person())))
    context = await browser.new_context(
        color_scheme="dark", base_url=stage.base_url, locale="zh-CN", viewport=SIZES["phone"], java_script_enabled=False
    )
    page = await context.new_page()
    await page.goto(link)
    assert await _ask(page, CONTRAST) == []
    await _identify(page, link, LAST6)
    assert await _ask(page, CONTRAST) == []
    await page.screenshot(path=PICTURES / "documents-phone-dark.png", full_page=True)


async def _why(stage: Stage, delivery: str) -> str:
    """The reason of the task that the effect asks for."""
    told = await stage.journal.delivery(delivery)
    return document_effects(told, book(), stage.clock.now())[0][1].explanation


async def _a_busy_court(stage: Stage) -> tuple[str, str]:
    """One delivery that is done, one whose letter was signed by nobody knows whom, some others."""
    done = await stage.delivery(person("李海燕"))
    stage.clock.move(minutes=2)
    attempt = await stage.send(done, "a2")
    arrived = Fact(kind="arrived", at=stage.clock.now(), address="a2", key="dsn", by=None)
    stage.clock.move(minutes=1)
    await stage.raw_receipt(attempt, arrived, code="250", words="delivered to mailbox")
    await stage.conclude(done)
    post = await stage.delivery(person("赵建国"), number="（2024）示0101民初124号")
    letter = await stage.send(post, "a3")
    stage.clock.move(days=2)
    signed = Fact(kind="signed", at=stage.clock.now(), address="a3", key="x", by=Person(relation="unverified"))
    await stage.raw_receipt(letter, signed, code="704", words="已签收，他人代收")
    stage.clock.move(hours=3)
    await stage.open_task(post, "cure_evidence", (await _why(stage, post)))
    read = await stage.delivery(person("周敏"), number="（2024）示0101民初125号")
    await stage.read_by_self(read, await stage.send(read))
    await stage.open_task(read, "clerk_confirm", await _why(stage, read), proposal="presumed 2025-09-18")
    doubt = await stage.delivery(company(), number="（2024）示0101民初126号")
    await stage.open_task(doubt, "judge_decision", "returned: nobody home after three tries", owner="judge")
    stage.clock.move(days=4)
    await stage.delivery(person("孙立"), number="（2024）示0101民初127号")
    return done, post


async def test_checking_a_file(stage: Stage, page: Page, shoot: Shoot) -> None:
    ours, theirs = sealer("示范市人民法院"), sealer("示范市人民法院")
    stage.trusted.append(ours.root_pem)
    await page.goto("/verify")
    await shoot(page, "verify")
    for name, content in (("valid", sealing.basic(ours)), ("invalid", sealing.basic(theirs))):
        file = FilePayload(name=f"{name}.pdf", mimeType="application/pdf", buffer=content)
        await page.set_input_files("input[type=file]", file)
        await page.locator("form button").click()
        assert await page.locator("ol.record li").count() > 4
        await shoot(page, f"verify-{name}")
