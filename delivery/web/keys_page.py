"""The keys of the court's seal, for clerks: the inventory, and what two of them, or a judge, decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web

from delivery.core.seal_keys import (
    ENABLED,
    REVOKED,
    KeyAct,
    KeyState,
    Refusal,
    SealKey,
    refusal_to_enable,
    refusal_to_revoke,
    state_of,
)
from delivery.web.pages import see_other
from delivery.web.sessions import Answer, Desk, FormAnswer

PLACE = "/console/keys"
LONGEST_REASON = 500
ACTS = {"enable": ENABLED, "revoke": REVOKED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One key as this clerk meets it: what they may do with it, and why not."""

    key: SealKey
    state: KeyState
    may_enable: Refusal | None
    may_revoke: Refusal | None


def routes(
    page: Callable[[str, Answer], web.RouteDef], post: Callable[[str, FormAnswer], web.RouteDef]
) -> Iterator[web.RouteDef]:
    yield page(PLACE, _list)
    yield post(PLACE + "/{key}/{act:enable|revoke}", _act)


async def _list(desk: Desk) -> web.Response:
    return await _page(desk)


async def _page(desk: Desk, problem: str = "", status: int = 200) -> web.Response:
    found = await desk.console.journal.keys(desk.clerk.court)
    now, who = desk.console.clock.now(), (desk.clerk.name, desk.clerk.role)
    lines = [
        Line(
            key=key,
            state=state_of(key, found, now),
            may_enable=refusal_to_enable(key, *who),
            may_revoke=refusal_to_revoke(key, *who),
        )
        for key in reversed(found)
    ]
    return desk.page("keys", status=status, lines=lines, problem=problem, zone=now.tzinfo)


async def _act(desk: Desk, form: Mapping[str, str]) -> web.Response:
    reason = " ".join(form.get("reason", "").split())[:LONGEST_REASON]
    since, readable = _moment(form.get("since", ""), desk.console.clock.now())
    if not reason or not readable:
        return await _page(desk, "reason" if readable else "since", 422)
    act = KeyAct(
        at=desk.console.clock.now(),
        act=ACTS[desk.request.match_info["act"]],
        by=desk.clerk.name,
        role=desk.clerk.role,
        reason=reason,
        since=since if desk.request.match_info["act"] == "revoke" else None,
    )
    refusal = await desk.console.journal.act_on_key(desk.clerk.court, desk.request.match_info["key"], act)
    if refusal is Refusal.UNKNOWN:
        return desk.problem("unknown", 404)
    if refusal is not None:
        return await _page(desk, refusal.value, 403)
    return see_other(PLACE)


def _moment(text: str, now: datetime) -> tuple[datetime | None, bool]:
    """What a field of the kind datetime-local says, in the court's zone; False for what nobody can mean: unreadable, or
    later than now.
    """
    if not text.strip():
        return None, True
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None, False
    if found.tzinfo is None:
        found = found.replace(tzinfo=now.tzinfo if isinstance(now.tzinfo, ZoneInfo) else ZoneInfo("Asia/Shanghai"))
    return found, found <= now
