"""The contract suite's asserts explain themselves like those of any test."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.adapters.contract")
