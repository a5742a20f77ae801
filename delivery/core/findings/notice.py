"""Public notice (CPL 95, 283(2), CPLI 138-139): law.md R6."""

from __future__ import annotations

from delivery.core.model import Fact
from delivery.core.trial import Found, Trial, finding, moment, proof


@finding("notice_justified")
def _notice_justified(trial: Trial) -> Found:
    """CPL 95: the file shows what was tried, and says why notice is the last resort."""
    ordered = trial.first("notice_ordered")
    return proof(ordered, value=bool(ordered and ordered.steps_on_file and ordered.file_note))


@finding("published")
def _published(trial: Trial) -> Found:
    return proof(trial.last("published"))


@finding("notice_complete")
def _notice_complete(trial: Trial) -> Found:
    """CPLI 139: every publication says what a notice of this document must say."""
    needed = trial.book.notice_contents(trial.question.document.type)
    lacking = [fact for fact in trial.all("published") if not needed <= {*fact.contents}]
    return proof(*(lacking or trial.all("published")), value=not lacking)


@moment("notice_issued")
def _notice_issued(trial: Trial) -> Fact | None:
    """R10: the day of the order; without it the first publication."""
    return trial.first("notice_ordered") or trial.first("published")


@moment("last_publication")
def _last_publication(trial: Trial) -> Fact | None:
    return trial.last("published")
