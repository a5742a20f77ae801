"""A reminder serves nothing; the link in it is that of the message it reminds of, so that reading it counts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from adapters.simulated import SimulatedChannel, SimulatedSettings
from delivery.core.ports import Consignment, Taken
from delivery.journal.migrations import migrate
from tests.stage import JumpingClock, address, recipient, seal_keys, stage

KEYS = seal_keys()


class Remembering(SimulatedChannel):
    """A provider that shows what it was given."""

    def __init__(self, settings: SimulatedSettings, *, clock: JumpingClock) -> None:
        super().__init__(settings, clock=clock)
        self.given: list[Consignment] = []

    async def send(self, consignment: Consignment) -> Taken:  # type: ignore[override]
        self.given.append(consignment)
        return await super().send(consignment)  # type: ignore[return-value]


async def test_a_reminder_carries_the_link_of_what_it_reminds_of(sqlite_url: str, tmp_path: Path) -> None:
    await migrate(sqlite_url)
    clock = JumpingClock()
    sms = Remembering(SimulatedSettings(memory=tmp_path / "m"), clock=clock)
    async with stage(sqlite_url, tmp_path, clock=clock, channels={"sms": sms}, keys=KEYS) as play:
        await play.submit(recipient(address("sms", "taken; 1m arrived", basis="own"), consented=True))
        await play.play(timedelta(days=10))
    assert [given.reminder for given in sms.given] == [False, True]
    service, reminder = sms.given
    assert reminder.attempt != service.attempt
    assert reminder.link == service.link
    assert reminder.check_code == service.check_code
