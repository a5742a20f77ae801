"""Which address to try first, which next, and why: recipient + rulebook + time → a route, each choice and each
rejection explained.

The ladder decides (ladder.py): first what is better in law, then what costs less, then the order of the filing. Where
time is short, what can still come in time goes before what cannot, and may be begun side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from delivery.core.effect import decide, questions
from delivery.core.judging import planned, received
from delivery.core.ladder import RouteRule
from delivery.core.model import Address, Delivery, Outcome, RejectedAddress, Route, RouteStep
from delivery.core.question import Question
from delivery.core.rulebook import Rulebook
from delivery.core.timely import Latest, latest_of

EMBARGO = "embargo"
"""The kind of the task in which a person says that a measure is done."""

# In English, as it is recorded, and in Chinese for whoever shows it.
SENTENCES = {
    "replaced": (
        "the recipient changed this address in writing: the new one takes its place",
        "受送达人已书面变更此地址，以新地址为准",
    ),
    "new": ("the recipient changed to it in writing", "受送达人书面变更后的地址"),
    "cheaper": ("as good in law as the next, and cheaper", "与下一地址效力相同，费用较低"),
    "beside": ("sent at once, beside the one before it: the earliest counts", "与前一地址同时发送，以最先生效者为准"),
    "slower": (
        "begun now it may end after {latest}, the last moment of use: quicker ones go first",
        "现在开始亦可能晚于{latest}方有结果，逾此已无意义，故先用更快的方式",
    ),
    "slow": (
        "begun now it may end after {latest}, the last moment of use",
        "现在开始亦可能晚于{latest}方有结果，逾此已无意义",
    ),
    "late": ("too late: {latest}, the last moment of use, has passed", "已过最后有意义的时刻{latest}"),
    "at_risk": (
        "not served, and {latest}, the last moment of use, has passed",
        "尚未送达，且已过最后有意义的时刻{latest}",
    ),
    "held": (
        "public notice waits: an attempt at an address that the recipient gave is alive",
        "受送达人提供的地址仍有送达在进行，公告送达暂缓",
    ),
    "no_channel": ("this installation has no channel {channel}", "本系统未开通此方式：{channel}"),
    "no_rung": ("no rung of the ladder fits this kind of address", "送达方案不使用此类地址"),
    "no_rule": ("no rule says what an attempt there would be", "无规则可据以判断在此地址送达的效力"),
}


@dataclass(frozen=True, slots=True)
class Why:
    """A sentence, and the grounds it rests on. `next`: what has to happen instead."""

    says: str
    grounds: tuple[str, ...] = ()
    next: str | None = None

    def __add__(self, other: Why) -> Why:
        together = tuple(dict.fromkeys((*self.grounds, *other.grounds)))
        return Why(f"{self.says}; {other.says}", together)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What every question about a route needs. `changes`: old address → new one, in writing. `ended`: why there is
    nothing left to serve.
    """

    delivery: Delivery
    book: Rulebook
    now: datetime
    asked: Sequence[tuple[str, Question]]
    changes: Mapping[str, str]
    latest: Latest | None
    ended: Why | None

    def why(self, name: str, grounds: tuple[str, ...] = (), **blanks: str) -> Why:
        own = self.book.routing.grounds.get(name, ())
        return Why(SENTENCES[name][0].format(**blanks), (*own, *grounds))


@dataclass(frozen=True, slots=True)
class _Choice:
    """An address that may be tried, with the rung it stands on. `rank`: the rung, then who goes first there. `slow`:
    what comes of it may come too late.
    """

    address: Address
    rung: RouteRule
    rank: tuple[int, ...]
    not_before: datetime
    slow: bool


def plan_route(delivery: Delivery, book: Rulebook, now: datetime, *, channels: frozenset[str]) -> Route:
    """The addresses in the order of the rulebook's ladder; `channels` are those this installation can use.

    Every address is exactly a step or rejected. What a person has to do is a step with a task.
    """
    plan = _plan(delivery, book, now)
    addresses = delivery.recipient.addresses
    refused = {address.id: why for address in addresses if (why := _refusal(plan, address))}
    for address in addresses:  # before the rungs that come after such an address
        if address.electronic and address.channel not in channels:
            refused.setdefault(address.id, plan.why("no_channel", channel=address.channel))
    choices: list[_Choice] = []
    for address, rung in _rungs(plan, [address for address in addresses if address.id not in refused]):
        if rung is None:
            refused[address.id] = plan.why("no_rung")
        elif rung.task is None and address.channel not in channels:  # a person needs no channel of ours
            refused[address.id] = plan.why("no_channel", channel=address.channel)
        else:
            choices.append(_choice(plan, address, rung))
    steps = _steps(plan, sorted(choices, key=_order))
    rejected = (_rejected(each.id, refused[each.id]) for each in addresses if each.id in refused)
    latest = plan.latest.at if plan.latest else None
    return Route(steps=tuple(steps), rejected=tuple(rejected), channels=tuple(sorted(channels)), latest=latest)


def _plan(delivery: Delivery, book: Rulebook, now: datetime) -> _Plan:
    asked = [(document.id, question) for document, question in questions(delivery, now)]
    latest = latest_of(delivery, [question for _, question in asked], book)
    changes = _changes(asked[0][1]) if asked else {}
    return _Plan(delivery, book, now, asked, changes, latest, _ended(asked, book))


def _ended(asked: Sequence[tuple[str, Question]], book: Rulebook) -> Why | None:
    """R5.3: whatever came of an attempt, the procedure is over."""
    for document, question in asked:
        for row in decide(question, book).consequences:
            if row.outcome:
                return Why(f"{document}: {row.says}", row.grounds, row.next)
    return None


def _changes(question: Question) -> dict[str, str]:
    """CPLI 137, OP17 6: a change in writing that has reached the court; an oral one changes nothing."""
    told = [fact for fact in question.facts if fact.kind == "address_changed" and fact.in_writing]
    return {fact.address: fact.new_address or "" for fact in told if fact.address}


# --- what is left out ------------------------------------------------------------------------------------------------


def _rejected(address: str, why: Why) -> RejectedAddress:
    return RejectedAddress(address=address, reason=why.says, grounds=why.grounds, next=why.next)


def _refusal(plan: _Plan, address: Address) -> Why | None:
    """Why nothing is sent there, whatever this installation can do; all documents of a delivery travel together."""
    if why := withheld(plan.delivery, plan.book):
        return why
    if plan.ended:
        return plan.ended
    if address.id in plan.changes:
        return plan.why("replaced")
    for document, question in plan.asked:
        judged = planned(question, plan.book, address)
        if judged is None:
            return plan.why("no_rule")
        effect = judged.effect
        if effect.outcome is Outcome.PENDING:
            # R4.10, R5.9, R7.6, R7.8: where the one who holds the address cannot receive, a signature serves nobody.
            signed = received(question, plan.book, address)
            effect = signed.effect if signed and signed.effect.outcome is Outcome.NOT_SERVED else effect
        if effect.outcome is not Outcome.PENDING:
            return Why(f"{document}: {effect.explanation}", effect.grounds, effect.next)
    return None


def withheld(delivery: Delivery, book: Rulebook) -> Why | None:
    """Why nothing at all is sent yet; None once a person has said that the measure is done."""
    embargo = book.routing.embargo(delivery)
    done = any(task.kind == EMBARGO and said == "done" for task, said in delivery.closed_tasks)
    return None if embargo is None or done else Why(embargo.reason, embargo.grounds)


def _rungs(plan: _Plan, addresses: Sequence[Address]) -> Iterator[tuple[Address, RouteRule | None]]:
    """Each with the first rung that fits it and its recipient."""
    electronic = {plan.book.class_of(address) for address in addresses if address.electronic}
    rungs = [rung for rung in plan.book.ladder if rung.concerns(plan.delivery.recipient, plan.now, electronic)]
    for address in addresses:
        kind = plan.book.class_of(address)
        yield address, next((rung for rung in rungs if rung.takes(address, kind)), None)


# --- what is chosen --------------------------------------------------------------------------------------------------


def _choice(plan: _Plan, address: Address, rung: RouteRule) -> _Choice:
    book, latest = plan.book, plan.latest
    opens = book.routing.not_before(address, plan.now, book.zone)
    new = address.id in plan.changes.values()
    rank = (book.ladder.index(rung), not new, *book.routing.rank(address))
    slow = latest is not None and opens + timedelta(seconds=rung.wait) > latest.at
    return _Choice(address, rung, rank, opens, slow)


def _order(choice: _Choice) -> tuple[object, ...]:
    """Stable: the filing's order decides between equals."""
    return choice.slow, choice.rank


def _steps(plan: _Plan, choices: Sequence[_Choice]) -> Iterator[RouteStep]:
    short = _short(plan, choices)
    followers = [*choices[1:], None]
    for index, (choice, after) in enumerate(zip(choices, followers, strict=False)):
        beside = index > 0 and choices[index - 1].rung.task is None and choice.rung.beside(short=short)
        why = Why(choice.rung.reason, choice.rung.grounds)
        for clause in _clauses(plan, choice, after, quicker=not choices[0].slow):
            why += clause
        yield _step(choice, why + plan.why("beside") if beside else why, beside=beside)


def _short(plan: _Plan, choices: Sequence[_Choice]) -> bool:
    """Whether there is no time left for one after the other; notice is what comes of it when all others have failed."""
    if plan.latest is None or plan.latest.at <= plan.now:
        return False
    waits = sum(choice.rung.wait for choice in choices if not choice.rung.alone)
    return plan.now + timedelta(seconds=waits) > plan.latest.at


def _clauses(plan: _Plan, choice: _Choice, after: _Choice | None, *, quicker: bool) -> Iterator[Why]:
    """What is to be said of this choice beside its rung's reason."""
    latest = plan.latest
    if choice.address.id in plan.changes.values():
        yield plan.why("new")
    if after and choice.rank[:-1] == after.rank[:-1] and choice.rank < after.rank:
        yield plan.why("cheaper")
    if latest and choice.slow:
        name = "late" if latest.at <= plan.now else "slower" if quicker else "slow"
        yield plan.why(name, latest.grounds, latest=latest.told)


def _step(choice: _Choice, why: Why, *, beside: bool) -> RouteStep:
    return RouteStep(
        address=choice.address.id,
        channel=choice.address.channel,
        not_before=choice.not_before,
        wait=choice.rung.wait,
        remind_after=choice.rung.remind_after,
        reason=why.says,
        grounds=why.grounds,
        task=choice.rung.task,
        beside=beside,
        alone=choice.rung.alone,
    )
