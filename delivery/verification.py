"""`songda verify`: what signing.verify finds, as numbered lines in Chinese and English, or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from delivery.core.ports import Clock
from signing.verify import CANNOT_TELL, INVALID, VALID, NoCertificate, Number, Result, Step, Verdict, verify

LARGEST = 512 * 1024 * 1024
"""Bytes of a file that is looked at."""

MARKS = {Result.PASSED: "✓ 通过 passed", Result.FAILED: "✗ 不通过 FAILED", Result.NOT_CHECKED: "· 未核验 not checked"}

CONCLUSIONS = {
    VALID: "有效：以上各步均未发现问题，签章可追溯到您指定的信任证书。\n"
    "VALID: nothing failed, and the seal chains to a certificate that you trust.",
    INVALID: "无效：至少一步不通过，见上。\nINVALID: at least one step failed; see above.",
    CANNOT_TELL: "无法判断：内容前后一致，但您没有指定可信任的证书（--trust），无从得知由谁签章。\n"
    "CANNOT TELL: the file agrees with itself, but no certificate to trust was given (--trust), so who sealed it is "
    "unknown.",
}


def run(files: Sequence[Path], trust: Sequence[Path], checkpoint: Path | None, clock: Clock, *, as_json: bool) -> int:
    """Prints the steps. The exit status: 0 valid, 1 invalid, 2 cannot tell (also: a file cannot be read)."""
    try:
        verdict = verify(
            [(str(file), _read(file)) for file in files],
            trust=[_read(file) for file in trust],
            checkpoint=_read(checkpoint) if checkpoint else None,
            at=clock.now(),
        )
    except (OSError, NoCertificate) as error:
        print(f"songda verify: {error}", file=sys.stderr)
        return CANNOT_TELL
    print(_as_json(verdict) if as_json else "\n".join(told(verdict)))
    return verdict.exit


def _read(file: Path) -> bytes:
    if file.stat().st_size > LARGEST:
        raise OSError(f"{file}: larger than {LARGEST} bytes")
    return file.read_bytes()


def told(verdict: Verdict) -> Iterator[str]:
    """The lines that a person reads: the steps of each part, what they prove, what they leave open, the conclusion."""
    for part, steps in groupby(verdict.steps, key=_heading):
        yield part
        for _, alike in groupby(steps, key=lambda step: (step.number, step.result, step.says)):
            yield from _lines(list(alike), part)
        yield ""
    yield from _summary("已证明 PROVEN", verdict.steps, Result.PASSED, PROVING)
    yield from _summary("未能核验 NOT CHECKED", verdict.steps, Result.NOT_CHECKED, tuple(Number))
    yield from _summary("不通过 FAILED", verdict.steps, Result.FAILED, tuple(Number))
    yield CONCLUSIONS[verdict.exit]


PROVING = (
    Number.TRUST,
    Number.TIME,
    Number.CONTENTS,
    Number.LEDGER,
    Number.CHECKPOINT,
    Number.NATIONAL,
    Number.RENEWAL,
)
"""The steps that prove something to somebody; the others only let them."""


def _heading(step: Step) -> str:
    """The file and the member of it that a step is about; what is about members of a seal stands under the seal."""
    return " · ".join(step.part.split(" · ")[:2])


def _lines(alike: Sequence[Step], heading: str) -> Iterator[str]:
    """One step, or several that say the same of different members."""
    step = alike[0]
    yield f"  {step.number:>2} {step.name.zh} {step.name.en}  {MARKS[step.result]}"
    yield f"       {step.says.zh}"
    yield f"       {step.says.en}"
    members = [one.part.removeprefix(heading).removeprefix(" · ") for one in alike]
    if any(members):
        yield f"       {', '.join(filter(None, members))}"


def _summary(title: str, steps: Sequence[Step], result: Result, numbers: Sequence[Number]) -> Iterator[str]:
    """Everything of that result once, however many parts say it."""
    says = dict.fromkeys(one.says for one in steps if one.result is result and one.number in numbers)
    if says:
        yield title
        yield from (f"  {each.zh}\n  {each.en}" for each in says)
        yield ""


def _as_json(verdict: Verdict) -> str:
    steps = [
        {
            "number": int(step.number),
            "name": Number(step.number).name.lower(),
            "part": step.part,
            "result": step.result.value,
            "says": step.says.en,
            "says_zh": step.says.zh,
        }
        for step in verdict.steps
    ]
    conclusion = {VALID: "valid", INVALID: "invalid", CANNOT_TELL: "cannot_tell"}[verdict.exit]
    return json.dumps({"verdict": conclusion, "steps": steps}, ensure_ascii=False, indent=2)
