"""One journal on PostgreSQL, shared: a service that only talks, two workers that only work, nothing done twice."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from tests.flows.house import Providers, case, config, mailed, posted, providers, until
from tests.flows.lives import CASE, SCRIPTS, judge
from tests.flows.people import CaseSystem, People, ended, ending
from tests.flows.shell import service

MORE = 9
"""Further cases with a mail and a letter each: enough for two workers with two slots each."""


async def test_two_workers_share_the_work(tmp_path: Path, postgres_url: str, nats_url: str) -> None:
    async with providers(SCRIPTS) as post:
        talking = config(tmp_path, post, nats=nats_url, journal=postgres_url)
        first = config(tmp_path, post, nats=nats_url, journal=postgres_url, name="first")
        second = config(tmp_path, post, nats=nats_url, journal=postgres_url, name="second")
        logs = [tmp_path / f"{name}.log" for name in ("talking", "first", "second")]
        with ExitStack() as stack:
            stack.enter_context(service(["serve", "--config", talking, "--roles", "web,queue"], logs[0]))
            for file, log in ((first, logs[1]), (second, logs[2])):
                stack.enter_context(service(["work", "--config", file, "--slots", "2"], log))
            found = await played(post, tmp_path / "data")
        await judge(talking, [each["delivery_id"] for each in found], post)
    doors = sum(log.read_text().count('"event": "another_worker_listens_for_reports"') for log in logs)
    assert doors == 1, "one hears the notices of both"
    letters = [log.read_text().count('"call": "020003"') for log in logs]
    assert letters[0] == 0
    assert min(letters[1:]) > 0, "both workers sent letters"
    assert sum(letters) == 2 * (1 + MORE), "each letter once, and its slip"
    by_kind = {each["recipient"]["id"]: ending(each) for each in found[:3]}
    assert [by_kind[who][0][0][1] for who in ("r1", "r2")] == ["served", "served"]
    assert by_kind["r3"][2] == ["cure_evidence"]


async def played(post: Providers, data: Path) -> list[dict[str, Any]]:
    """All cases, filed at once and played to their ends; the deliveries."""
    system = CaseSystem(f"http://127.0.0.1:{post.http_port}")
    people = People(system.base, post, data)
    filings = [case(*CASE), *(case(mailed(), posted(), number=f"s-{n}") for n in range(2, MORE + 2))]
    names: list[str] = []
    for filing in filings:
        names += (await until(partial(system.submit, filing))).values()

    async def all_ended() -> list[dict[str, Any]] | None:
        found = [each for name in names if (each := await system.delivery(name))]
        await people.act(found)
        return found if len(found) == len(names) and all(map(ended, found)) else None

    return await until(all_ended, every=0.2)
