"""What both writers of seals are told: the same order, whoever carries it out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from signing.cms import CmsSigner
from signing.placement import Place

PRINT_AND_LOCKED = 4 | 128
"""Annotation flags (ISO 32000-1 §12.5.3): the seal is printed, and nobody moves it."""


@dataclass(frozen=True)
class Order:
    """One seal to be written. `room` is in octets, for the container; `at` is aware; `art` is a deflated content stream
    around the origin; `tooltip` names the seal and says what it covers.
    """

    signer: CmsSigner = field(repr=False)
    room: int
    court_name: str
    at: datetime
    reason: str
    location: str
    tooltip: str
    art: bytes = field(repr=False)
    place: Place

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The seal's box in whole points of the page's own space, as square as it was: left, bottom, right, top."""
        left, bottom = round(self.place.box[0]), round(self.place.box[1])
        side = round(self.place.box[2] - self.place.box[0])
        return left, bottom, left + side, bottom + side
