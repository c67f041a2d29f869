"""Every sentence of every guard and ruling, word by word, against `sentences.txt`, which holds each of them once.

A run contributes its ruling, and each guard that differs from a calm run: kind, what it casts doubt on, whether it
applies and holds, its reason. Behind each sentence stand the keys of the runs that have it; the runs follow at the end.
When a sentence changes on purpose, write the file again and read the difference:
`python -m tests.reconcile.core.test_sentences > tests/reconcile/core/sentences.txt`.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path

from reconcile.analysis.counts import Equation
from reconcile.history.confirmation import Confirmation, Contradiction
from reconcile.judge.evidence_guards import confirmed_by, conservation
from reconcile.judge.findings import Guard
from reconcile.judge.judge import Judgement, judge
from runlog import marks as m
from runlog.outcomes import Outcome
from tests.reconcile.core import disputed_cases, settling_cases
from tests.reconcile.core.degraded_runs import degraded, late, reset
from tests.reconcile.core.disputed_cases import disputed_histories
from tests.reconcile.core.guard_changes import twice_the_same_row
from tests.reconcile.core.run_builder import RunBuilder, order_id
from tests.reconcile.core.run_cases import RUN_CASES
from tests.reconcile.core.settling_cases import settling_histories
from tests.reconcile.core.test_phantom_guards import CHECKED, provoked

# A title, the judgement, and the guards that it is compared with.
Run = tuple[str, Judgement, list[Guard]]

SENTENCES = Path(__file__).with_name("sentences.txt")
STATES = {(True, True): "holds", (True, False): "FAILS", (False, None): "does not apply"}
WRONG = [Contradiction(str(order_id(n)), "lost event", "a row, no event", "a row, an event") for n in (1, 2)]
CONFIRMATIONS: list[tuple[str, Confirmation | None]] = [
    ("nothing to confirm", None),
    ("one refuted", Confirmation("", 3, 3, refuted=WRONG[:1])),
    ("two refuted", Confirmation("", 3, 3, refuted=WRONG)),
    ("a store failed", Confirmation("", 3, 1, complete=False, problem="no answer")),
    ("one came later", Confirmation("", 3, 3, unsettled=WRONG[:1])),
    ("two came later", Confirmation("", 3, 3, unsettled=WRONG)),
    ("all found again", Confirmation("", 3, 3)),
    ("one disputed", Confirmation("", 3, 3, disputed=WRONG[:1])),
]


ROLLBACKS: list[tuple[str, dict[str, object]]] = [
    ("two provoked twice", {}),
    ("database down when queried", {"problem": "PostgreSQL could not be reached"}),
    ("none asked for", {"asked": 0, "get_404": 0}),
    ("more asked for than were provoked", {"asked": 4, "get_404": 4}),
    ("asked for an unknown number", {"asked": None}),
    ("answers unknown", {"get_404": None}),
    ("fewer asked for", {"asked": 2, "get_404": 2}),
    ("one found by GET", {"get_404": 2}),
    ("all found by GET", {"get_404": 0}),
    ("in one table", {"in_orders": 1}),
    ("in both", {"in_orders": 1, "in_order_items": 2}),
    ("tables unknown", {"in_orders": None, "in_order_items": None}),
    ("rows unknown", {"rows_of_run": None}),
    ("one row appeared", {"rows_of_run": 1}),
    ("service ill", {"health_up": False}),
    ("service unknown, everything else wrong", dict.fromkeys(CHECKED, None) | {"asked": 3, "get_404": 1}),
]


def runs() -> Iterator[Run]:
    """Yield the title of each run, its judgement, and the guards that it is compared with."""
    calm = judge(RunBuilder().calm().history())
    yield "a calm run", calm, []
    for title, change in RUN_CASES:
        builder = RunBuilder().calm()
        change(builder)
        yield title, judge(builder.history()), calm.guards
    usual = judge(provoked().history())
    yield "phantoms provoked and rolled back", usual, calm.guards
    for place, (title, detail) in enumerate(ROLLBACKS):
        builder = provoked(**detail)
        if not place:
            builder.published(1, 1, 6, 77).published(2, 2, 6, 78)
        yield f"rollback: {title}", judge(builder.history()), usual.guards
    for title, builder in degraded_runs():
        yield f"degraded: {title}", judge(builder.history()), calm.guards
    yield "a row read twice", judge(twice_the_same_row(RunBuilder().calm().history())), calm.guards
    both_wrong = twice_the_same_row(RunBuilder().calm().mark(m.DRAINED, complete=False).history())
    yield "a row read twice, and a drain cut short", judge(both_wrong), calm.guards
    for histories, names in (
        (disputed_histories(), disputed_cases.GUARDS),
        (settling_histories(), settling_cases.GUARDS),
    ):
        for title, history in histories:
            judgement = judge(history)
            others = [guard for guard in judgement.guards if guard.name not in names]
            yield title, judgement, [*calm.guards, *others]


def degraded_runs() -> Iterator[tuple[str, RunBuilder]]:
    """Yield runs whose target was late or reset connections, as asked for or not, with a title each."""
    yield "late", degraded(late(), "latency")
    yield "late, and nothing lost", degraded(late(), "latency").published(1, 1, 12.5)
    yield "late by more than asked for", degraded(late(0.45, 0.45), "latency")
    yield "late on the kept connection only", degraded(late(0.3, 0.0), "latency")
    yield "late to the end", degraded(late(), "latency").without(m.HEALED)
    yield "never proven late", degraded(late(), "latency").without(m.INJECTED, m.HEALING, m.HEALED)
    yield "never probed", replace(degraded(late(), "latency"), probe_results=[])
    yield "all reset", degraded(reset(1), "reset")
    yield "all reset but the kept connection", degraded(reset(1, kept=False), "reset")
    yield "half reset", degraded(reset(2), "reset", fault_share="0.5")
    yield "half reset, and nothing lost", degraded(reset(2), "reset", fault_share="0.5").published(1, 1, 12.5)
    yield "a quarter reset instead of half", degraded(reset(4), "reset", fault_share="0.5")
    yield "half reset instead of all", degraded(reset(2), "reset")


def single_guards() -> Iterator[tuple[str, Guard]]:
    """Yield guards that are judged by themselves, with a title each."""
    for title, confirmation in CONFIRMATIONS:
        yield title, confirmed_by(confirmation)
    yield "no equation", conservation([])
    equations = [Equation("a = b", 3, 4), Equation("b = c", 1, 1), Equation("c = d + e", 0, 9)]
    yield "two of three equations broken", conservation(equations)


def equations() -> list[str]:
    lossy = RunBuilder(pending=[5]).calm().order(1, 12, event=False).order(2, 13, row=False).order(5, 14, event=False)
    lossy.order(3, 15).published(3, 3, 22, event=33).published(3, 3, 22.5).stored(70, 71).not_sent(4, 16)
    lossy.order(6, 16, Outcome.REJECTED, row=False, event=False).unanswered(8, 17).stored(71, 1)
    return [f"  {one.text}: {one.left}, {one.right}" for one in judge(lossy.history()).equations]


def approved(found: Iterable[Run]) -> Iterator[str]:
    """Yield the lines of `sentences.txt` for what was found in the runs."""
    sentences: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    titles: dict[str, str] = {}
    for title, judgement, usual in found:
        ruling, key = judgement.ruling, key_of(title)
        assert key not in titles, f"two runs have the key {key}: {title}, {titles[key]}"
        titles[key] = f"{title}: {ruling.verdict.value}, exit {ruling.exit_code}"
        for name, text in said(judgement, usual).items():
            sentences[name][text].append(key)
    for title, guard in single_guards():
        titles[key_of(title)] = title
        sentences[guard.name][sentence(guard)].append(key_of(title))
    for name, lines in sentences.items():
        yield from (name, *(f"  {text}  {{{' '.join(keys)}}}" for text, keys in lines.items()), "")
    yield from ("equations of a lossy run", *equations(), "")
    yield from ("runs", *(f"  {key} {title}" for key, title in titles.items()))


def said(judgement: Judgement, usual: list[Guard]) -> dict[str, str]:
    """Return the sentences of a run by what says them."""
    guards = {guard.name: sentence(guard) for guard in judgement.guards if guard not in usual}
    return {"ruling": in_short(judgement.ruling.reason, judgement.guards), **guards}


def as_reviewed(found: Iterable[Run], lines: list[str]) -> Iterator[Run]:
    """Yield the runs; fail at the first whose sentences are not those of `lines`, without waiting for the others."""
    reviewed: dict[str, dict[str, str]] = defaultdict(dict)
    name = ""
    for line in lines:
        if not line.startswith("  "):
            name = line
        elif line.endswith("}"):
            text, _, keys = line[2:-1].rpartition("  {")
            for key in keys.split():
                reviewed[key][name] = text
    for title, judgement, usual in found:
        assert said(judgement, usual) == reviewed[key_of(title)], title
        yield title, judgement, usual


def key_of(title: str) -> str:
    """Return five digits that stay when other runs come and go."""
    return sha256(title.encode()).hexdigest()[:5]


def in_short(reason: str, guards: list[Guard]) -> str:
    """Return the reason of a ruling with the guard that it repeats by its name."""
    for guard in guards:
        reason = reason.replace(f"{guard.name}: {guard.reason}", f"<{guard.name}>")
    return reason


def sentence(guard: Guard) -> str:
    doubts = [field.name for field in fields(guard.casts) if getattr(guard.casts, field.name)]
    kind = guard.kind.value + ("; doubt on " + ", ".join(doubts) if doubts else "")
    wrong = " (the harness is wrong)" if guard.harness_wrong else ""
    return f"[{kind}] {STATES[guard.applies, guard.passed]}{wrong}: {guard.reason}"


def test_every_sentence_is_as_reviewed() -> None:
    lines = SENTENCES.read_text().splitlines()
    assert list(approved(as_reviewed(runs(), lines))) == lines


if __name__ == "__main__":
    sys.stdout.write("\n".join(approved(runs())) + "\n")
