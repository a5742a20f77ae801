"""What a verification says: numbered steps, each passed, failed or not checked, in Chinese and English.

The numbers are those of docs/verifying.md, where each step is done by hand with public tools.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from unicodedata import category

VALID, INVALID, CANNOT_TELL = 0, 1, 2


class Result(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not_checked"


class Number(IntEnum):
    """The steps, in the order in which a person would take them."""

    FORM = 1
    BYTES = 2
    SIGNATURE = 3
    TRUST = 4
    REVOCATION = 5
    TIME = 6
    CONTENTS = 7
    LEDGER = 8
    CHECKPOINT = 9
    NATIONAL = 10
    RENEWAL = 11


@dataclass(frozen=True)
class Says:
    """The same words in Chinese and in English."""

    zh: str
    en: str


NAMES = {
    Number.FORM: Says("文件形式", "form of the file"),
    Number.BYTES: Says("内容未变", "bytes unchanged since the seal"),
    Number.SIGNATURE: Says("签章本身", "the seal itself"),
    Number.TRUST: Says("签章人可信", "the sealer is trusted"),
    Number.REVOCATION: Says("证书未吊销", "certificate not revoked"),
    Number.TIME: Says("时间证明", "proof of time"),
    Number.CONTENTS: Says("各部分相符", "the parts agree"),
    Number.LEDGER: Says("存证日志", "events are in the ledger"),
    Number.CHECKPOINT: Says("日志检查点", "checkpoint of the ledger"),
    Number.NATIONAL: Says("国密签章", "national second seal"),
    Number.RENEWAL: Says("长期续证", "renewal"),
}


@dataclass(frozen=True)
class Step:
    """One thing that was looked at. `part` is the file or the member of a pack that it is about."""

    number: Number
    part: str
    result: Result
    says: Says
    proves: bool = True
    """Whether what passed shows something to whoever trusts nothing inside the file."""

    @property
    def name(self) -> Says:
        return NAMES[self.number]


@dataclass(frozen=True)
class Verdict:
    """All steps in order. `trusted`: every file has a seal of somebody whom the caller trusts. `exit` is 0 valid,
    1 invalid, 2 cannot tell.
    """

    steps: tuple[Step, ...]
    trusted: bool

    @property
    def exit(self) -> int:
        if any(step.result is Result.FAILED for step in self.steps):
            return INVALID
        return VALID if self.trusted else CANNOT_TELL


def somebody_trusted(steps: Iterable[Step]) -> bool:
    """Whether among the steps about one file a seal is of somebody trusted."""
    return any(step.number is Number.TRUST and step.result is Result.PASSED for step in steps)


@dataclass
class Notes:
    """Where the steps of one part are written down while they are taken."""

    part: str
    steps: list[Step] = field(default_factory=list)

    def passed(self, number: Number, zh: str, en: str) -> None:
        self._note(number, Result.PASSED, zh, en)

    def agrees(self, number: Number, zh: str, en: str) -> None:
        """Passed, and proves nothing by itself: the file agrees with itself."""
        self._note(number, Result.PASSED, zh, en, proves=False)

    def failed(self, number: Number, zh: str, en: str) -> None:
        self._note(number, Result.FAILED, zh, en)

    def not_checked(self, number: Number, zh: str, en: str) -> None:
        self._note(number, Result.NOT_CHECKED, zh, en)

    def judged(self, number: Number, good: bool, yes: Says, no: Says) -> bool:
        """Passed with `yes` or failed with `no`; returns which."""
        says = yes if good else no
        self._note(number, Result.PASSED if good else Result.FAILED, says.zh, says.en)
        return good

    def of(self, part: str) -> Notes:
        """The same list, for another part."""
        return Notes(part, self.steps)

    @contextmanager
    def guarded(self, number: Number) -> Iterator[None]:
        """Whatever goes wrong inside fails that step: the file is hostile until shown otherwise, and no reader of it,
        ours or a library's, promises which errors it raises.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001 — see above: an unreadable part is a failed step, never a crash
            kind = type(error).__name__
            self.failed(number, f"无法解读（{kind}）", f"cannot be read ({kind})")

    def _note(self, number: Number, result: Result, zh: str, en: str, *, proves: bool = True) -> None:
        self.steps.append(Step(number, _seen(self.part), result, Says(_seen(zh), _seen(en)), proves))


def _seen(text: str) -> str:
    """Names come out of hostile files: signs that move the cursor or turn the direction of writing would let them draw
    a verdict of their own.
    """
    return "".join("\ufffd" if category(one) in ("Cc", "Cf", "Zl", "Zp", "Cs") else one for one in text)
