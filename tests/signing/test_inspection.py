"""Every defect gets its code, all of them at once, and an honest document none."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.pdf import Limits, inspect
from tests import servers
from tests.signing import documents


@pytest.mark.parametrize("defect", documents.BAD)
def test_each_defect_is_named(defect: str) -> None:
    make, codes = documents.BAD[defect]
    findings = inspect(make(), Limits())
    assert {fault.code for fault in findings.faults} == codes
    assert all(
        "should" in fault.message or "give" in fault.message or "write it" in fault.message for fault in findings.faults
    )


@pytest.mark.parametrize("name", documents.GOOD | documents.HARMLESS)
def test_an_honest_document_has_no_fault(name: str) -> None:
    content = (documents.GOOD | documents.HARMLESS)[name]()
    findings = inspect(content, Limits())
    assert findings.faults == ()
    assert findings.pages == (2 if name == "pdfium-two-pages" else 1)
    assert (findings.size, findings.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_all_faults_are_found_at_once() -> None:
    make, _ = documents.BAD["script-and-launch"]
    content = make()
    findings = inspect(content, Limits(max_bytes=len(content) - 1, max_pages=0))
    assert {fault.code for fault in findings.faults} == {"too_large", "too_many_pages", "javascript", "launch_action"}
    assert f"at most {len(content) - 1}" in findings.faults[0].message


def test_limits_include_their_own_figure() -> None:
    content = documents.reportlab_letter(pages=2)
    assert inspect(content, Limits(max_bytes=len(content), max_pages=2)).faults == ()


MEASURED = """
import resource
from signing.pdf import Limits, inspect
from tests.signing import documents

content = documents.BAD["object-stream-bomb"][0]()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert [fault.code for fault in inspect(content, Limits()).faults] == ["unreadable"]
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_bomb_takes_no_more_memory_than_allowed() -> None:
    command = [sys.executable, "-c", MEASURED]
    answer = subprocess.run(command, cwd=servers.PROJECT, capture_output=True, text=True, check=True)
    assert int(answer.stdout) < 400  # MiB, against the 1,000 and more of unbounded unpacking


LETTER = documents.reportlab_letter()


@settings(max_examples=150, deadline=None)
@given(st.integers(9, len(LETTER) - 1), st.binary(min_size=1, max_size=40))
def test_no_damage_makes_it_raise(at: int, noise: bytes) -> None:
    findings = inspect(LETTER[:at] + noise + LETTER[at + len(noise) :], Limits())
    assert findings.pages >= 0
