"""Old links: they explain themselves, and are renewed to the same address."""

from __future__ import annotations

from delivery.core import events
from tests.web.browsing import Visitor
from tests.web.stage import LAST6, Stage
from tests.web.visits import link_out


async def test_an_expired_link_explains_itself_and_is_renewed_to_the_same_address(stage: Stage) -> None:
    delivery, link = await link_out(stage)
    stage.clock.move(days=30)
    async with Visitor(stage) as visitor:
        page = await visitor.get(link)
        assert page.status == 410
        assert page.says("链接已过期")
        assert (await visitor.get(link, method="HEAD")).status == 410
        assert (await visitor.post(f"{link}/renew")).status == 403
        for _ in range(2):
            after = await visitor.post(f"{link}/renew", page.form("/renew"))
        assert after.says("新的链接正在发往")
        assert (await stage.journal.delivery(delivery)).renewals == ("a1",)
        assert len([r for r in await stage.journal.load(delivery) if isinstance(r.event, events.RenewalAsked)]) == 1
        renewed = await stage.link(await stage.send(delivery, "a1", 2))
        assert (await visitor.identify(renewed, LAST6)).path.endswith("/documents")
    fact = (await stage.journal.delivery(delivery)).facts[0]
    assert (fact.address, fact.attempt) == ("a1", 2)


async def test_renewing_has_a_bound(stage: Stage) -> None:
    delivery, link = await link_out(stage)
    stage.clock.move(days=31)
    async with Visitor(stage) as visitor:
        page = await visitor.get(link)
        for number in range(2, 5):
            await visitor.post(f"{link}/renew", page.form("/renew"))
            await stage.send(delivery, "a1", number)
        refused = await visitor.post(f"{link}/renew", page.form("/renew"))
        assert refused.status == 429
        assert refused.says("今天已多次发送")
        assert (await stage.journal.delivery(delivery)).renewals == ()
        stage.clock.move(days=1, seconds=1)
        await visitor.post(f"{link}/renew", page.form("/renew"))
    assert (await stage.journal.delivery(delivery)).renewals == ("a1",)


async def test_an_open_link_is_not_renewed_and_a_revoked_one_is(stage: Stage) -> None:
    delivery, link = await link_out(stage)
    async with Visitor(stage) as visitor:
        page = await visitor.get(link)
        await visitor.post(f"{link}/renew", page.form("/identify"))
        assert (await stage.journal.delivery(delivery)).renewals == ()
        await visitor.identify(link, LAST6)
        await stage.journal.revoke_links(delivery)
        assert (await visitor.get(f"{link}/documents/d1.pdf")).status == 410
        page = await visitor.get(link)
        assert page.says("链接已停用")
        await visitor.send(page, "/renew")
    assert (await stage.journal.delivery(delivery)).renewals == ("a1",)


async def test_a_withdrawn_delivery_asks_for_nothing(stage: Stage) -> None:
    delivery, link = await link_out(stage)
    await stage.tell(delivery, events.Withdrawn(at=stage.clock.now(), by="case-system", reason="settled"))
    async with Visitor(stage) as visitor:
        page = await visitor.get(link)
        assert page.says("本次送达已撤回")
        assert [form.action for form in page.tree().forms] == []
        await visitor.post(f"{link}/renew", {"form": "x"})
    assert (await stage.journal.delivery(delivery)).renewals == ()
