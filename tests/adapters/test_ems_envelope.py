"""The envelope of EMS, against openssl and the published vector."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.ems.envelope import open_envelope, seal_envelope
from tests.adapters.ems_rig import KEY, openssl_sm4, settings

VECTOR = "|$4|Cxw0zFywnLWl96nPdnpqvleaI0bLkZBscY2+X0YetvA95whhBwil4Otl+RGEdGJdVbRuHPHl6KvFS1b3G/uL8A=="


def test_the_published_vector() -> None:
    assert seal_envelope('{"waybillNo":"1234567890123"}', KEY) == VECTOR
    assert open_envelope(VECTOR, KEY) == '{"waybillNo":"1234567890123"}'


@pytest.mark.parametrize("text", ["", "{}", "法院专递", "x" * 15, "x" * 16, "x" * 4000])
def test_openssl_seals_and_opens_the_same(text: str) -> None:
    sealed = base64.b64decode(seal_envelope(text, KEY).removeprefix("|$4|"))
    assert openssl_sm4(sealed, "-d").decode() == text + KEY
    assert sealed == openssl_sm4((text + KEY).encode())
    for told in (text, text + KEY):  # pushes seem to come without the key text: both are read
        assert open_envelope("|$4|" + base64.b64encode(openssl_sm4(told.encode())).decode(), KEY) == text


@given(st.text().filter(lambda text: not text.endswith(KEY)))
def test_what_was_sealed_is_opened(text: str) -> None:
    assert open_envelope(seal_envelope(text, KEY), KEY) == text


@given(st.one_of(st.text(max_size=100), st.binary(max_size=100).map(lambda b: base64.b64encode(b).decode())))
def test_garbage_is_a_value_error_or_text(envelope: str) -> None:
    with suppress(ValueError):
        assert isinstance(open_envelope(envelope, KEY), str)


@pytest.mark.parametrize("key", ["", "short", base64.b64encode(b"fifteen bytes..").decode(), "密钥"])
def test_a_wrong_key_is_told_without_showing_it(key: str) -> None:
    with pytest.raises(ValueError, match="16 bytes") as caught:
        settings(key=key)
    assert not key or key not in str(caught.value)
