"""What a person can do about a task: the forms of this console that record it, filled in as far as is known. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlencode

from delivery.core.byhand import address_of
from delivery.core.model import Delivery, Task
from delivery.web.fact_methods import METHODS, Method
from delivery.web.fact_places import places
from delivery.web.pages import Text
from delivery.web.slips import letters

NOTICE, SLIP, ADDRESS, CONSENT, WHO, STANDING = "notice", "slip", "address", "consent", "representative", "standing"
PAGES = (NOTICE, SLIP, ADDRESS, CONSENT, WHO, STANDING)
"""Forms that are no method: the public notice, the mail slip, and the parts of the news of the recipient."""

_BY_HAND = ("direct_signed", "refused_left", "left", "counter_signed")
_AT_ONCE = ("direct_signed", "refused_left", "counter_signed", "phone_call", "entrusted_handed_over", ADDRESS)
WAYS: Mapping[str, tuple[str, ...]] = {
    "direct_service": (*_BY_HAND, "refused_in_person"),
    "entrust": ("entrusted_handed_over", "entrusted_signed"),
    "public_notice": (NOTICE, "notice_ordered", "published"),
    "fix_notice": (NOTICE, "published"),
    "exhaust_other_methods": (*_BY_HAND, "phone_call", NOTICE),
    "at_risk": _AT_ONCE,
    "phone_confirm": ("phone_call",),
    "serve_via_institution": ("institution_handed_over", "institution_signed", WHO),
    "serve_guardian": (WHO, ADDRESS, *_BY_HAND),
    "serve_party": (ADDRESS, *_BY_HAND),
    "serve_successor": (WHO, ADDRESS, STANDING),
    "serve_again": (ADDRESS, *_BY_HAND),
    "mail": (ADDRESS, *_BY_HAND),
    "repost_mail": (ADDRESS, *_BY_HAND),
    "other_foreign_way": (ADDRESS, "entrusted_handed_over", "circumstances_found"),
    "address_lookup": (ADDRESS,),
    "send_to_new_address": (ADDRESS,),
    "prove_ownership": (ADDRESS,),
    "ask_consent": (CONSENT,),
    "cure_evidence": (SLIP,),
    "track_mail": (SLIP,),
    "unclear_receipt": (SLIP,),
    "objection": ("arrival_proved", "procedural_act", "audit_finding"),
    "judge_decision": ("arrival_proved", "procedural_act", "circumstances_found", STANDING),
    "send_paper_copy": ("paper_handed_over",),
    "not_me": (ADDRESS,),
    "second_factor_failed": (ADDRESS,),
}


def ways(delivery: Delivery, task: Task, text: Text) -> Iterator[tuple[str, str]]:
    """(address below the delivery's page, what it is called); nothing where it could not be filled in."""
    for name in WAYS.get(task.kind, ()):
        if name in METHODS:
            yield from _method(METHODS[name], delivery, task, text)
        elif name != SLIP or letters(delivery):
            yield _page(name, delivery, task), text(f"way.{name}")


def _method(method: Method, delivery: Delivery, task: Task, text: Text) -> Iterator[tuple[str, str]]:
    """Where it is a step of the route, the place of that step is chosen already: its latest try, or the first."""
    found = places(method, delivery)
    if method.channels and not found:
        return
    wanted = address_of(task) or _address(delivery, task)
    here = next((one.value for one in found if one.address and one.address.id == wanted and not one.visit), None)
    query = f"?{urlencode({'place': here})}" if here else ""
    yield f"facts/{method.name}{query}", text(f"method.{method.name}")


def _page(name: str, delivery: Delivery, task: Task) -> str:
    if name in (NOTICE, SLIP):
        return name
    known = _address(delivery, task) if task.kind == "prove_ownership" else None
    return f"recipient?address={quote(known)}#address" if known else f"recipient?part={name}#{name}"


def _address(delivery: Delivery, task: Task) -> str | None:
    """The address of the attempt that the task is about."""
    attempt = delivery.attempt(task.attempt) if task.attempt else None
    return attempt.address if attempt else None
