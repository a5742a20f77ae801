"""Hostile bytes for every parser that meets the outside: `python -m tests.fuzz --minutes N`."""
