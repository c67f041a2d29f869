"""`lost-events.ndjson`: the rows of proven losses alone, as what is only suspected must not be published again."""

import msgspec

from reconcile.history.history import History
from reconcile.judge.judge import Judgement


class _Line(msgspec.Struct):
    key: str | None = None
    order_id: str | None = None


_DECODER = msgspec.json.Decoder(_Line)


def lost_rows_list(history: History, judgement: Judgement) -> str:
    return "".join(line.decode() + "\n" for line in proven_rows(history, judgement) or ())


def proven_rows(history: History, judgement: Judgement) -> list[bytes] | None:
    """Return the lines, one for each lost event whose row was still there; None when the rows were not read."""
    if history.lost_rows is None:
        return None
    if not judgement.counts["suspected_lost"]:
        return list(history.lost_rows)
    cases = judgement.lost_cases[judgement.proven.lost[judgement.lost_cases]]
    proven = set(judgement.texts.many(judgement.table.hi[cases], judgement.table.lo[cases]))
    decoded = [(line, _DECODER.decode(line)) for line in history.lost_rows]
    return [line for line, one in decoded if (one.key or one.order_id) in proven]
