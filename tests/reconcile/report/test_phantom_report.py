"""A run in which events are phantoms and none is lost: people get the phantoms to see, not an empty list."""

from pathlib import Path

from reconcile.judge.judge import judge
from reconcile.report.markdown_report import markdown_report
from reconcile.report.summary import summary
from tests.reconcile.core.run_builder import RunBuilder, order_id
from tests.reconcile.core.test_phantom_guards import provoked


def printed(builder: RunBuilder) -> str:
    return summary(builder.history(), judge(builder.history()), Path("runs/x")).plain


def test_the_summary_lists_phantoms_where_nothing_is_lost() -> None:
    text = printed(provoked())
    assert "phantom events\n" in text
    assert f"  {order_id(0)}\n" in text
    assert "phantom-events.csv" in text


def test_lost_events_come_first() -> None:
    text = printed(provoked().order(7, 8, event=False))
    assert "1 lost event\n" in text
    assert f"  {order_id(7)}\n" in text
    assert "lost-events.csv" in text


def test_a_clean_run_names_no_empty_list() -> None:
    assert "list:" not in printed(RunBuilder().calm())


def test_the_report_says_why() -> None:
    text = markdown_report(provoked().history(), judge(provoked().history()))
    assert "before it rolled its transaction back" in text
    assert "| Phantom events | all | 3 |" in text
