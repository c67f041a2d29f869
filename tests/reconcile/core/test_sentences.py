"""Every sentence of every guard and verdict, word by word, against `sentences.txt`, which people can read and review.

Told are the ruling and each guard that differs from a calm run: kind, what it casts doubt on, whether it applies and
holds, its reason. When a sentence changes on purpose, write the file anew and read the difference:
`python -m tests.reconcile.core.test_sentences > tests/reconcile/core/sentences.txt`.
"""

import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

from reconcile.analysis.counts import Equation
from reconcile.history.confirmation import Confirmation, Contradiction
from reconcile.judge.evidence_guards import conservation, violations_confirmed
from reconcile.judge.findings import Guard
from reconcile.judge.judge import Judgement, judge
from runlog import marks as m
from runlog.outcomes import Outcome
from tests.reconcile.core import disputed_stories, settling_stories
from tests.reconcile.core.disputed_stories import disputed_histories
from tests.reconcile.core.settling_stories import settling_histories
from tests.reconcile.core.stories import STORIES
from tests.reconcile.core.story import Story, order_id
from tests.reconcile.core.test_guards import twice_the_same_row
from tests.reconcile.core.test_phantom_guards import CHECKED, provoked

SENTENCES = Path(__file__).with_name("sentences.txt")
STATES = {(True, True): "holds", (True, False): "FAILS", (False, None): "does not apply"}
WRONG = [Contradiction(str(order_id(n)), "lost event", "a row, no event", "a row, an event") for n in (1, 2)]
SECOND_LOOKS: list[tuple[str, Confirmation | None]] = [
    ("nothing to confirm", None),
    ("one refuted", Confirmation("", 3, 3, refuted=WRONG[:1])),
    ("two refuted", Confirmation("", 3, 3, refuted=WRONG)),
    ("a store went away", Confirmation("", 3, 1, complete=False, problem="no answer")),
    ("one came later", Confirmation("", 3, 3, unsettled=WRONG[:1])),
    ("two came later", Confirmation("", 3, 3, unsettled=WRONG)),
    ("all found again", Confirmation("", 3, 3)),
    ("one disputed", Confirmation("", 3, 3, disputed=WRONG[:1])),
]


ROLLBACKS: list[tuple[str, dict[str, object]]] = [
    ("two provoked twice", {}),
    ("database away when asked", {"problem": "PostgreSQL could not be reached"}),
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


def told() -> Iterator[str]:
    calm = judge(Story().calm().history())
    yield from tell("a calm run", calm, [])
    for title, change in STORIES:
        story = Story().calm()
        change(story)
        yield from tell(title, judge(story.history()), calm.guards)
    usual = judge(provoked().history())
    yield from tell("phantoms provoked and rolled back", usual, calm.guards)
    for place, (title, detail) in enumerate(ROLLBACKS):
        story = provoked(**detail)
        if not place:
            story.published(1, 1, 6, 77).published(2, 2, 6, 78)
        yield from tell(title, judge(story.history()), usual.guards)
    yield from tell("a row read twice", judge(twice_the_same_row(Story().calm().history())), calm.guards)
    both_wrong = twice_the_same_row(Story().calm().mark(m.DRAINED, complete=False).history())
    yield from tell("a row read twice, and a drain cut short", judge(both_wrong), calm.guards)
    for histories, names in (
        (disputed_histories(), disputed_stories.GUARDS),
        (settling_histories(), settling_stories.GUARDS),
    ):
        for title, history in histories:
            judgement = judge(history)
            doubts = [guard for guard in judgement.guards if guard.name in names]
            yield from tell(title, replace(judgement, guards=doubts), calm.guards)
    for title, confirmation in SECOND_LOOKS:
        yield from ("", title, line(violations_confirmed(confirmation)))
    yield from ("", "no equation", line(conservation([])))
    yield from ("", "two of three equations broken")
    yield line(conservation([Equation("a = b", 3, 4), Equation("b = c", 1, 1), Equation("c = d + e", 0, 9)]))
    yield from ("", "the equations of a lossy run")
    lossy = Story(pending=[5]).calm().order(1, 12, event=False).order(2, 13, row=False).order(5, 14, event=False)
    lossy.order(3, 15).published(3, 3, 22, event=33).published(3, 3, 22.5).stored(70, 71).not_sent(4, 16)
    lossy.order(6, 16, Outcome.REJECTED, row=False, event=False).unanswered(8, 17).stored(71, 1)
    for equation in judge(lossy.history()).equations:
        yield f"  {equation.text}: {equation.left}, {equation.right}"


def tell(title: str, judgement: Judgement, usual: list[Guard]) -> Iterator[str]:
    ruling = judgement.ruling
    yield from ("", title, f"  {ruling.verdict.value}, exit {ruling.exit_code}: {ruling.reason}")
    yield from (line(guard) for guard in judgement.guards if guard not in usual)


def line(guard: Guard) -> str:
    doubts = [field.name for field in fields(guard.casts) if getattr(guard.casts, field.name)]
    kind = guard.kind.value + ("; doubt on " + ", ".join(doubts) if doubts else "")
    wrong = " (the harness is wrong)" if guard.harness_wrong else ""
    return f"  {guard.name} [{kind}] {STATES[guard.applies, guard.passed]}{wrong}: {guard.reason}"


def test_every_sentence_is_as_reviewed() -> None:
    assert list(told()) == SENTENCES.read_text().splitlines()


if __name__ == "__main__":
    sys.stdout.write("\n".join(told()) + "\n")
