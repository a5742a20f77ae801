"""`songda serve` and `songda work`: the service until it is told to stop, and then to the end of what is in hand."""

from __future__ import annotations

import asyncio
import errno
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog

from delivery import logs, wiring
from delivery.checking import checked
from delivery.core.rulebook import RulebookBroken
from delivery.journal.journal import Journal
from delivery.nats_server import PortTaken
from delivery.settings import Settings, SettingsWrong
from signing.errors import SigningError
from signing.secrecy import keep_memory_private

TO_MEND = 2
"""The exit status when something has to be mended before it can start."""

WORKER = frozenset({"worker"})
STOPS = (signal.SIGTERM, signal.SIGINT)

log = structlog.get_logger()


def serve(config: Path, roles: frozenset[str], *, journal_kind: type[Journal] = Journal) -> int:
    """Until SIGTERM or SIGINT. The exit status: 0 drained, 1 ended by a fault (logged), 2 something is to be mended."""
    logs.configure()
    return told(lambda: asyncio.run(_until_told(checked(config), roles, journal_kind)))


def work(config: Path, slots: int | None) -> int:
    """Workers alone; exit status as for `serve`."""
    logs.configure()

    def start() -> int:
        settings = checked(config)
        if wiring.embedded(settings):
            says = "workers share a journal, and a SQLite file is for one process: name a PostgreSQL"
            raise SettingsWrong([f"{config}: /journal/url: {says}"])
        return asyncio.run(_until_told(replace(settings, slots=slots or settings.slots), WORKER, Journal))

    return told(start)


def told(start: Callable[[], int]) -> int:
    """The exit status of what is started; whatever keeps it from starting, or ends it, is told on stderr."""
    try:
        return start()
    except (SettingsWrong, RulebookBroken) as wrong:
        return _to_mend(wrong.faults)
    except (OSError, SigningError) as wrong:
        return _to_mend([str(wrong)])
    except KeyboardInterrupt:  # before it had begun
        return 1
    except Exception as fault:  # noqa: BLE001 — the end of the process; a traceback would quote what was in hand
        return _ended(logs.innermost(fault))


def _ended(fault: BaseException) -> int:
    if isinstance(fault, OSError) and (isinstance(fault, PortTaken) or fault.errno == errno.EADDRINUSE):
        return _to_mend([str(fault)])  # the port is named in it
    log.error("ended", exc_info=fault)
    return 1


def _to_mend(faults: list[str]) -> int:
    for fault in faults:
        print(fault, file=sys.stderr)
    return TO_MEND


async def _until_told(settings: Settings, roles: frozenset[str], journal_kind: type[Journal]) -> int:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.on_loop_fault)
    keep_memory_private()
    async with wiring.build(settings, roles, journal_kind=journal_kind) as house:
        running = asyncio.create_task(wiring.run(house, roles, ready=lambda: _say_where(settings, roles)))
        for number in STOPS:
            loop.add_signal_handler(number, running.cancel)
        try:
            await running
        except asyncio.CancelledError:
            log.info("drained")
    return 0


def _say_where(settings: Settings, roles: frozenset[str]) -> None:
    """What an operator looks for after a start."""
    lines = [f"songda is at work: {', '.join(sorted(roles))}. Ctrl-C drains it."]
    if "web" in roles:
        lines += [
            f"  clerk console  {settings.base_url}/console/",
            f"  interface      {settings.base_url}/openapi.json",
        ]
    if "queue" in roles and settings.nats == "embedded":
        lines.append(f"  queue          nats://127.0.0.1:{settings.nats_port}")
    if settings.self_made:
        lines.append(f"  secrets        {settings.data}: client-secret, clerk-password, judge-password")
    print("\n".join(lines), flush=True)
