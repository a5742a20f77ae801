"""Tests, and the real servers they talk to."""
