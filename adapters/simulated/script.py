"""The scripts of a rehearsal: what a provider answers and what happens next (docs/rehearsal.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "email": "taken; 1m arrived",
        "sms": "taken; 1m arrived",
        "im": "taken; 1m arrived",
        "platform": "taken; 1m arrived",
        "fax": "taken; 1m arrived",
        "post": "taken; 4h posted; 2d signed:self",
    }
)
"""What an address without a script plays, by channel."""

MAX_SCRIPT = 500
MAX_TIMES = 20

REASONS_BOUNCED = frozenset({"mailbox_unknown", "number_void", "mailbox_full", "blocked"})
REASONS_RETURNED = frozenset(
    {"refused", "unknown_person", "no_such_address", "moved", "nobody_home", "content_mismatch"},
)
RESULTS_ATTEMPTED = frozenset({"nobody_home", "refused", "moved", "unknown_person", "no_such_address"})
FAMILY = frozenset({"spouse", "child", "parent", "sibling", "other_relative"})
OF_AN_ENTITY = frozenset(
    {"legal_representative", "mailroom", "wholly_owned_enterprise", "representative_office", "branch", "business_agent"}
)
FOR_THE_RECIPIENT = frozenset(
    {"guardian", "litigation_agent", "designated_receiver", "co_defendant_company", "representative_in_china"}
)
OTHERS = frozenset(
    {"employer_head", "neighbour", "landlord", "property_management", "parcel_locker", "colleague", "opponent"}
)
RELATIONS = FAMILY | OF_AN_ENTITY | FOR_THE_RECIPIENT | OTHERS | {"self", "unverified"}
SIGNERS = RELATIONS | {"other"}
"""`other`: the carrier says that somebody else signed, and no more."""

NOTHING: frozenset[str] = frozenset()
ANSWERS: Mapping[str, bool] = MappingProxyType(
    {"taken": False, "refused": True, "later": True, "lost": False, "lost_before": False}
)
"""The words of the first part, and whether a `:CODE` may follow."""

HAPPENINGS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "arrived": NOTHING,
        "relayed": NOTHING,
        "delayed": NOTHING,
        "bounced": REASONS_BOUNCED,
        "read": NOTHING,
        "replied": NOTHING,
        "posted": NOTHING,
        "out_for_delivery": NOTHING,
        "attempted": RESULTS_ATTEMPTED,
        "signed": SIGNERS,
        "returned": REASONS_RETURNED,
        "lost": NOTHING,
        "cancelled": NOTHING,
        "slip_posted": NOTHING,
        "slip_delivered": NOTHING,
    }
)
"""The words of the further parts, and the arguments each must have one of."""

_UNITS = MappingProxyType({"s": "seconds", "m": "minutes", "h": "hours", "d": "days"})
_WORD = re.compile(r"(?P<word>[a-z_]+)(?::(?P<argument>[A-Za-z0-9_.-]{1,40}))?(?:\*(?P<times>[0-9]{1,3}))?")
_DELAY = re.compile(r"([0-9]{1,4})([smhd])")


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """What one call answers. `lost`: it took effect, the answer went missing; `lost_before`: it did not take effect."""

    kind: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """What happens `after` the taking and is reported `reported_after` the taking, `times` times over."""

    after: timedelta
    reported_after: timedelta
    what: str
    argument: str | None = None
    times: int = 1


@dataclass(frozen=True, slots=True)
class Script:
    """`answers`: what successive calls answer; the last one repeats. There is at least one."""

    answers: tuple[ScriptedAnswer, ...] = (ScriptedAnswer("taken"),)
    happenings: tuple[Happening, ...] = ()

    def answer(self, call: int) -> ScriptedAnswer:
        """What the `call`-th call is answered, counted from 1."""
        return self.answers[min(call, len(self.answers)) - 1]


class ScriptError(ValueError):
    """A script that cannot be played; `faults` has one sentence for each mistake."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))


def parse_script(text: str) -> Script:
    """Read a script (grammar: docs/rehearsal.md). Raises ScriptError with all its faults."""
    if len(text) > MAX_SCRIPT:
        raise ScriptError([f"a script has at most {MAX_SCRIPT} characters"])
    first, *rest = (part.strip() for part in text.split(";"))
    faults: list[str] = []
    answers = _answers(first, faults)
    happenings = tuple(filter(None, (_happening(part, faults) for part in rest)))
    if happenings and happenings[0].what == "cancelled":
        faults.append("cancelled takes back the happening before it, and there is none")
    if faults:
        raise ScriptError(dict.fromkeys(faults))
    return Script(answers, happenings)


def _answers(part: str, faults: list[str]) -> tuple[ScriptedAnswer, ...]:
    if not part:
        faults.append(f"a script begins with what the call answers: {', '.join(ANSWERS)}")
    answers: list[ScriptedAnswer] = []
    for written in part.split():
        word, code, times = _word(written, faults)
        if word not in ANSWERS:
            faults.append(f"{written!r} is no answer: {', '.join(ANSWERS)}")
        elif code and not ANSWERS[word]:
            faults.append(f"{word} has no code")
        answers += [ScriptedAnswer(word, code)] * times
    return tuple(answers)


def _happening(part: str, faults: list[str]) -> Happening | None:
    delays, _, written = part.partition(" ")
    word, argument, times = _word(written.strip(), faults)
    allowed = HAPPENINGS.get(word)
    if allowed is None:
        faults.append(f"{part!r} is no happening: a delay, then one of {', '.join(HAPPENINGS)}")
        return None
    if allowed and argument not in allowed:
        faults.append(f"{word} needs one of {', '.join(sorted(allowed))}")
    elif argument and not allowed:
        faults.append(f"{word} has no argument")
    happened, _, reported = delays.partition("/")
    after, reported_after = _delay(happened, faults), _delay(reported or happened, faults)
    if reported_after < after:
        faults.append(f"{part!r} is reported before it happens")
    return Happening(after, reported_after, word, argument, times)


def _word(written: str, faults: list[str]) -> tuple[str, str | None, int]:
    """`word[:argument][*times]`; the word comes back as it was written when it has no such shape."""
    found = _WORD.fullmatch(written)
    if found is None:
        return written, None, 1
    times = int(found["times"] or 1)
    if not 1 <= times <= MAX_TIMES:
        faults.append(f"{written!r}: between 1 and {MAX_TIMES} times")
    return found["word"], found["argument"], min(times, MAX_TIMES)


def _delay(written: str, faults: list[str]) -> timedelta:
    found = _DELAY.fullmatch(written)
    if found is None:
        faults.append(f"{written!r} is no delay: a number and one of s, m, h, d")
        return timedelta()
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
