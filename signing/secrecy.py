"""Keeps the memory of a process that holds keys to itself: no core dump, no reading of it by a neighbour."""

from __future__ import annotations

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4  # prctl(2)


def keep_memory_private() -> None:
    """For processes that hold or may hold a key. Programs they start inherit the limit on core dumps.

    On Linux the process is also made undumpable: piped core dumps (core(5)) ignore the limit, and other processes of
    the same user may not attach to it.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
