"""`python -m reconcile.browse RUNS_DIR`: answers questions on runs, one line of JSON each, until standard input ends.

A question: `{"id": 1, "ask": "orders", "run": "...", "name": "lost-events.csv", "wanted": "..."}`. Its answer:
`{"id": 1, "value": ...}`, or `{"id": 1, "problem": "one sentence"}`.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final, TextIO

from files.output_streams import let_output_fail
from reconcile.browse.answers import Answers, Problem

QUESTIONS: Final = {
    "runs": (),
    "run": ("run",),
    "orders": ("run", "name", "wanted"),
    "trace": ("run", "order"),
    "compare": ("first", "second"),
}


def serve(lines: TextIO, out: TextIO, runs_dir: Path) -> None:
    """Answer until `lines` ends."""
    answers = Answers(runs_dir)
    for line in lines:
        question: dict[str, Any] = json.loads(line)
        out.write(json.dumps({"id": question["id"], **_answer(answers, question)}) + "\n")
        out.flush()


def _answer(answers: Answers, question: dict[str, Any]) -> dict[str, Any]:
    try:
        names = QUESTIONS[question["ask"]]
        return {"value": getattr(answers, question["ask"])(*(question[name] for name in names))}
    except Problem as problem:
        return {"problem": str(problem)}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # Whatever stands in a folder of runs, the other runs can be read.
        return {"problem": f"the run's files cannot be read: {error}"}


if __name__ == "__main__":
    let_output_fail()
    serve(sys.stdin, sys.stdout, Path(sys.argv[1]))
