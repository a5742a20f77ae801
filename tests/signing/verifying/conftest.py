"""Two courts, a stranger who calls himself a court, an authority, and one honest pack."""

from __future__ import annotations

import pytest

from tests.signing.verifying import packs
from tests.signing.verifying.pki import Clock, Sealer, clock, sealer

COURT = "示例市滨江区人民法院"


@pytest.fixture(scope="session")
def court() -> Sealer:
    return sealer(COURT)


@pytest.fixture(scope="session")
def stranger() -> Sealer:
    """Of the same name: a name proves nothing."""
    return sealer(COURT)


@pytest.fixture(scope="session")
def authority() -> Clock:
    return clock()


@pytest.fixture(scope="session")
def pack(court: Sealer, authority: Clock) -> packs.Pack:
    return packs.honest(court, authority)
