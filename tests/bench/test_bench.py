"""The bench measures what it says: played through once with small counts, its own checks on."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature

from tests.bench import __main__ as bench
from tests.bench import seal_corpus, seal_keys, seal_speed
from tests.bench.checked import assert_signed
from tests.signing import documents
from tests.signing.corpus import Specimen

SMALL = bench.Counts(
    submissions=4,
    deliveries=3,
    warm_up=1,
    seals=2,
    keys=("RSA-2048", "SoftHSM2, P-256"),
    proofs=2,
    pages=3,
    rounds=1,
    pairs=1,
    turn=2,
    leaves=(300,),
    sequenced=9,
    inclusions=5,
)


def test_submissions_and_deliveries(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench.intake(tmp_path / "intake", SMALL)
    bench.deliveries_on_sqlite(tmp_path / "sqlite", SMALL)
    printed = capsys.readouterr().out
    assert [line[2:40].strip() for line in printed.splitlines()] == [
        "submissions accepted over HTTP",
        "submissions accepted over NATS",
        "deliveries, submission to proof, SQLit",
        "recipient page before the second facto",
        "recipient page with the documents",
    ]


def test_what_the_ledger_costs_the_main_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench.beside_sequencing(tmp_path, SMALL)
    line, _ = capsys.readouterr().out.splitlines()
    assert line.startswith("  deliveries /s, with the ledger : without it")
    assert not line.endswith(" 0 events sequenced meanwhile")


def test_seals_beside_plain_pyhanko(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench.seals(tmp_path, SMALL)
    printed = capsys.readouterr().out
    assert printed.count("songda beside it") == 3 + 2
    assert printed.count("0% made by the fallback") == 2
    assert printed.count("the first of a new process") == 2
    assert printed.count("pyHanko, as documented") == 1


def test_each_output_is_judged() -> None:
    source, recipe = documents.reportlab_letter(), seal_keys.RECIPES["P-256"]
    certificate, other = recipe().chain[0], seal_keys.RECIPES["RSA-2048"]().chain[0]
    output = seal_speed.ways(recipe)[seal_speed.OURS](source)
    assert_signed(output, source, certificate)
    changed = output.replace(b"/Location", b"/Lacation")
    for wrong in ((changed, source, certificate), (output, source, other), (output + b"\n", source, certificate)):
        with pytest.raises(AssertionError):
            assert_signed(*wrong)
    hexed = output[: output.rindex(b"0000>")].rstrip(b"0")
    broken = hexed[:-2] + (b"00" if hexed[-2:] != b"00" else b"01") + output[len(hexed) :]
    with pytest.raises(InvalidSignature):
        assert_signed(broken, source, certificate)


def test_the_corpus_by_producer() -> None:
    specimens = [Specimen(name, name[:1], "1", make()) for name, make in seal_speed.SOURCES.items()]
    refused = Specimen("no PDF", "n", "1", b"none")
    found = seal_corpus.measure(seal_keys.RECIPES["P-256"], 1, [*specimens, refused])
    assert sum(share.count for share in found.by_producer.values()) == found.whole.count == len(specimens)
    assert (found.refused, found.fallbacks) == (("no PDF",), 0)


def test_proofs_and_packs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench.proofs_and_packs(tmp_path, SMALL)
    assert [line[2:13].strip() for line in capsys.readouterr().out.splitlines()] == ["proof: evid", "proof pack"]


def test_effects_and_periods(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench.law(tmp_path, SMALL)
    assert [line[2:12].strip() for line in capsys.readouterr().out.splitlines()] == [
        "effects: v",
        "effects: v",
        "periods",
    ]


def test_the_ledger_beside_pymerkle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench.the_ledger(tmp_path, SMALL)
    assert [line[2:34].strip() for line in capsys.readouterr().out.splitlines()] == [
        "ledger of 300, SQLite: sequenced",
        "ledger of 300, SQLite: inclusion",
        "ledger of 300, PostgreSQL: seque",
        "ledger of 300, PostgreSQL: inclu",
        "ledger of 300, pymerkle: sequenc",
        "ledger of 300, pymerkle: inclusi",
    ]
