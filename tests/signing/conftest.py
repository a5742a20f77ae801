"""One key file and one seal for the whole run: making them takes longer than using them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from signing.keys import KeyFile, OpenedKeys, make_key_file, open_key_file
from signing.pdf import Seal, load_seal

PASSWORD = b"correct horse battery"
COURT_NAME = "示例市滨江区人民法院"
LABEL = "电子送达专用章"
AT = datetime(2026, 3, 4, 2, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def key_file() -> KeyFile:
    validity = datetime(2025, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)
    return make_key_file(
        PASSWORD, court="demo", court_name=COURT_NAME, not_before=validity[0], not_after=validity[1], serial=4711
    )


@pytest.fixture(scope="session")
def keys(key_file: KeyFile) -> OpenedKeys:
    return open_key_file(key_file.content, PASSWORD)


@pytest.fixture(scope="session")
def court_seal(keys: OpenedKeys) -> Seal:
    return load_seal(keys.private_key_pem, keys.certificate_pem, COURT_NAME, LABEL)
