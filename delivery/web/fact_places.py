"""Where a fact learnt elsewhere happened: an attempt on record, a further one at a known address, or a new place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from delivery.core.fields import Fault, Fields
from delivery.core.model import Address, Attempt, Delivery, PostalAddress
from delivery.core.recipients import LONGEST_VALUE, ScriptPolicy, read_address
from delivery.core.standing import all_attempts, standing_facts
from delivery.web.fact_methods import Method

NEW = "new"
NEW_ID = re.compile(r"desk-[0-9]{1,4}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One choice of the form. `value`: `address|number`, `visit|address|id`, or `new`; `attempt`: None where it would
    be a further one.
    """

    value: str
    address: Address | None = None
    number: int = 1
    attempt: Attempt | None = None

    @property
    def visit(self) -> bool:
        return self.value.startswith("visit|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Where it happened: address id and number of the attempt; `address`: where it is not on file yet."""

    place: tuple[str, int] | None = None
    address: Address | None = None
    faults: tuple[tuple[str, str], ...] = ()


def places(method: Method, delivery: Delivery) -> list[Place]:
    """What a clerk can choose from; empty where the method is of the delivery, or where nothing was sent that fits."""
    if not method.channels:
        return []
    attempts = all_attempts(delivery, standing_facts(delivery))
    found = [place for address in _fitting(method, delivery) for place in _at(method, address, attempts)]
    if method.visits:
        found += [_visit(address, delivery) for address in delivery.recipient.addresses if address.channel == "post"]
    return [*found, Place(value=NEW)] if method.makes else found


def _fitting(method: Method, delivery: Delivery) -> Iterable[Address]:
    return (address for address in delivery.recipient.addresses if address.channel in method.channels)


def _at(method: Method, address: Address, attempts: Sequence[Attempt]) -> Iterable[Place]:
    """The attempts there, the latest first; and a further one, where the method makes places of that kind."""
    made = sorted((one for one in attempts if one.address == address.id), key=lambda one: -one.number)
    for attempt in made:
        yield Place(value=f"{address.id}|{attempt.number}", address=address, number=attempt.number, attempt=attempt)
    if method.makes == address.channel:
        number = 1 + max((one.number for one in made), default=0)
        yield Place(value=f"{address.id}|{number}", address=address, number=number)


def _visit(address: Address, delivery: Delivery) -> Place:
    return Place(value=f"visit|{address.id}|{free_id(delivery)}", address=address)


def free_id(delivery: Delivery) -> str:
    """The id of a place that is not on file yet. It stands in the form, so that a second click names the same place."""
    taken = {address.id for address in delivery.recipient.addresses}
    return next(name for name in (f"desk-{n}" for n in range(1, 10_000)) if name not in taken)


def choose(method: Method, delivery: Delivery, form: Mapping[str, str]) -> Chosen:
    """The place that the form names."""
    if not method.channels:
        return Chosen()
    told = form.get("place", "")
    if told == NEW and method.makes:
        return _new(method.makes, delivery, form)
    if told.startswith("visit|") and method.visits:
        return _visited(delivery, told)
    known = next((place for place in places(method, delivery) if place.value == told and place.address), None)
    if known is None or known.address is None:
        return Chosen(faults=(("place", "missing"),))
    return Chosen(place=(known.address.id, known.number))


def _new(channel: str, delivery: Delivery, form: Mapping[str, str]) -> Chosen:
    faults: list[Fault] = []
    name = form.get("new_id", "")
    told = {"id": name if NEW_ID.fullmatch(name) else free_id(delivery), "channel": channel, "basis": "none"}
    told["value"] = " ".join(form.get("value", "").split())
    address = read_address(Fields(told, "", faults), {"recipient"}, NO_SCRIPTS)
    if faults:
        return Chosen(faults=tuple(("value", _empty(fault.code)) for fault in faults))
    return _placed(address, delivery)


def _visited(delivery: Delivery, told: str) -> Chosen:
    """Going to a postal address: another way to the same place, which the court has on the same basis."""
    _, of, name = (*told.split("|"), "", "")[:3]
    post = next((one for one in delivery.recipient.addresses if (one.id, one.channel) == (of, "post")), None)
    if post is None or NEW_ID.fullmatch(name) is None:
        return Chosen(faults=(("place", "missing"),))
    value = _where(post.value)[:LONGEST_VALUE]
    return _placed(replace(post, id=name, channel="in_person", value=value, script=None), delivery)


def _where(value: str | PostalAddress) -> str:
    if isinstance(value, str):
        return value
    return f"{value.province}{value.city}{value.county}{value.detail}"


def _placed(address: Address, delivery: Delivery) -> Chosen:
    """That id is taken by another place where two clerks were at it at once: then the next one."""
    known = next((one for one in delivery.recipient.addresses if one.id == address.id), None)
    if known is not None and known != address:
        address = replace(address, id=free_id(delivery))
    return Chosen(place=(address.id, 1), address=address)


def _empty(code: str) -> str:
    return "missing" if code in ("too_short", "blank") else code


NO_SCRIPTS = ScriptPolicy(parse=str, simulated=frozenset())
"""What a clerk enters is a real place: a script is for a filing (contract.md §6)."""
