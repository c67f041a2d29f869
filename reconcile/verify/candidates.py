"""The violations of a run that are verified: all of them, as plain values. Pure."""

from typing import Final

import numpy as np

from reconcile.history.confirmation import Candidate, Candidates
from reconcile.history.joins import Bools
from reconcile.judge.judge import Judgement

_SEQUENCES: Final = 1 << 62


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
    by_send_time = wanted[np.lexsort((table.lo[wanted], table.hi[wanted], table.sent[wanted]))]
    texts = judgement.texts.many(table.hi[by_send_time], table.lo[by_send_time])
    return Candidates(
        [
            Candidate(
                text,
                tuple(kind for kind, mask in kinds.items() if mask[case]),
                bool(table.row[case]),
                bool(table.event[case]),
                f"{int(table.hi[case]):016x}{int(table.lo[case]):016x}",
                int(table.seq[case]) if table.seq[case] < _SEQUENCES else None,
            )
            for case, text in zip(by_send_time.tolist(), texts, strict=True)
        ]
    )
