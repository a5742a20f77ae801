"""The outsider: who kept two checkpoints and trusts nothing else judges what the court shows of its log and its events.

Deleting, inserting, reordering or changing any event between or below the two shows, whether the log was left as it
was or made anew to fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from signing.errors import LedgerWrong
from signing.ledger import TILE_WIDTH, TileReader, Tree, consistent, entry, leaf_hash
from signing.notes import Checkpoint


@dataclass(frozen=True, slots=True)
class Record:
    """One event as the court shows it, in the order of the log. `salt` and `event` (canonical) are None where personal
    data were erased: then the leaf alone speaks.
    """

    salt: bytes | None
    event: bytes | None


def audit(old: Checkpoint, new: Checkpoint, read: TileReader, records: Sequence[Record]) -> tuple[str, ...]:
    """What is wrong, in sentences; nothing when all is as the checkpoints say.

    `old` and `new`: as opened from notes that the log signed. `read`: the tiles as the court shows them now.
    """
    return (*_shown_log(old, new, read), *_shown_events(new.size, read, records))


def _shown_log(old: Checkpoint, new: Checkpoint, read: TileReader) -> Iterator[str]:
    if old.origin != new.origin or old.size > new.size:
        yield "these are not an earlier and a later checkpoint of one log"
        return
    try:
        tree = Tree(new.size, read)
        if tree.root() != new.root:
            yield f"the log shown is not the one of the checkpoint of {new.size}"
        if not consistent(old.size, old.root, new.size, new.root, tree.consistency(old.size)):
            yield f"the log shown does not grow from the checkpoint of {old.size}"
    except (LedgerWrong, LookupError) as wrong:
        yield f"the log shown is not whole: {wrong}"


def _shown_events(size: int, read: TileReader, records: Sequence[Record]) -> Iterator[str]:
    if len(records) < size:
        yield f"{size - len(records)} events of {size} are not shown"
    for index, record in enumerate(records[:size]):
        if record.salt is None or record.event is None:
            continue
        number, offset = divmod(index, TILE_WIDTH)
        try:
            logged = read(0, number, min(TILE_WIDTH, size - number * TILE_WIDTH))[offset]
        except LookupError:
            yield f"event {index} has no leaf"
            continue
        if leaf_hash(entry(record.salt, record.event)) != logged:
            yield f"event {index} is not the one that was logged"
