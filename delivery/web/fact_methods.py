"""The methods by which a delivery goes on outside songda, and what else a clerk may have learnt: what each one records.

A method is one form. Its fields are those of its kinds of fact (core/facts.py), but for what the method itself says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from delivery.core.model import ELECTRONIC

ELECTRONIC_WAYS = (*sorted(ELECTRONIC), "phone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """`kinds`: the facts, at one time and of one attempt. `channels`: of the addresses it may be of; none: it is of the
    delivery. `makes`: the channel of a place that is not on file yet; None: there has to be an attempt. `visits`: a
    postal address may be gone to. `omits`: fields (`kind.name`) that play no part here. `says`: fields that the method
    decides. `offers`: the words that are left of a list. `evidence`: a person did it, so a file has to show it.
    """

    name: str
    group: str
    kinds: tuple[str, ...]
    channels: tuple[str, ...] = ()
    makes: str | None = None
    visits: bool = False
    omits: frozenset[str] = frozenset()
    says: Mapping[str, str] = field(default_factory=dict)
    offers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    evidence: bool = True


_OF_MAIL = frozenset(
    {"signed.id_on_receipt", "signed.relation_on_receipt", "signed.service_return_signed", "refused.noted"}
    | {"refused.identity_proven"}
)


def _direct(name: str, *kinds: str, group: str = "direct", visits: bool = True) -> Method:
    return Method(
        name=name,
        group=group,
        kinds=kinds,
        channels=("in_person",),
        makes="in_person",
        visits=visits,
        omits=_OF_MAIL | {"refused.note_signed_by_official"} if "left" in kinds else _OF_MAIL,
        offers={"refused.place": ("domicile",)} if "left" in kinds else {},
    )


def _through(name: str, kind: str, channel: str, to: tuple[str, ...] = ()) -> Method:
    return Method(
        name=name,
        group="through",
        kinds=(kind,),
        channels=(channel,),
        makes=channel,
        omits=_OF_MAIL,
        says={"handed_over.to": to[0]} if len(to) == 1 else {},
        offers={"handed_over.to": to} if len(to) > 1 else {},
    )


def _later(name: str, channels: tuple[str, ...], *, evidence: bool = True) -> Method:
    """About something that was sent."""
    return Method(name=name, group="later", kinds=(name,), channels=channels, evidence=evidence)


def _of_delivery(name: str, *, evidence: bool = True) -> Method:
    return Method(name=name, group="later", kinds=(name,), evidence=evidence)


_ALL = (
    _direct("direct_signed", "signed"),
    _direct("refused_left", "refused", "left"),
    _direct("left", "left"),
    _direct("refused_in_person", "refused"),
    Method(
        name="counter_signed",
        group="court",
        kinds=("signed",),
        channels=("in_person", "notice"),
        makes="in_person",
        omits=_OF_MAIL,
    ),
    Method(
        name="collection_window",
        group="court",
        kinds=("collection_window",),
        channels=("in_person",),
        makes="in_person",
        evidence=False,
    ),
    _direct("pronounced", "pronounced", group="court", visits=False),
    _through("entrusted_handed_over", "handed_over", "entrusted", ("court",)),
    _through("entrusted_signed", "signed", "entrusted"),
    _through("institution_handed_over", "handed_over", "institution", ("prison", "institution", "military_unit")),
    _through("institution_signed", "signed", "institution"),
    Method(name="phone_call", group="phone", kinds=("phone_call",), channels=("phone",), makes="phone", evidence=False),
    Method(name="notice_ordered", group="notice", kinds=("notice_ordered",), channels=("notice",), makes="notice"),
    Method(name="published", group="notice", kinds=("published",), channels=("notice",), makes="notice"),
    _later("arrival_proved", tuple(sorted(ELECTRONIC))),
    _later("procedural_act", ELECTRONIC_WAYS),
    _later("audit_finding", tuple(sorted(ELECTRONIC)), evidence=False),
    _later("content_mismatch", ("post",)),
    _later("circumstances_found", ("post",)),
    _of_delivery("paper_handed_over"),
    _of_delivery("paper_requested", evidence=False),
    _of_delivery("e_service_refused"),
    _of_delivery("repudiated"),
    _of_delivery("hearing_missed", evidence=False),
)
METHODS: Mapping[str, Method] = {method.name: method for method in _ALL}
GROUPS = ("direct", "court", "through", "phone", "notice", "later")
