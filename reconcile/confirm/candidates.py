"""Which violations are looked up a second time: all of them, as plain values. Pure."""

import hashlib
from dataclasses import dataclass

import numpy as np

from reconcile.joins import Bools
from reconcile.judge import Judgement


@dataclass(frozen=True, slots=True)
class Candidate:
    """One order of which a violation is to be reported.

    Attributes:
        order_id: its id as the service writes it.
        kinds: what it violates, for example `lost event`.
        row, event: what the first reading said is there.
        identity: the 16 bytes of its id in hexadecimal digits.
    """

    order_id: str
    kinds: tuple[str, ...]
    row: bool
    event: bool
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The violations to be looked up.

    Attributes:
        first: all of them, by send time.
    """

    first: list[Candidate]

    @property
    def eligible(self) -> int:
        """How many they are."""
        return len(self.first)

    @property
    def digest(self) -> str:
        """Fingerprint of what is asked, so that an answer is never taken for that to another question."""
        lines = [f"{one.order_id} {one.row:d}{one.event:d} {','.join(one.kinds)}" for one in self.first]
        return hashlib.sha256("\n".join([str(self.eligible), *lines]).encode()).hexdigest()


def candidates_of(judgement: Judgement) -> Candidates:
    """Return the violations of a run whose order ids are known, proven and suspected ones alike."""
    table = judgement.table
    duplicate = np.zeros(len(table.row), dtype=np.bool_)
    duplicate[table.case_of_event[judgement.duplicates.index[judgement.duplicates.published_twice]]] = True
    kinds: dict[str, Bools] = {
        "lost event": table.lost,
        "phantom event": table.phantom,
        "lost order": table.lost_order,
        "visible after reject": table.visible_after_reject,
        "published twice": duplicate,
    }
    wanted = np.flatnonzero(np.logical_or.reduce(list(kinds.values())) & table.known)
    # A told id that another attempt owns stands twice; it is one order to be looked up.
    order = wanted[np.lexsort((table.lo[wanted], table.hi[wanted], table.sent[wanted]))]
    texts = judgement.texts.many(table.hi[order], table.lo[order])
    first = [
        Candidate(
            text,
            tuple(kind for kind, mask in kinds.items() if mask[case]),
            bool(table.row[case]),
            bool(table.event[case]),
            f"{int(table.hi[case]):016x}{int(table.lo[case]):016x}",
        )
        for case, text in zip(order.tolist(), texts, strict=True)
    ]
    return Candidates(first)
