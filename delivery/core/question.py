"""What the effect engine is asked: one document, one recipient, the facts that stand, and the instant of the question.

The unit of service is a document for a recipient (CPL 87-88, CPLI 244); a question knows nothing of batches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from delivery.core.model import Case, Document, Fact, Recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`facts`: those that stand and are known at `as_of`. `knobs`: the court's settings that differ from the rulebook's
    defaults. `accepted`, `rejected`: proposals (judging.proposal) that a named person decided on.
    """

    case: Case
    document: Document
    recipient: Recipient
    facts: tuple[Fact, ...]
    as_of: datetime
    knobs: Mapping[str, str] = field(default_factory=dict)
    accepted: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()
