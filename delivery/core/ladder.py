"""What routes are made from: the rungs of the ladder, who goes before whom, what a try costs, what is withheld.

Data of the rulebook (`routing.toml`), read here with every fault; routing.py chooses by it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from delivery.core import vocabulary as words
from delivery.core.fields import Fields
from delivery.core.findings.people import CLASSES
from delivery.core.knobs import FORMS, Knob
from delivery.core.model import Address, Delivery, Recipient
from delivery.core.rows import BeforeHearing, Known, read_before_hearing
from delivery.core.tables import some_words, texts

MOST_RUNGS = 200
LONGEST_REASON = 200
LONGEST_WAIT = 366 * 86400
DAY_MINUTES = 24 * 60

PARALLEL = ("never", "when_short", "always")
TASKS = (*words.NEXT_STEPS, "entrust", "public_notice")
"""What a person may be asked for by a rung: next steps of the scenario format, and two that it has no word for."""

MEDIA = ("electronic", "phone", "mail", "in_person", "institution", "entrusted", "notice")
BASED = ("replaced", "new", "beside", "held")
"""What in a route has grounds of its own beside those of the rung."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRule:
    """One rung of the ladder: whom it is for (None: anybody), how long it is given (`wait`, seconds), and why.

    `after`: only where the route has an electronic address of that class. `task`: a person takes it, and is asked by a
    task of that kind. `alone`: not while an attempt at an address the recipient gave is alive. `remind_after`: seconds
    without an answer until a reminder; 0: none.
    """

    media: str
    address_class: str | None
    domicile: tuple[str, ...]
    standing: tuple[str, ...]
    after: str | None
    wait: int
    parallel: str
    alone: bool
    remind_after: int
    task: str | None
    reason: str
    reason_zh: str
    grounds: tuple[str, ...]

    def takes(self, address: Address, address_class: str) -> bool:
        """Whether it is for that kind of address."""
        return self.media == media_of(address) and self.address_class in (None, address_class)

    def concerns(self, recipient: Recipient, now: datetime, electronic: Collection[str]) -> bool:
        """Whether it is for that recipient; `electronic`: the classes of the electronic addresses of the route."""
        begun = recipient.standing.since is None or recipient.standing.since <= now
        standing = recipient.standing.kind if begun else "normal"
        after = self.after is None or self.after in electronic
        return recipient.domicile in self.domicile and standing in self.standing and after

    def beside(self, *, short: bool) -> bool:
        """Whether it is begun beside the one before it; `short`: time is."""
        return self.parallel == "always" or (self.parallel == "when_short" and short)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embargo:
    """Documents that these roles do not get until a person says that the measure is done."""

    documents: tuple[str, ...]
    roles: tuple[str, ...]
    reason: str
    reason_zh: str
    grounds: tuple[str, ...]

    def holds(self, delivery: Delivery) -> bool:
        types = {document.type for document in delivery.documents}
        return delivery.recipient.role in self.roles and bool(types & {*self.documents})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """`precedence`: bases of addresses, the best first. `cost`: fen for a try, by channel. `hours`: the knob that says
    when messages go out; None: at any hour. `grounds`: see BASED.
    """

    rungs: tuple[RouteRule, ...]
    precedence: tuple[str, ...]
    cost: Mapping[str, int]
    hours: Knob | None
    grounds: Mapping[str, tuple[str, ...]]
    before_hearing: tuple[BeforeHearing, ...]
    embargoes: tuple[Embargo, ...]

    @property
    def asks(self) -> frozenset[str]:
        """The findings whose part of the rulebook it needs: the days before a hearing, where a row gives none."""
        return frozenset({"clear_days_left"} if any(row.days is None for row in self.before_hearing) else ())

    def rank(self, address: Address) -> tuple[int, int]:
        """Who goes before whom on one rung: by basis, then by cost."""
        return self.precedence.index(address.basis), self.cost.get(address.channel, 0)

    def embargo(self, delivery: Delivery) -> Embargo | None:
        return next((one for one in self.embargoes if one.holds(delivery)), None)

    def not_before(self, address: Address, now: datetime, zone: tzinfo) -> datetime:
        """When something may go out there, from `now` on: messages and calls keep the hours, letters and visits not."""
        return self.within_hours(now, zone) if media_of(address) in ("electronic", "phone") else now

    def within_hours(self, now: datetime, zone: tzinfo) -> datetime:
        """`now`, or the next moment that lies in the sending hours of that day (K13), in the rulebook's zone."""
        local = now.astimezone(zone)
        if self.hours is None or _open(local, self.hours.at(local.date())):
            return now
        days = (local.date() + timedelta(days=n) for n in range(2))
        opens = (_opening(day, self.hours.at(day), zone) for day in days)
        return next(moment for moment in opens if moment > now)


def media_of(address: Address) -> str:
    """The word by which the ladder knows that kind of channel."""
    if address.electronic:
        return "electronic"
    return "mail" if address.channel == "post" else address.channel


def _open(local: datetime, hours: str) -> bool:
    opens, closes = _minutes(hours)
    minute = local.hour * 60 + local.minute
    return opens <= minute < closes if opens < closes else minute >= opens or minute < closes


def _opening(day: date, hours: str, zone: tzinfo) -> datetime:
    opens, _ = _minutes(hours)
    return datetime.combine(day, time(opens // 60, opens % 60), tzinfo=zone)


def _minutes(hours: str) -> tuple[int, int]:
    """HH:MM-HH:MM as minutes of the day; what closes before it opens runs over midnight."""
    opens, closes = (int(end[:2]) * 60 + int(end[3:]) for end in hours.split("-"))
    return opens % DAY_MINUTES, closes


# --- reading ---------------------------------------------------------------------------------------------------------


def read_ladder(fields: Fields, known: Known) -> Ladder:
    """The tables `ladder`, `routing`, `before_hearing` and `embargo` of a rulebook."""
    part = fields.object("routing") or Fields({}, "/routing", [])
    ladder = Ladder(
        rungs=tuple(_rung(row) for row in fields.objects("ladder", least=1, most=MOST_RUNGS)),
        precedence=_precedence(part),
        cost=_cost(part),
        hours=_hours(part, known.knobs),
        grounds=_grounds(part),
        before_hearing=tuple(
            read_before_hearing(row, known) for row in fields.objects("before_hearing", least=0, most=MOST_RUNGS)
        ),
        embargoes=tuple(_embargo(row) for row in fields.objects("embargo", least=0, most=MOST_RUNGS)),
    )
    part.unknown()
    return ladder


def _rung(row: Fields) -> RouteRule:
    rung = RouteRule(
        media=row.word("media", MEDIA),
        address_class=row.optional_word("address_class", CLASSES),
        domicile=some_words(row, "domicile", words.DOMICILES),
        standing=some_words(row, "standing", words.STANDINGS),
        after=row.optional_word("after", CLASSES),
        wait=0 if row.get("wait") is None else row.number("wait", least=0, most=LONGEST_WAIT, default=0),
        parallel=row.word("parallel", PARALLEL, "never"),
        alone=row.flag("alone"),
        remind_after=row.number("remind_after", least=0, most=LONGEST_WAIT, default=0),
        task=row.optional_word("task", TASKS),
        **_why(row),
    )
    if rung.media not in ("electronic", "mail", "") and rung.task is None:
        row.fault("task", "missing", "What no channel of ours carries is a person's: name the task that asks for it.")
    row.unknown()
    return rung


def _why(row: Fields) -> dict[str, Any]:
    sentences = {name: row.text(name, most=LONGEST_REASON) or "" for name in ("reason", "reason_zh")}
    return {**sentences, "grounds": texts(row, "grounds")}


def _embargo(row: Fields) -> Embargo:
    embargo = Embargo(
        documents=row.words("documents", words.DOCUMENT_TYPES), roles=row.words("roles", words.ROLES), **_why(row)
    )
    row.unknown()
    return embargo


def _precedence(part: Fields) -> tuple[str, ...]:
    told = part.words("precedence", words.ADDRESS_BASES)
    missing = [basis for basis in words.ADDRESS_BASES if basis not in told]
    if told and {*told} <= {*words.ADDRESS_BASES} and missing:
        part.fault("precedence", "missing", f"It should name every basis; it lacks: {', '.join(missing)}.")
    return (*told, *missing)


def _cost(part: Fields) -> dict[str, int]:
    cost = part.object("cost", required=False) or Fields({}, "/routing/cost", [])
    found = {name: cost.number(name, least=0, most=10_000_000, default=0) for name in cost.value}
    for name in found:
        if name not in words.CHANNELS:
            cost.fault(name, "unknown_word", f"It should be one of: {', '.join(words.CHANNELS)}.")
    return found


def _hours(part: Fields, knobs: Mapping[str, Knob]) -> Knob | None:
    windows = {name: knob for name, knob in knobs.items() if knob.form == "HH:MM-HH:MM"}
    name = part.optional_word("hours_knob", tuple(windows))
    knob = windows.get(name or "")
    values = (knob.default, *(value for _, value in knob.since)) if knob else ()
    if any(FORMS["HH:MM-HH:MM"](value) and len({*_minutes(value)}) == 1 for value in values):
        part.fault("hours_knob", "empty", "The hours should have a length: nothing would ever be sent.")
    return knob


def _grounds(part: Fields) -> dict[str, tuple[str, ...]]:
    table = part.object("grounds", required=False)
    found = {name: texts(table, name, required=False) for name in BASED} if table else {}
    if table:
        table.unknown()
    return {name: found.get(name, ()) for name in BASED}
