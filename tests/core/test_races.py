"""What changes between planning, sending and arrival: an address, a consent, counsel, who the recipient is.

Each race is told to the service while it works, through `next_step`, and judged by the effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from delivery.core import decide, events
from delivery.core.effect import document_effects
from delivery.core.events import Event, FactRecorded, RecipientLearnt
from delivery.core.model import Address, Consent, Delivery, Effect, Fact, Outcome, Person, Representative, Standing
from delivery.core.routing import plan_route
from tests.core.world import address, book, delivery

START = datetime.fromisoformat("2025-09-16T09:30:00+08:00")
HOUR = timedelta(hours=1)
CHANNELS = frozenset({"email", "sms", "post"})
SELF = Person(relation="self")
Change = Callable[[datetime], Event]

# --- what may happen -------------------------------------------------------------------------------------------------


def told(kind: str, where: str | None = None, *, ago: timedelta = timedelta(0), **fields: Any) -> Change:
    """A fact that is put on record; it happened `ago` before that."""

    def made(at: datetime) -> Event:
        fact = Fact(kind=kind, at=at - ago, address=where, key=f"{kind}.{where}", **fields)
        return FactRecorded(at=at, by="clerk", fact=fact)

    return made


def moved(*, in_writing: bool, to: str = "a2", **more: Any) -> Change:
    return told("address_changed", "a1", new_address=to, in_writing=in_writing, **more)


def learnt(**known: Any) -> Change:
    return lambda at: RecipientLearnt(at=at, by="clerk", **known)


def becomes(kind: str, ago: timedelta = timedelta(0)) -> Change:
    return lambda at: RecipientLearnt(at=at, by="clerk", standing=Standing(kind=kind, since=at - ago))


def consents(*, ago: timedelta = timedelta(0), withdrawn: bool = False) -> Change:
    """Express consent, given long ago and `withdrawn`, or given `ago`."""

    def made(at: datetime) -> Event:
        given = START - 24 * HOUR if withdrawn else at - ago
        consent = Consent(id="c1", basis="express", given_at=given, withdrawn_at=at - ago if withdrawn else None)
        return RecipientLearnt(at=at, by="clerk", consents=(consent,))

    return made


ARRIVES, SIGNED = told("arrived", "a1"), told("signed", "a1", by=SELF, id_on_receipt=True)
AGENT = Representative(id="g", kind="litigation_agent", receipt_authority="express")
GUARDIAN = Representative(id="g", kind="guardian")
EMAIL, LETTER = address("email", id="a1"), address("post", id="a2")
CONSENTED = (Consent(id="c1", basis="express", given_at=START - 24 * HOUR),)


@dataclass(frozen=True, kw_only=True)
class Race:
    """`before_sending`, `under_way` (sent, not arrived), `late`: when the changes are told; `comes`: what is reported
    after `under_way`. `sent`: what went out, in its order. `asked`: the tasks that people got. `planned`: how often the
    route was put on record, the first time included.
    """

    where: tuple[Address, ...] = (EMAIL, LETTER)
    paper: str = "summons"
    consents: tuple[Consent, ...] = ()
    before_sending: tuple[Change, ...] = ()
    under_way: tuple[Change, ...] = ()
    comes: Change | None = ARRIVES
    late: tuple[Change, ...] = ()
    sent: tuple[str, ...]
    outcome: Outcome
    grounds: frozenset[str] = frozenset()
    asked: tuple[str, ...] = ()
    planned: int
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


SERVED, NOT_SERVED, PENDING = Outcome.SERVED, Outcome.NOT_SERVED, Outcome.PENDING
REPLACED = {"a1": ("CPLI 137", "OP17 6")}
MAILBOXES = (EMAIL, address("email", id="a2"))
LETTERS = (address("post", id="a1"), address("post", id="a2"))

RACES = {
    # --- the address ---
    "written change, then sent: the new one gets it": Race(
        where=MAILBOXES,
        before_sending=(moved(in_writing=True),),
        comes=told("arrived", "a2"),
        sent=("a2",),
        outcome=SERVED,
        grounds=frozenset({"OLR 31(1)"}),
        planned=2,
        left_out=REPLACED,
    ),
    "the same, to an address that nobody knew": Race(
        where=(EMAIL,),
        before_sending=(learnt(addresses=(address("email", id="a2"),)), moved(in_writing=True)),
        comes=told("arrived", "a2"),
        sent=("a2",),
        outcome=SERVED,
        planned=2,
        left_out=REPLACED,
    ),
    "oral change, then sent: the old one stands": Race(
        where=MAILBOXES, before_sending=(moved(in_writing=False),), sent=("a1",), outcome=SERVED, planned=1
    ),
    "sent, then a written change: what is under way stands": Race(
        where=MAILBOXES, under_way=(moved(in_writing=True),), sent=("a1",), outcome=SERVED, planned=1
    ),
    "arrived, then a written change: nothing moves": Race(
        where=MAILBOXES, late=(moved(in_writing=True),), sent=("a1",), outcome=SERVED, planned=1
    ),
    "written change before sending, learnt of when it had arrived: it is sent to the new one": Race(
        where=MAILBOXES,
        late=(moved(in_writing=True, ago=3 * HOUR),),
        sent=("a1", "a2"),
        outcome=PENDING,
        planned=2,
        left_out={},
    ),
    "written change, then posted: the letter goes to the new address": Race(
        where=LETTERS,
        before_sending=(moved(in_writing=True),),
        comes=told("signed", "a2", by=SELF, id_on_receipt=True),
        sent=("a2",),
        outcome=SERVED,
        planned=2,
        left_out=REPLACED,
    ),
    "posted, then a written change: signed at the old address all the same": Race(
        where=LETTERS, under_way=(moved(in_writing=True),), comes=SIGNED, sent=("a1",), outcome=SERVED, planned=1
    ),
    # --- the consent ---
    "consent to a judgment, then sent: it goes electronically after all": Race(
        paper="judgment",
        before_sending=(consents(),),
        sent=("a1",),
        outcome=SERVED,
        grounds=frozenset({"CPL 90(2)"}),
        planned=2,
    ),
    "consent withdrawn, then sent: a letter goes": Race(
        paper="judgment",
        consents=CONSENTED,
        before_sending=(consents(withdrawn=True),),
        comes=None,
        sent=("a2",),
        outcome=PENDING,
        planned=2,
        left_out={"a1": ("CPL 90(1)", "OLR 5")},
    ),
    "sent, then the consent withdrawn: the arrival serves": Race(
        paper="judgment",
        consents=CONSENTED,
        under_way=(consents(withdrawn=True),),
        sent=("a1",),
        outcome=SERVED,
        planned=1,
    ),
    "arrived, then the consent withdrawn: it stays served": Race(
        paper="judgment", consents=CONSENTED, late=(consents(withdrawn=True),), sent=("a1",), outcome=SERVED, planned=1
    ),
    "withdrawn before sending, learnt of when it had arrived: a letter follows": Race(
        paper="judgment",
        consents=CONSENTED,
        late=(consents(withdrawn=True, ago=3 * HOUR),),
        sent=("a1", "a2"),
        outcome=PENDING,
        planned=1,
    ),
    "electronic service refused, then sent: a letter goes": Race(
        before_sending=(told("e_service_refused"),),
        comes=None,
        sent=("a2",),
        outcome=PENDING,
        planned=2,
        left_out={"a1": ("CPL 90(1)", "OLR 5")},
    ),
    "sent, then electronic service refused: the arrival serves": Race(
        under_way=(told("e_service_refused"),), sent=("a1",), outcome=SERVED, planned=1
    ),
    "own address read, and consent only came after sending: a person looks": Race(
        where=(address("sms", "own", "a1"), LETTER),
        under_way=(consents(),),
        comes=told("read", "a1", by=SELF),
        sent=("a1",),
        outcome=Outcome.REVIEW,
        asked=("phone_confirm",),
        planned=1,
    ),
    # --- counsel ---
    "counsel with a confirmed mailbox, then sent: it goes there": Race(
        where=(LETTER,),
        before_sending=(learnt(representatives=(AGENT,), addresses=(replace(EMAIL, holder="g"),)),),
        sent=("a1",),
        outcome=SERVED,
        grounds=frozenset({"CPLI 132"}),
        planned=2,
    ),
    "posted, then counsel with a confirmed mailbox: the letter is waited for": Race(
        where=(LETTER,),
        under_way=(learnt(representatives=(AGENT,), addresses=(replace(EMAIL, holder="g"),)),),
        comes=told("signed", "a2", by=SELF, id_on_receipt=True),
        sent=("a2",),
        outcome=SERVED,
        planned=1,
    ),
    "counsel gone, in writing, then sent: the party's own mailbox gets it": Race(
        where=(replace(EMAIL, holder="g"), address("email", id="a2")),
        before_sending=(learnt(representatives=(AGENT,)), moved(in_writing=True)),
        comes=told("arrived", "a2"),
        sent=("a2",),
        outcome=SERVED,
        planned=2,
        left_out=REPLACED,
    ),
    # --- who the recipient is ---
    "imprisoned, then to be sent: through the prison": Race(
        where=(EMAIL, address("institution", "none", "a2")),
        before_sending=(becomes("imprisoned"),),
        comes=None,
        sent=(),
        outcome=PENDING,
        asked=("serve_via_institution",),
        planned=2,
        left_out={"a1": ("CPL 93",)},
    ),
    "sent, then imprisoned before it arrived: that serves nobody": Race(
        where=(EMAIL, address("institution", "none", "a2")),
        under_way=(becomes("imprisoned"),),
        sent=("a1",),
        outcome=NOT_SERVED,
        grounds=frozenset({"CPL 93"}),
        asked=("serve_via_institution",),
        planned=2,
    ),
    "arrived, then imprisoned: it stays served": Race(
        where=(EMAIL, address("institution", "none", "a2")),
        late=(becomes("imprisoned"),),
        sent=("a1",),
        outcome=SERVED,
        planned=1,
    ),
    "dead, then to be sent: nothing goes out": Race(
        before_sending=(becomes("deceased"),),
        comes=None,
        sent=(),
        outcome=PENDING,
        asked=("judge_decision",),
        planned=2,
        left_out={"a1": ("CPL 153(1)",), "a2": ("CPL 153(1)",)},
    ),
    "sent, then dead before it arrived: a judge decides": Race(
        under_way=(becomes("deceased"),),
        sent=("a1",),
        outcome=NOT_SERVED,
        grounds=frozenset({"CPL 153(1)"}),
        asked=("judge_decision",),
        planned=2,
    ),
    "arrived, then dead: it stays served": Race(late=(becomes("deceased"),), sent=("a1",), outcome=SERVED, planned=1),
    "dissolved, then to be sent: nothing goes out": Race(
        before_sending=(becomes("deregistered"),),
        comes=None,
        sent=(),
        outcome=PENDING,
        asked=("serve_successor",),
        planned=2,
        left_out={"a1": ("CPL 153(3)",), "a2": ("CPL 153(3)",)},
    ),
    "sent, then dissolved: the arrival serves": Race(
        under_way=(becomes("deregistered"),), sent=("a1",), outcome=SERVED, planned=1
    ),
    "a soldier by now: a letter instead of a message": Race(
        before_sending=(becomes("soldier"),),
        comes=None,
        sent=("a2",),
        outcome=PENDING,
        planned=2,
        left_out={"a1": ("CPL 92", "K11")},
    ),
    "arrived, and the recipient turns out to be a child: the guardian is served": Race(
        where=(EMAIL,),
        late=(
            becomes("minor", ago=9000 * HOUR),
            learnt(representatives=(GUARDIAN,), addresses=(replace(LETTER, holder="g"),)),
        ),
        sent=("a1", "a2"),
        outcome=PENDING,
        planned=2,
    ),
}

# --- the service at work ---------------------------------------------------------------------------------------------


class Service:
    """Carries out every step, and writes down what went out and who was asked."""

    def __init__(self, race: Race) -> None:
        made = delivery(*race.where, at=START)
        papers = tuple(replace(paper, type=race.paper) for paper in made.documents)
        recipient = replace(made.recipient, consents=race.consents)
        self.now = START
        self.delivery: Delivery = replace(
            made, documents=papers, recipient=recipient, sealed=(("doc", "1" * 64),), accepted_at=START
        )
        self.sent: list[str] = []
        self.asked: list[str] = []
        self.planned = 0

    def happens(self, event: Event) -> None:
        self.delivery = events.apply(self.delivery, event)

    def plans(self) -> None:
        self.planned += 1
        self.happens(
            events.RoutePlanned(at=self.now, route=plan_route(self.delivery, book(), self.now, channels=CHANNELS))
        )

    def changes(self, changes: tuple[Change, ...]) -> None:
        self.now += HOUR
        for change in changes:
            self.happens(change(self.now))

    def works(self) -> None:
        for _ in range(30):
            step = decide.next_step(self.delivery, book(), self.now, inquirable=frozenset())
            if isinstance(step, decide.Wait):
                return
            self.carries_out(step)
        raise AssertionError("it goes round and round")

    def carries_out(self, step: decide.Step) -> None:
        at = self.now
        match step:
            case decide.PlanRoute():
                self.plans()
            case decide.Send(attempt=attempt, address=where, channel=channel, number=number):
                self.sent.append(where)
                self.happens(
                    events.AttemptAnnounced(at=at, attempt=attempt, address=where, channel=channel, number=number)
                )
                self.happens(events.AttemptTaken(at=at, attempt=attempt, references=("p",)))
            case decide.OpenTask(task=task):
                self.asked.append(task.kind)
                self.happens(events.TaskOpened(at=at, task=task))
            case decide.CloseTask(task=task_id, reason=reason):
                self.happens(events.TaskClosed(at=at, task=task_id, decision="overtaken", by="songda", reason=reason))
            case decide.Conclude(effects=effects, revised=revised):
                self.happens(events.Concluded(at=at, effects=effects, revised=revised))
            case decide.Prove():
                self.happens(events.ProofIssued(at=at, number="1", sha256="2" * 64))
            case other:
                raise AssertionError(other)

    def effect(self) -> Effect:
        ((_, effect),) = document_effects(self.delivery, book(), self.now)
        return effect


def run(race: Race) -> Service:
    service = Service(race)
    service.plans()
    service.changes(race.before_sending)
    service.works()
    service.changes(race.under_way)
    service.works()
    service.changes((race.comes,) if race.comes else ())
    service.works()
    service.changes(race.late)
    service.works()
    return service


@pytest.mark.parametrize("name", RACES)
def test_a_race_has_one_end_and_it_is_on_record(name: str) -> None:
    race = RACES[name]
    service = run(race)
    effect = service.effect()
    assert tuple(service.sent) == race.sent
    assert effect.outcome is race.outcome
    assert race.grounds <= {*effect.grounds}
    assert tuple(service.asked) == race.asked
    assert service.planned == race.planned
    assert service.delivery.route
    left_out = {one.address: one.grounds for one in service.delivery.route.rejected}
    assert race.left_out.items() <= left_out.items()
    assert all(one.reason for one in service.delivery.route.rejected)


@pytest.mark.parametrize("name", RACES)
def test_after_a_crash_the_same_is_done(name: str) -> None:
    """What the service knows is on record: asked twice, it answers the same."""
    service = run(RACES[name])
    for later in (timedelta(0), HOUR):
        first = decide.next_step(service.delivery, book(), service.now + later, inquirable=frozenset())
        assert first == decide.next_step(service.delivery, book(), service.now + later, inquirable=frozenset())
        assert isinstance(first, decide.Wait)
