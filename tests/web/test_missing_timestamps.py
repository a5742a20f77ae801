"""What is told while no timestamp authority answers: to operators after an hour, to case systems after four."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from delivery.journal.stamps import PROOF
from tests.filings import filing, summons
from tests.web.filed import conclude
from tests.web.office import Office, open_office

GAUGE = "songda_timestamp_gap_seconds"


async def _gap(office: Office) -> float:
    text = (await office.ask("GET", "/metrics", who=None)).body.decode()
    return float(next(line for line in text.splitlines() if line.startswith(GAUGE)).split()[1])


def _later(office: Office, **amount: float) -> None:
    looked = office.clock._looks
    office.clock._looks = looked + round(timedelta(**amount).total_seconds())


async def test_a_gap_is_told_and_a_waiting_proof_says_why(sqlite_url: str, tmp_path: Path) -> None:
    async with open_office(sqlite_url, tmp_path, timestamps=True) as office:
        assert await _gap(office) == 0
        delivery = await office.accepted(filing(summons()))
        await conclude(office, delivery)
        await office.journal.want_stamp(PROOF, "00" * 32, bytes(32), failed=True)
        assert (await office.ask("GET", "/readyz", who=None)).json == {"status": "ready"}
        _later(office, hours=1)
        ready = await office.ask("GET", "/readyz", who=None)
        assert ready.status == 200
        since = datetime.fromisoformat(ready.json["timestamps_missing_since"])
        assert 3600 <= await _gap(office) < 3700
        assert "Timestamps" not in (await office.ask("GET", f"/v1/deliveries/{delivery}/proof")).json["detail"]
        _later(office, hours=3)
        reply = await office.ask("GET", f"/v1/deliveries/{delivery}/proof")
        assert reply.status == 404
        assert f"Timestamps are missing since {since.isoformat()}" in reply.json["detail"]


async def test_where_no_authority_is_set_nothing_is_missing(sqlite_url: str, tmp_path: Path) -> None:
    async with open_office(sqlite_url, tmp_path) as office:
        await office.journal.want_stamp(PROOF, "00" * 32, bytes(32), failed=True)
        _later(office, hours=9)
        assert (await office.ask("GET", "/readyz", who=None)).json == {"status": "ready"}
        assert await _gap(office) == 0
