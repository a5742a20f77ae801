"""`songda verify`: what signing.verify finds, as numbered lines in Chinese and English, or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from delivery.core.ports import Clock
from signing.verify import (
    CANNOT_TELL,
    INVALID,
    VALID,
    NoCertificate,
    NoCheckpoint,
    Number,
    Result,
    Told,
    Verdict,
    sections,
    summary,
    verify,
)

LARGEST = 512 * 1024 * 1024
"""Bytes of a file that is looked at."""

MARKS = {Result.PASSED: "✓ 通过 passed", Result.FAILED: "✗ 不通过 FAILED", Result.NOT_CHECKED: "· 未核验 not checked"}

TITLES = {
    Result.PASSED: "已证明 PROVEN",
    Result.NOT_CHECKED: "未能核验 NOT CHECKED",
    Result.FAILED: "不通过 FAILED",
}

CONCLUSIONS = {
    VALID: "有效：没有任何一步不通过，每个文件都有可追溯到您指定的信任证书的签章。\n"
    "请看清上面列出的签章人是否您所认的法院；“未能核验”各项并未得到证明；送达在法律上是否成立，由法院认定。\n"
    "VALID: nothing failed, and each file has a seal that chains to a certificate that you trust.\n"
    "See above whether its sealer is the court that you mean. What was not checked is not proven. Whether service was "
    "good in law is for a court to say.",
    INVALID: "无效：至少一步不通过，见上。\nINVALID: at least one step failed; see above.",
    CANNOT_TELL: "无法判断：没有发现改动，但您没有指定可信任的签章证书（--trust），无从得知由谁签章。\n"
    "任何人都能做出内容前后一致的文件，因此以上各项什么也没有证明。\n"
    "CANNOT TELL: no change was found, but no certificate to trust was given (--trust), so who sealed it is unknown.\n"
    "Anybody can make a file that agrees with itself: nothing above is proven.",
}


@dataclass(frozen=True)
class Believed:
    """What the caller brings: certificates, such as are for timestamps alone, a checkpoint of the log."""

    trust: Sequence[Path] = ()
    trust_time: Sequence[Path] = ()
    checkpoint: Path | None = None


def run(files: Sequence[Path], believed: Believed, clock: Clock, *, as_json: bool) -> int:
    """Prints the steps. The exit status: 0 valid, 1 invalid, 2 cannot tell (also: a file cannot be read)."""
    try:
        verdict = verify(
            [(str(file), _read(file)) for file in files],
            trust=[_read(file) for file in believed.trust],
            trust_time=[_read(file) for file in believed.trust_time],
            checkpoint=_read(believed.checkpoint) if believed.checkpoint else None,
            at=clock.now(),
        )
    except (OSError, NoCertificate, NoCheckpoint) as error:
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
    for heading, lines in sections(verdict):
        yield heading
        yield from (line for one in lines for line in _lines(one))
        yield ""
    says = summary(verdict)
    for result, title in TITLES.items():
        if says[result]:
            yield title
            yield from (f"  {each.zh}\n  {each.en}" for each in says[result])
            yield ""
    yield CONCLUSIONS[verdict.exit]


def _lines(told: Told) -> Iterator[str]:
    step = told.step
    yield f"  {step.number:>2} {step.name.zh} {step.name.en}  {MARKS[step.result]}"
    yield f"       {step.says.zh}"
    yield f"       {step.says.en}"
    if told.members:
        yield f"       {', '.join(told.members)}"


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
