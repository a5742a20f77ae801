"""The keys of a court's seal: what is known of each, what was done with it by whom, and what follows from that.

A key is a row that never changes; what becomes of it are acts, appended. Two clerks enable a key before it seals
(dual control), one of them a judge; a judge alone revokes, because a lost key cannot wait for a second person. Keys
themselves are nowhere here: a row says where one is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MADE, ENABLED, REVOKED = "made", "enabled", "revoked"
ITSELF = "(songda)"
"""Who enables the first key of an installation that makes its own keys (local, demo): nobody, and it says so. It is
no name that an account can have.
"""

JUDGE = "judge"

SECOND = "sm2-sm3"
"""The algorithm of keys that make a court's second seal: they are counted apart, and neither replaces the other."""


class KeyState(StrEnum):
    """Where a key is on its way, most of it counted from its acts."""

    MADE = "made"
    HALF_ENABLED = "half_enabled"
    ENABLED = "enabled"
    SEALING = "sealing"
    RETIRED = "retired"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Refusal(StrEnum):
    """Why an act is not recorded."""

    UNKNOWN = "unknown"
    SAME_PERSON = "same_person"
    NEEDS_JUDGE = "needs_judge"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAct:
    """Who did what, when and why. `since`: of `made`, from when the key may seal; of `revoked`, from when its seals are
    not to be believed.
    """

    at: datetime
    act: str
    by: str
    role: str
    reason: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealKey:
    """One key. `id`: the first 16 hex digits of `fingerprint`, the SHA-256 of its certificate. `source`: where it is,
    as JSON. `certificate`: PEM, the key's own first. Moments are aware; `acts` in the order of their recording.
    """

    id: str
    court: str
    source: str
    algorithm: str
    bits: int
    subject: str
    fingerprint: str
    certificate: str
    not_before: datetime
    not_after: datetime
    acts: tuple[KeyAct, ...] = ()

    @property
    def second(self) -> bool:
        """Whether it makes the court's second seal."""
        return self.algorithm == SECOND

    @property
    def enabled_by(self) -> tuple[KeyAct, ...]:
        return tuple(act for act in self.acts if act.act == ENABLED)

    @property
    def revoked(self) -> KeyAct | None:
        return next((act for act in self.acts if act.act == REVOKED), None)

    @property
    def seals_from(self) -> datetime | None:
        """The later of the day planned and the moment the last clerk enabled it; None while it may not seal."""
        enablings = self.enabled_by
        if self.revoked or not (len(enablings) >= 2 or any(act.by == ITSELF for act in enablings)):
            return None
        planned = [act.since for act in self.acts if act.act == MADE and act.since]
        by_itself = next((act for act in enablings if act.by == ITSELF), None)
        last = by_itself.since or by_itself.at if by_itself else enablings[1].at
        return max([last, self.not_before, *planned])


def sealing(keys: Iterable[SealKey], court: str, at: datetime, *, second: bool = False) -> SealKey | None:
    """The key with which that court seals at that moment: of those that may, the one that began last. `second`: the
    one of its second seal.
    """
    fit = [key for key in keys if (key.court, key.second) == (court, second) and _may_seal(key, at)]
    return max(fit, key=_began, default=None)


def _may_seal(key: SealKey, at: datetime) -> bool:
    return key.seals_from is not None and key.seals_from <= at <= key.not_after


def state_of(key: SealKey, keys: Iterable[SealKey], now: datetime) -> KeyState:
    """`retired`: a newer key of its court seals; what it sealed stays good."""
    if key.revoked:
        return KeyState.REVOKED
    if key.seals_from is None:
        return KeyState.HALF_ENABLED if key.enabled_by else KeyState.MADE
    if now > key.not_after:
        return KeyState.EXPIRED
    if now < key.seals_from:
        return KeyState.ENABLED
    return KeyState.SEALING if sealing(keys, key.court, now, second=key.second) == key else KeyState.RETIRED


def refusal_to_enable(key: SealKey | None, by: str, role: str) -> Refusal | None:
    """Why that person cannot enable it; None where they can."""
    if key is None:
        return Refusal.UNKNOWN
    if key.revoked or key.seals_from is not None:
        return Refusal.OVER
    before = key.enabled_by
    if any(act.by == by for act in before):
        return Refusal.SAME_PERSON
    if before and JUDGE not in (role, *(act.role for act in before)):
        return Refusal.NEEDS_JUDGE
    return None


def refusal_to_revoke(key: SealKey | None, by: str, role: str) -> Refusal | None:
    """Why that person cannot revoke it; None where they can."""
    if key is None:
        return Refusal.UNKNOWN
    if key.revoked:
        return Refusal.OVER
    return None if role == JUDGE else Refusal.NEEDS_JUDGE


def overlapping(keys: Sequence[SealKey], court: str, *, second: bool = False) -> tuple[SealKey, ...]:
    """Whose certificates a verifier is handed: all that have sealed or will, the newest first, and none revoked."""
    usable = [key for key in keys if (key.court, key.second) == (court, second) and key.seals_from is not None]
    return tuple(sorted(usable, key=_began, reverse=True))


def _began(key: SealKey) -> tuple[datetime, str]:
    return (key.seals_from or key.not_before, key.id)
