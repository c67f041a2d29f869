"""Root cause and fix follow from the facts of the run; what no fact shows is called unknown."""

from dataclasses import replace

import pytest

from contract.contract import contract_from_texts
from reconcile.history.history import History
from reconcile.history.service_log import LogLine, Said
from reconcile.judge.judge import judge
from reconcile.report.html_report import html_report
from reconcile.report.markdown_report import markdown_report
from reconcile.report.sentences import explanations
from reconcile.report.shown_options import shown_options
from runlog import marks as m
from runlog.facts import RunFacts, TopicStart
from settings.run_settings import OPTIONS
from tests.reconcile.core.run_builder import START_OFFSET, RunBuilder, facts, order_id


def cause(history: History) -> str:
    return explanations.root_cause(history, judge(history))


def fix(history: History) -> str:
    return explanations.fix(history, judge(history))


def lossy(**changes: object) -> RunBuilder:
    return RunBuilder(facts=facts(**changes)).calm().order(1, 12, event=False).order(2, 13, event=False)


def external(**changes: object) -> RunFacts:
    defaults = {option.dest: option.default for option in OPTIONS}
    return facts(
        stack="external",
        service_variant=None,
        delivery_timeout_s=None,
        block_time_s=None,
        options=defaults | {"stack": "external"},
        topic=TopicStart("orders.v2", "topic-1", {0: START_OFFSET}),
        **changes,
    )


def test_a_dual_write_of_ours_is_named() -> None:
    assert "(variant after-commit) commits the order, then publishes" in cause(
        lossy(service_variant="after-commit").history()
    )
    assert "transactional outbox" in fix(lossy().history())


def test_an_outbox_that_loses_events_is_no_dual_write() -> None:
    builder = lossy(service_variant="outbox", contract=contract_from_texts(outbox_table="outbox", reference=True))
    text = cause(builder.history())
    assert "(variant outbox) writes each event to its outbox table" in text
    assert "Table outbox does not hold them either. The run does not show why" in text
    assert "delivery timeout" not in text and "dual write" not in text
    assert "a relay must delete or mark a row only after that" in fix(builder.history())


def test_of_a_service_of_the_users_own_only_what_was_observed_is_said() -> None:
    builder = lossy()
    builder.facts = external()
    text = cause(builder.history())
    assert text.startswith("The harness does not know how the service publishes. Stored orders without an event in ")
    assert "topic orders.v2, as far as it was read: 2." in text
    assert text.endswith("So the run does not show the cause.")
    assert "order.created" not in text and "given up" not in text
    assert fix(builder.history()).startswith("If the service publishes outside the transaction of the order: ")


def test_reports_of_another_service_list_none_of_our_settings() -> None:
    builder = lossy()
    builder.facts = external()
    history = builder.history()
    pages = html_report(history, judge(history)) + markdown_report(history, judge(history))
    assert not [
        name for name in shown_options(history.facts) if name.startswith("service_") or name == "delivery_timeout"
    ]
    for word in ("service_pool", "service_block_time", "compose_file", "gives up after", "delivery timeout is 3 s"):
        assert word not in pages
    given = replace(history.facts, options=history.facts.options | {"delivery_timeout": "20s"}, delivery_timeout_s=20.0)
    assert shown_options(given)["delivery_timeout"] == "20s"
    assert shown_options(facts(options={"service_pool": "32", "host": "x"})) == {"service_pool": "32", "host": "x"}


def test_a_killed_service_is_named_with_its_requests_under_way() -> None:
    builder = lossy(fault="kill", fault_target="service").order(3, 10.2, event=False, took=1.0)
    builder.mark(m.INJECTING, fault="kill", target="service")
    assert "The fault was a kill of the service itself: 1 of these requests were under way in it." in cause(
        builder.history()
    )
    assert "the service itself" not in cause(lossy(fault="kill").order(3, 10.2, event=False, took=1.0).history())


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("_MSG_TIMED_OUT", "2 with the client's reason _MSG_TIMED_OUT, its delivery timeout of 3 s over"),
        ("_PURGE_QUEUE", "2 with the client's reason _PURGE_QUEUE."),
    ],
)
def test_given_up_after_the_delivery_timeout_only_where_the_log_says_so(reason: str, said: str) -> None:
    lines = {
        str(order_id(number)): LogLine(
            Said.EVENT_LOST, f"event lost for order {order_id(number)}: delivery failed ({reason})"
        )
        for number in (1, 2)
    }
    assert said in cause(replace(lossy().history(), service_log=lines))


def test_without_a_proof_nothing_is_proposed() -> None:
    history = lossy().without(m.DRAINED).history()
    assert cause(history).startswith("Unknown: nothing is proven.")
    assert fix(history).startswith("None proposed: nothing is proven. Repair what the failed guards name")
    assert "`python -m reconcile 20261123-073000-4f2a --look-again`" in fix(history)
