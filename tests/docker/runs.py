"""Whole runs on containers: how they are started, and what is counted without the reconciler."""

from typing import Any

from stack.compose import ComposeStack
from tests.e2e.harness import LocustProcess
from tests.e2e.independent import assert_agrees

COMPOSE = ["--headless", "--stack", "compose"]


def count_independently(run: LocustProcess, stack: ComposeStack) -> Any:
    """Count the run by SQL and a plain consumer and find the same in its report; returns that."""
    where = stack.project.addresses()
    assert_agrees(run.folder.path, where.database_url, where.kafka_bootstrap, "order.created")
    return run.report
