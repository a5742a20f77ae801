"""Builds everything from the settings. The only file that knows everyone; imported by the entry points and tests
alone.
"""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiohttp import web

from adapters.ems import EmsChannel
from adapters.nats import NatsCaseSystem, NatsSettings
from adapters.simulated import parse_script
from adapters.webhook import WebhookCaseSystem, WebhookTarget
from delivery import first_accounts, keyring, lasting, ledger_keys, logs, nats_server
from delivery.channels import channels_of
from delivery.clock import RehearsalClock, SystemClock
from delivery.core.ports import Callback, CaseSystem, Channel, Clock
from delivery.core.recipients import ScriptPolicy
from delivery.core.rulebook import Rulebook
from delivery.document_keys import documents_of
from delivery.intake import Intake, IntakeLimits
from delivery.journal.documents import Documents
from delivery.journal.journal import Journal
from delivery.keys import Watch, own_trust, revoked_since
from delivery.open_requests import OpenRequests
from delivery.rehearsal import Conductor, Counterparts
from delivery.rulebooks import file_digests
from delivery.settings import Settings
from delivery.web import console, recipient, verify_page
from delivery.web.app import make_app, make_runner
from delivery.web.pages import CourtCard
from delivery.web.site import Site
from delivery.worker import tracking
from delivery.worker.lasting import Lasting
from delivery.worker.loop import Worker
from delivery.worker.outages import through_outages
from delivery.worker.packing import Packing
from delivery.worker.perform import Bench
from delivery.worker.receiving import Receiving
from delivery.worker.renewing import Renewing
from delivery.worker.reporting import Reporting
from delivery.worker.revoking import RevocationData
from delivery.worker.sequencing import Sequencing
from delivery.worker.stamping import Stamping
from signing.pdf import Limits
from signing.pool import SealPool
from signing.verify import Verdict

ROLES = frozenset({"web", "queue", "worker"})


class AlreadyAtWork(OSError):
    """Another process works on the same embedded journal: SQLite is for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What has been built, ready to run."""

    settings: Settings
    clock: Clock
    journal: Journal
    keys: Watch
    documents: Documents
    book: Rulebook
    channels: Mapping[str, Channel]
    intake: Intake
    bench: Bench
    worker: Worker
    receiving: Receiving
    reporting: Reporting
    sequencing: Sequencing
    stamping: Stamping | None
    revocations: RevocationData
    renewing: Renewing
    queue: NatsCaseSystem | None
    queue_server: nats_server.EmbeddedServer | None
    counterparts: Counterparts | None
    conductor: Conductor | None
    app: web.Application
    open_requests: Callable[[], int]


@asynccontextmanager
async def build(
    settings: Settings, roles: frozenset[str] = ROLES, *, journal_kind: type[Journal] = Journal
) -> AsyncIterator[House]:
    """Everything of the settings that these roles need, opened; closed again in the end.

    Raises SettingsWrong, RulebookBroken, SecretMissing, PortTaken, AlreadyAtWork, and what the journal and the key
    files raise.
    """
    async with AsyncExitStack() as stack:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        clock = clock_of(settings)
        book = keyring.rules_of(settings)
        journal = await _journal(settings, clock, stack, journal_kind)
        keys = Watch(settings, journal, clock)
        ring = await keys.begin()
        log_key = ledger_keys.log_key(settings)
        counterparts = await _counterparts(settings, clock, stack)
        callbacks: dict[str, Callback] = {}
        channels = await channels_of(settings, clock, counterparts, callbacks, stack)
        documents = documents_of(settings)
        seals = SealPool(
            ring.courts,
            processes=settings.seal_processes,
            first=logs.configure,
            limits=Limits(max_bytes=settings.max_document_bytes, max_pages=settings.max_document_pages),
        )
        stack.callback(seals.close)
        timestamping = await lasting.timestamping(settings, clock, counterparts, stack)
        stamping = Stamping(journal, clock, timestamping) if timestamping else None
        anchors = timestamping.anchors if timestamping else ()
        revocations = RevocationData(journal, clock, lasting.fetcher_of(settings, clock, stack), seals.chains, anchors)
        queue, queue_server = await _queue(settings, stack) if "queue" in roles else (None, None)
        bench = Bench(
            journal=journal,
            clock=clock,
            book=book,
            channels=channels,
            documents=documents,
            seals=seals,
            courts={court.code: court for court in settings.courts},
            link_key=ring.link_keys[0],
            base_url=settings.base_url,
            rehearsal=settings.rehearsal,
            stamping=stamping,
            lasting=_lasting(settings, seals, stamping, revocations),
            rulebook_files=file_digests(settings.path.parent, settings.rulebook),
        )
        worker = Worker(bench, slots=settings.slots)
        sequencing = Sequencing(journal=journal, clock=clock, key=log_key.key, sign=log_key.sign)
        receiving = Receiving(journal, clock, {channel.name: channel for channel in channels.values()})
        sinks = _sinks(journal, queue, stack, webhook=bool(settings.webhook))
        reporting = Reporting(journal, clock, sinks)
        simulated = frozenset(word for word, channel in channels.items() if channel.name == "simulated")
        intake = Intake(
            journal,
            documents,
            seals.inspect,
            clock,
            scripts=ScriptPolicy(parse=parse_script, simulated=simulated),
            limits=IntakeLimits(document=settings.max_document_bytes),
        )
        requests = OpenRequests()
        packing = Packing(
            journal=journal,
            documents=documents,
            seals=seals,
            clock=clock,
            log_key=str(log_key.key),
            revocations=revocations,
            stamping=stamping,
        )
        renewing = Renewing(packing)
        app = _app(settings, bench, intake, keys.link_keys, callbacks, packing)
        app.middlewares.append(requests.middleware)
        if settings.self_made:
            await first_accounts.make(settings, journal)
        house = House(
            settings=settings,
            clock=clock,
            journal=journal,
            keys=keys,
            documents=documents,
            book=book,
            channels=channels,
            intake=intake,
            bench=bench,
            worker=worker,
            receiving=receiving,
            reporting=reporting,
            sequencing=sequencing,
            stamping=stamping,
            revocations=revocations,
            renewing=renewing,
            queue=queue,
            queue_server=queue_server,
            counterparts=counterparts,
            conductor=_conductor(
                clock, counterparts, journal, worker, receiving, reporting, stamping, requests, queue, channels
            ),
            app=app,
            open_requests=lambda: requests.count,
        )
        yield house


async def run(house: House, roles: frozenset[str] = ROLES, *, ready: Callable[[], None] = lambda: None) -> None:
    """Until cancelled. Whatever ends one part ends all: half a service is worse than one that is started again. A
    database that is away ends nothing: the parts that live on it go on when it is back.
    """
    async with asyncio.TaskGroup() as group, AsyncExitStack() as stack:
        if "web" in roles:
            await _serve(house, stack)
        if house.queue_server:
            group.create_task(house.queue_server.watch())
        if "queue" in roles and house.queue:
            group.create_task(house.queue.listen(house.intake))
        if "queue" in roles:
            for sink in house.reporting.sinks:
                group.create_task(through_outages(sink, partial(house.reporting.run, sink)))
        group.create_task(through_outages("keys", partial(house.keys.run, house.bench.seals)))
        if "worker" in roles:
            group.create_task(through_outages("worker", house.worker.run))
            group.create_task(through_outages("receiving", house.receiving.run))
            group.create_task(through_outages("sequencing", house.sequencing.run))
            if house.stamping:
                group.create_task(through_outages("stamping", house.stamping.run))
            group.create_task(through_outages("revocation", house.revocations.run))
            group.create_task(through_outages("renewal", house.renewing.run))
            group.create_task(through_outages("tracking", partial(tracking.run, house.bench)))
            for channel in set(house.channels.values()):
                if hasattr(channel, "listen"):
                    group.create_task(channel.listen(house.intake))
        if house.conductor:
            group.create_task(house.conductor.run())
        ready()
        await asyncio.Event().wait()


async def _serve(house: House, stack: AsyncExitStack) -> None:
    settings = house.settings
    nats_server.check_port(settings.host, settings.port, "SONGDA_HTTP_PORT")
    runner = make_runner(house.app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, settings.host, settings.port).start()


def clock_of(settings: Settings) -> SystemClock:
    """The computer's clock, or the one of the rehearsal."""
    return RehearsalClock(settings.rehearsal_start) if settings.rehearsal_start else SystemClock()


def embedded(settings: Settings) -> bool:
    """Whether the journal is a SQLite file of this computer, which is for one process alone."""
    return settings.journal == "sqlite"


def journal_url(settings: Settings) -> str:
    """Where the journal is, for SQLAlchemy."""
    if embedded(settings):
        return f"sqlite+aiosqlite:///{(settings.data / 'journal.sqlite').resolve()}"
    return settings.journal


async def go_on(clock: Clock, journal: Journal) -> None:
    """A rehearsal's clock goes on from the last record (contract.md §1)."""
    if isinstance(clock, RehearsalClock) and (last := await journal.last_record()):
        clock.jump(last)


async def _journal(settings: Settings, clock: Clock, stack: AsyncExitStack, kind: type[Journal]) -> Journal:
    if embedded(settings):
        _be_alone(settings, stack)
    journal = await kind.open(journal_url(settings), clock, machine_now=SystemClock().now)
    stack.push_async_callback(journal.close)
    if embedded(settings):
        await journal.forget_leases()  # one process on SQLite: whoever held them is dead
    await go_on(clock, journal)
    return journal


def _be_alone(settings: Settings, stack: AsyncExitStack) -> None:
    """Leases are forgotten at the start, so there must be nobody else who holds one. The lock ends with the process."""
    lock = stack.enter_context((settings.data / "at-work").open("ab"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AlreadyAtWork(f"another songda is at work on {settings.data}: its journal is for one process") from None


async def _counterparts(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Counterparts | None:
    if not settings.counterparts:
        return None
    counterparts = Counterparts(settings, clock)
    await stack.enter_async_context(counterparts.running())
    return counterparts


def _lasting(
    settings: Settings, seals: SealPool, stamping: Stamping | None, revocations: RevocationData
) -> Lasting | None:
    if stamping is None:
        return None
    return Lasting(levels=settings.levels, seals=seals, stamping=stamping, revocations=revocations)


# --- queue and web ---------------------------------------------------------------------------------------------------


async def _queue(
    settings: Settings, stack: AsyncExitStack
) -> tuple[NatsCaseSystem | None, nats_server.EmbeddedServer | None]:
    if settings.nats is None:
        return None, None
    server = None
    if settings.nats == "embedded":
        server = await stack.enter_async_context(nats_server.embedded(settings.data, settings.nats_port))
    queue = NatsCaseSystem(NatsSettings(url=server.url if server else settings.nats))
    stack.push_async_callback(queue.close)
    await queue.start()
    return queue, server


def _sinks(
    journal: Journal, queue: NatsCaseSystem | None, stack: AsyncExitStack, *, webhook: bool
) -> dict[str, CaseSystem]:
    """Where reports go, by the name that the journal remembers what was published under."""
    sinks: dict[str, CaseSystem] = {"queue": queue} if queue else {}
    if webhook:

        async def target(court: str, client: str) -> WebhookTarget | None:
            known = await journal.client(court, client)
            if known is None or known.webhook_url is None or known.webhook_secret is None:
                return None
            return WebhookTarget(known.webhook_url, known.webhook_secret)

        hooks = WebhookCaseSystem(target, seconds=lambda: SystemClock().now().timestamp())
        stack.push_async_callback(hooks.close)
        sinks["webhook"] = hooks
    return sinks


def _app(
    settings: Settings,
    bench: Bench,
    intake: Intake,
    link_keys: Sequence[bytes],
    callbacks: Mapping[str, Callback],
    packing: Packing,
) -> web.Application:
    cards = {
        c.code: CourtCard(code=c.code, name_zh=c.name_zh, name_en=c.name_en, phone=c.phone, address=c.address)
        for c in settings.courts
    }
    pages = recipient.RecipientPages(
        journal=bench.journal,
        clock=bench.clock,
        link_keys=link_keys,
        documents=bench.documents,
        page_image=bench.seals.page_image,
        courts=cards,
        base_url=settings.base_url,
        book=bench.book,
        rehearsal=settings.rehearsal,
    )
    desk = console.Console(
        journal=bench.journal,
        clock=bench.clock,
        documents=bench.documents,
        courts=cards,
        book=bench.book,
        channels={channel.name: channel for channel in bench.channels.values()},
        pack=packing.pack,
        base_url=settings.base_url,
        rehearsal=settings.rehearsal,
    )

    async def verified(files: verify_page.Files) -> Verdict:
        known = await bench.journal.keys()
        seals, times = own_trust(settings, known)
        since = revoked_since(known)
        return await bench.seals.verify(files, trust=seals, trust_time=times, at=bench.clock.now(), withdrawn=since)

    return make_app(
        Site(
            journal=bench.journal,
            documents=bench.documents,
            intake=intake,
            clock=bench.clock,
            book=bench.book,
            seals=bench.seals.made,
            channels=frozenset(bench.channels),
            callbacks=callbacks,
            pack=packing.pack,
            timestamps=bench.stamping is not None,
            pages=[
                *recipient.routes(pages),
                *verify_page.routes(pages, verified, settings.proxies),
                *console.routes(desk),
            ],
            cosigned=ledger_keys.cosigned_by(settings),
        )
    )


def _conductor(
    clock: Clock,
    counterparts: Counterparts | None,
    journal: Journal,
    worker: Worker,
    receiving: Receiving,
    reporting: Reporting,
    stamping: Stamping | None,
    requests: OpenRequests,
    queue: NatsCaseSystem | None,
    channels: Mapping[str, Channel],
) -> Conductor | None:
    if counterparts is None or not isinstance(clock, RehearsalClock):
        return None

    async def unread() -> int:
        """An orphan that is to be read again in days is nothing in hand, and would move the clock on for ever."""
        reading = await journal.next_reading()
        return int(reading is not None and reading <= clock.now())

    async def unacknowledged() -> int:
        if queue is None:
            return 0
        try:
            return await queue.pending()
        except (OSError, TimeoutError):
            return 1  # while the queue is away nobody can tell, and the clock does not jump

    async def unpublished() -> int:
        return len(await journal.unpublished("queue", 1)) if queue else 0

    async def asked() -> int:
        for channel in channels.values():
            if isinstance(channel, EmsChannel):
                await channel.caught_up()
        return 0

    return Conductor(
        clock,
        counterparts,
        next_due=journal.next_due,
        wake=journal.wake,
        idle=[
            lambda: worker.busy == 0,
            lambda: not receiving.busy,
            lambda: not reporting.busy,
            lambda: stamping is None or not stamping.busy,
            lambda: requests.count == 0,
        ],
        pending=[unacknowledged, unpublished, unread, asked],
    )


DEFAULT = Path(__file__).parents[1] / "config" / "local.toml"
DEMO = DEFAULT.with_name("demo.toml")
