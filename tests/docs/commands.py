"""The commands that README and docs show, and how each of them is known to work."""

import re
from pathlib import Path
from typing import Final

from files.paths import CHECKOUT

_BLOCK: Final = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.S | re.M)
_COMMAND: Final = re.compile(r"^((LOCUST_\w+=\S+ )*\.venv/bin/\S+|make )")

RUN: Final = frozenset({
    ".venv/bin/locust --headless --fault kill --fault-target database --outages 3 --seed 42 --dry-run",
    ".venv/bin/python -m chaos status",
    ".venv/bin/python -m chaos restore",
    ".venv/bin/python -m chaos forget",
})  # fmt: skip
"""Commands that a test runs as they are."""

PARSED: Final = frozenset({
    ".venv/bin/locust --headless --service-variant outbox",
    ".venv/bin/locust --headless --service-pool 5 --service-pool-wait 2s",
    ".venv/bin/locust --headless --service-block-time 20s --request-timeout 2s",
    ".venv/bin/locust --headless --scenario phantom-event",
    ".venv/bin/locust --headless --scenario control",
    ".venv/bin/locust --headless --expect lost-events",
    ".venv/bin/locust --headless",
})  # fmt: skip
"""Commands that take a minute: a test adds `--dry-run` to them."""

ELSEWHERE: Final = {
    "make run": "tests/e2e/test_fresh_clone.py",
    "make test": "tests/e2e/test_fresh_clone.py",
    ".venv/bin/locust": "tests/e2e/test_chaos_page.py",
    ".venv/bin/locust --headless --stack compose --expect lost-events": "tests/docker",
    ".venv/bin/python -m reconcile audit": "tests/reconcile/audit",
    ".venv/bin/python -m reconcile latest": "tests/e2e/test_main_job.py",
    ".venv/bin/python -m stack with": "tests/stack/test_with_stack.py",
    ".venv/bin/python -m reconcile show": "tests/reconcile/trace",
    ".venv/bin/locust --headless --config shop.conf": "tests/external",
    ".venv/bin/locust --headless --stack external": "tests/external",
}
"""Beginnings of commands that need what is not here, and the tests that run what they do."""


def commands() -> dict[str, list[str]]:
    """Return the commands of each page, without comments, in one line each."""
    pages = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
    return {str(page.relative_to(CHECKOUT)): _commands(page) for page in pages}


def _commands(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    found = []
    for indent, _, block in _BLOCK.findall(text):
        joined = re.sub(r"\s*\\\n\s*", " ", re.sub(rf"^{indent}", "", block, flags=re.M))
        found += [line.partition("  #")[0].removeprefix("$ ").strip() for line in joined.splitlines()]
    outside = _BLOCK.sub("", text)
    found += [
        " ".join(code.split()) for code in re.findall(r"`(\.venv/bin/locust[^`]*)`", outside) if "..." not in code
    ]
    return [line for line in found if _COMMAND.match(line)]
