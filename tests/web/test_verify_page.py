"""The page that looks at a file: what it says, what it refuses, and that it keeps nothing."""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
from datetime import datetime
from pathlib import Path

from aiohttp import FormData

from delivery.clock import COURT_ZONE
from delivery.web.verify_page import LARGEST_UPLOAD, MOST_FILES, PER_SENDER, of_this_page
from tests.servers import PROJECT
from tests.signing.verifying import sealing
from tests.signing.verifying.pki import sealer
from tests.web.browsing import Page, Visitor
from tests.web.stage import Stage
from tests.web.visits import link_out


async def sent(visitor: Visitor, *files: tuple[str, bytes]) -> Page:
    form = FormData(quote_fields=False)  # as browsers write names
    for name, content in files:
        form.add_field("file", io.BytesIO(content), filename=name, content_type="application/pdf")
    return await visitor.post("/verify", form)


async def test_a_document_of_ours_and_one_of_a_stranger(stage: Stage) -> None:
    ours, theirs = sealer("示范市人民法院"), sealer("示范市人民法院")
    stage.trusted.append(ours.root_pem)
    content = sealing.basic(ours)
    async with Visitor(stage) as visitor:
        good = await sent(visitor, ("传票.pdf", content))
        assert good.status == 200
        assert good.says("有效：没有任何一步不通过")
        assert good.says("传票.pdf")
        assert good.says("本页只代表本法院的说法")
        assert (await sent(visitor, ("x.pdf", sealing.basic(theirs)))).says("无效")
        assert (await sent(visitor, ("x.pdf", content), ("y.pdf", content[:-9]))).says("无效")
    async with Visitor(stage, "en") as visitor:
        page = await sent(visitor, ("a.pdf", content))
        assert page.says("This page can only say what this court says")
        assert page.says("the seal covers the whole file")


async def test_what_it_comes_to_stands_before_the_steps(stage: Stage) -> None:
    ours = sealer("示范市人民法院")
    stage.trusted.append(ours.root_pem)
    content = sealing.basic(ours)
    async with Visitor(stage) as visitor:
        good = (await sent(visitor, ("a.pdf", content), ("b.pdf", content))).tree()
        (steps,) = good.iterfind(".//details")
        assert steps.get("open") is None
        told = [each.text for each in good.iterfind(".//div/ul/li")]
        assert len(told) == len(set(told)), "what both files say is said once"
        assert any("示范市人民法院" in (one or "") for one in told)
        (steps,) = (await sent(visitor, ("a.pdf", content[:-9]))).tree().iterfind(".//details")
        assert steps.get("open") is not None
    async with Visitor(stage, "en") as visitor:
        assert (await sent(visitor, ("a.pdf", content[:-9]))).says("What failed")


async def test_a_key_that_the_court_revoked_is_named_with_its_date(stage: Stage) -> None:
    ours = sealer("示范市人民法院")
    stage.trusted.append(ours.root_pem)
    fingerprint = hashlib.sha256(ours.chain[0]).hexdigest()
    stage.withdrawn[fingerprint] = datetime(2025, 9, 1, 8, tzinfo=COURT_ZONE)
    async with Visitor(stage) as visitor:
        page = await sent(visitor, ("a.pdf", sealing.basic(ours)))
        assert page.says("无效")
        assert page.says("已被签章人吊销，自 2025-09-01 00:00Z 起")
    async with Visitor(stage, "en") as visitor:
        page = await sent(visitor, ("a.pdf", sealing.basic(ours)))
        assert page.says("the sealer revoked this key: no seal since 2025-09-01 00:00Z counts")


async def test_the_steps_say_whose_trust_it_is(stage: Stage) -> None:
    ours = sealer("示范市人民法院")
    stage.trusted.append(ours.root_pem)
    for language, says, reader in (
        ("en", "a certificate that this court's installation trusts", "you trust"),
        ("zh-CN", "由本法院系统信任的证书签发", "您指定的信任"),
    ):
        async with Visitor(stage, language) as visitor:
            for name, who in (("a.pdf", ours), ("b.pdf", sealer("别人"))):
                page = await sent(visitor, (name, sealing.basic(who)))
                assert reader not in page.text
            assert (await sent(visitor, ("a.pdf", sealing.basic(ours)))).says(says)


def test_no_step_speaks_to_the_reader_of_the_page_as_if_he_had_named_certificates() -> None:
    """Whatever sentence of the verifier. Those on a checkpoint of the reader's own stay: this page never has one."""
    says = [
        literal
        for file in (PROJECT / "signing" / "verifying").glob("*.py")
        for literal in re.findall(r'"([^"\n]*(?:[Yy]ou|您)[^"\n]*)"', file.read_text("utf-8"))
    ]
    assert len(says) > 10
    left = [one for one in map(of_this_page, says) if re.search("[Yy]ou|您", one)]
    assert not [one for one in left if re.search("trust|信任", one)]


async def test_what_it_refuses(stage: Stage) -> None:
    async with Visitor(stage) as visitor:
        assert (await visitor.get("/verify")).says("选择文件")
        assert (await visitor.post("/verify", {"file": "text"})).status == 400
        assert (await sent(visitor, *[("a.pdf", b"%PDF-")] * (MOST_FILES + 1))).status == 413
        too_large = await sent(visitor, ("a.pdf", bytes(LARGEST_UPLOAD + 1)))
        assert too_large.status == 413
        assert (await sent(visitor, ("a.pdf", b"%PDF-kills"))).status == 422
        strange = await sent(visitor, ("../../<b>\u202e.pdf", b"%PDF-"))
        assert strange.status == 200
        assert strange.tree().findtext(".//h2") == "b .pdf"


async def test_nobody_takes_it_all(stage: Stage) -> None:
    async with Visitor(stage) as visitor:
        pages = [await sent(visitor, ("a.pdf", b"%PDF-")) for _ in range(PER_SENDER + 1)]
        assert [page.status for page in pages] == [200] * PER_SENDER + [429]
        stage.clock.move(minutes=11)
        assert (await sent(visitor, ("a.pdf", b"%PDF-"))).status == 200


async def test_nothing_is_kept_or_logged(stage: Stage) -> None:
    def kept() -> set[Path]:
        return {path for path in stage.folder.rglob("*") if path.is_file()}

    async with Visitor(stage) as visitor:
        before = await asyncio.to_thread(kept)
        await sent(visitor, ("geheim.pdf", b"%PDF-secret words"))
        assert await asyncio.to_thread(kept) == before
    assert not any("geheim" in line or "secret" in line for line in stage.log)


async def test_the_receipt_leads_there(stage: Stage) -> None:
    _, link = await link_out(stage)
    async with Visitor(stage) as visitor:
        await visitor.identify(link, "31002X")
        assert 'href="/verify"' in (await visitor.get(f"{link}/receipt")).text
