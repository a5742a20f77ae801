"""The page of the seal's keys: two people enable, a judge revokes, each with a reason; no other court's keys."""

from __future__ import annotations

from datetime import timedelta

from delivery.core.seal_keys import MADE, KeyAct, KeyState, SealKey, state_of
from delivery.journal.accounts import Clerk
from tests.web.browsing import Page, Visitor
from tests.web.stage import HASH, PASSWORD, START, Stage

ID = "0123456789abcdef"


async def enter(stage: Stage, name: str = ID, court: str = "632801") -> None:
    key = SealKey(
        id=name,
        court=court,
        source='{"kind": "pkcs11"}',
        algorithm="ecdsa-p256-sha256",
        bits=256,
        subject="CN=示例市法院",
        fingerprint=name * 4,
        certificate="",
        not_before=START - timedelta(days=9),
        not_after=START + timedelta(days=999),
    )
    made = KeyAct(at=START, act=MADE, by="root", role="operator", reason="年度轮换")
    await stage.journal.keep_key(key, made)


async def state(stage: Stage) -> KeyState:
    found = await stage.journal.keys("632801")
    return state_of(found[0], found, stage.clock.now())


async def act(stage: Stage, who: str, what: str, *, language: str = "zh-CN", **fields: str) -> Page:
    """As the form on the page sends it, or as somebody sends it who was shown none."""
    async with Visitor(stage, language) as visitor:
        await visitor.sign_in(who, PASSWORD)
        page = await visitor.get("/console/keys")
        token = page.form("/sign-out")["form"]
        return await visitor.post(f"/console/keys/{ID}/{what}", {"form": token, "reason": "指纹已核对", **fields})


async def test_two_people_enable_it(stage: Stage) -> None:
    await enter(stage)
    page = await act(stage, "clerk", "enable")
    assert (page.status, page.path) == (200, "/console/keys")
    assert page.says("待第二人启用")
    assert page.says("书记员 clerk")
    assert page.says("指纹已核对")
    assert page.says("您已启用过，须由另一人启用")
    assert await state(stage) is KeyState.HALF_ENABLED
    assert (await act(stage, "clerk", "enable")).status == 403
    page = await act(stage, "judge", "enable", language="en")
    assert page.says("in use")
    assert page.says("Judge judge")
    assert await state(stage) is KeyState.SEALING
    assert (await act(stage, "judge", "enable")).status == 403


async def test_two_clerks_without_a_judge_are_not_enough(stage: Stage) -> None:
    await enter(stage)
    await stage.journal.put_clerk(Clerk(name="second", court="632801", role="clerk", password_hash=HASH))
    await act(stage, "clerk", "enable")
    page = await act(stage, "second", "enable")
    assert (page.status, page.says("须有一名法官")) == (403, True)
    assert await state(stage) is KeyState.HALF_ENABLED


async def test_a_judge_revokes_with_reason_and_time(stage: Stage) -> None:
    await enter(stage)
    assert (await act(stage, "clerk", "revoke")).status == 403
    assert await state(stage) is KeyState.MADE
    assert (await act(stage, "judge", "revoke", reason="  ")).says("请填写理由")
    assert (await act(stage, "judge", "revoke", since="2031-01-01T00:00")).status == 422
    assert (await act(stage, "judge", "revoke", since="yesterday")).status == 422
    page = await act(stage, "judge", "revoke", reason="令牌遗失", since="2025-09-15T08:00")
    assert page.says("已吊销")
    assert page.says("令牌遗失")
    (key,) = await stage.journal.keys("632801")
    assert key.revoked is not None
    assert key.revoked.since is not None
    assert key.revoked.since.isoformat() == "2025-09-15T08:00:00+08:00"
    assert (await act(stage, "judge", "enable")).status == 403


async def test_the_forms_are_on_the_page(stage: Stage) -> None:
    await enter(stage)
    async with Visitor(stage) as visitor:
        await visitor.sign_in("judge", PASSWORD)
        page = await visitor.get("/console/keys")
        fields = {form.action.rpartition("/")[2]: set(form.fields) for form in page.tree().forms}
        assert fields["enable"] == {"reason", "form"}
        assert fields["revoke"] == {"reason", "form", "since"}
        page = await visitor.send(page, "/enable", reason="核对无误")
        assert page.says("核对无误")


async def test_another_courts_keys_do_not_exist(stage: Stage) -> None:
    await enter(stage, court="632802")
    page = await act(stage, "judge", "enable")
    assert page.status == 404
    async with Visitor(stage) as visitor:
        await visitor.sign_in("judge", PASSWORD)
        assert ID not in (await visitor.get("/console/keys")).text


async def test_a_form_of_another_site_does_nothing(stage: Stage) -> None:
    await enter(stage)
    assert (await act(stage, "clerk", "enable", form="forged")).status == 403
    assert await state(stage) is KeyState.MADE


async def test_a_stranger_is_asked_to_sign_in(stage: Stage) -> None:
    async with Visitor(stage) as visitor:
        assert (await visitor.get("/console/keys")).path == "/console/sign-in"
        assert (await visitor.post(f"/console/keys/{ID}/enable", {"reason": "x"})).path == "/console/sign-in"
