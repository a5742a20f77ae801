"""Which channel serves each word of the settings: every adapter that carries documents, built."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from adapters.email import EmailChannel, EmailSettings
from adapters.ems import EmsCallback, EmsChannel, EmsSettings
from adapters.simulated import SimulatedChannel, SimulatedSettings
from adapters.smpp import SmppChannel, SmppSettings
from delivery import channel_settings, keyring
from delivery.core.ports import Callback, Channel, Clock
from delivery.rehearsal import Counterparts
from delivery.settings import Settings, SettingsWrong


async def channels_of(
    settings: Settings,
    clock: Clock,
    counterparts: Counterparts | None,
    callbacks: dict[str, Callback],
    stack: AsyncExitStack,
) -> Mapping[str, Channel]:
    """By channel word. Words of the simulated provider share one, so that it has one memory."""
    faults: list[str] = []
    built: dict[str, Channel] = {}
    simulated = SimulatedChannel(SimulatedSettings(memory=settings.data / "simulated.jsonl"), clock=clock)
    for word, table in settings.channels.items():
        try:
            known = counterparts.endpoints(word) if counterparts else {}
            built[word] = _channel(settings, {**table, **known}, clock, simulated, callbacks)
        except channel_settings.ChannelWrong as wrong:
            faults += [f"{settings.path}: /channels/{word}/{fault}" for fault in wrong.faults]
    if faults:
        raise SettingsWrong(faults)
    for channel in set(built.values()):
        close: Callable[[], Awaitable[None]] = channel.close  # type: ignore[attr-defined]
        stack.push_async_callback(close)
    return built


def _channel(
    settings: Settings,
    table: Mapping[str, Any],
    clock: Clock,
    simulated: SimulatedChannel,
    callbacks: dict[str, Callback],
) -> Channel:
    if table["adapter"] == channel_settings.SIMULATED:
        return simulated
    filled = channel_settings.fill(table, partial(keyring.secret, settings), rehearsal=settings.rehearsal)
    match filled:
        case EmailSettings():
            return EmailChannel(filled, clock=clock)
        case SmppSettings():
            return SmppChannel(filled, clock=clock)
        case EmsSettings():
            channel = EmsChannel(filled, clock=clock)
            callbacks[channel.name] = EmsCallback(filled, channel=channel)
            return channel
    raise AssertionError(type(filled))
