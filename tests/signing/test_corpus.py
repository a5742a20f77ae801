"""Every PDF of the corpus is sealed, and three third parties accept the result; how many went the slow way is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from signing import pdf
from signing.keys import KeyFile
from signing.pdf import Seal, Sealed
from tests.signing import judges
from tests.signing.conftest import AT
from tests.signing.corpus import Specimen, kept

SLOW_WAY = 0.1
"""Of the corpus, the share that may fall back to pyHanko: what an earlier signature restricts, and damaged files."""


LOCKED = "pyhanko-locked-all"
"""A party locked every field, which pyHanko takes as a ban on any later signature; others do not read it so."""


@dataclass(frozen=True)
class Case:
    """A specimen, and what became of it."""

    specimen: Specimen
    sealed: Sealed


@pytest.fixture(scope="module")
def cases(request: pytest.FixtureRequest, court_seal: Seal) -> list[Case]:
    # Kept beside pytest's own cache: making the corpus takes half a minute.
    specimens = kept(Path(str(request.config.cache.mkdir("pdf-corpus"))))
    return [
        Case(one, pdf.sealed(one.content, court_seal, at=AT, reason="送达", location="示例市")) for one in specimens
    ]


def test_it_is_large_and_of_many_producers(cases: list[Case]) -> None:
    share = Counter(f"{case.specimen.producer} {case.specimen.version}" for case in cases)
    print(*(f"{number:>4} {producer}" for producer, number in share.most_common()), sep="\n")
    assert len(cases) >= 200
    assert len(share) >= 6
    assert max(share.values()) <= len(cases) / 5


def test_few_go_the_slow_way(cases: list[Case]) -> None:
    slow = [case for case in cases if case.sealed.path is pdf.Path.FALLBACK]
    print(f"{len(slow)} of {len(cases)} were sealed by pyHanko:")
    print(*(f"  {case.specimen.name}: {case.sealed.why}" for case in slow), sep="\n")
    assert len(slow) <= len(cases) * SLOW_WAY


def test_what_was_filed_is_the_beginning_of_what_is_sealed(cases: list[Case]) -> None:
    assert failed(case for case in cases if not case.sealed.content.startswith(case.specimen.content)) == []


def test_pyhanko_accepts_them_and_the_signatures_before(cases: list[Case], key_file: KeyFile) -> None:
    def refused(case: Case) -> bool:
        content = case.sealed.content
        earlier = case.specimen.name == LOCKED or judges.earlier_signatures_hold(content)
        return not (earlier and judges.pyhanko_accepts(content, key_file.certificate_pem))

    assert failed(case for case in cases if refused(case)) == []


def test_pdfsig_accepts_them_and_the_signatures_before(cases: list[Case], tmp_path: Path) -> None:
    def refused(case: Case) -> bool:
        verdicts = judges.pdfsig(case.sealed.content, folder_of(case, tmp_path))
        whole = [verdict.whole for verdict in verdicts]
        return not all(verdict.valid for verdict in verdicts) or sum(whole) != 1

    assert failed(side_by_side(refused, cases)) == []


def test_qpdf_finds_nothing_that_it_did_not_find_before(cases: list[Case], tmp_path: Path) -> None:
    def worse(case: Case) -> bool:
        folder = folder_of(case, tmp_path)
        complaint = judges.qpdf_complains(case.sealed.content, folder)
        return complaint != "" and judges.qpdf_complains(case.specimen.content, folder) == ""

    assert failed(side_by_side(worse, cases)) == []


def failed(cases: Iterator[Case]) -> list[str]:
    return [f"{case.specimen.name} ({case.sealed.path})" for case in cases]


def side_by_side(judge: object, cases: list[Case]) -> Iterator[Case]:
    """The cases that `judge` answers with True; the judges are programs of their own, so threads are enough."""
    assert callable(judge)
    with ThreadPoolExecutor(2) as threads:
        for case, answer in zip(cases, threads.map(judge, cases), strict=True):
            if answer:
                yield case


def folder_of(case: Case, tmp_path: Path) -> Path:
    folder = tmp_path / case.specimen.name
    folder.mkdir(exist_ok=True)
    return folder
