"""The page and its picture without a browser: escaped, the same to the byte, a dot for each loss."""

import re
from dataclasses import replace

import numpy as np

from chaos.faults.stop import STOP
from reconcile.judge.judge import judge
from reconcile.report.html_report import html_report
from reconcile.report.markdown_report import markdown_report
from reconcile.report.run_picture import draw_run
from reconcile.report.step_summary import step_summary
from reconcile.report.violation_lists import MOST_SHOWN
from runlog import marks as m
from runlog.outcomes import Outcome
from tests.reconcile.core.run_builder import T0, RunBuilder, facts, order_id


def lossy() -> RunBuilder:
    return RunBuilder().calm().order(1, 12, event=False, took=1.0).order(2, 13, event=False, took=1.0)


def page(builder: RunBuilder) -> str:
    return html_report(builder.history(), judge(builder.history()))


def test_the_same_history_gives_the_same_bytes() -> None:
    assert page(lossy()) == page(lossy())


def test_nothing_comes_from_the_network() -> None:
    text = page(lossy())
    assert not re.search(r"(src|href)=\"(https?:)?//", text)
    assert "@import" not in text
    assert "url(" not in text
    assert "default-src 'none'" in text


def test_what_comes_from_outside_is_escaped() -> None:
    evil = "\"><script>alert(1)</script>&'"
    builder = lossy()
    builder.facts = facts(
        command=[evil], versions={evil: evil}, options={evil: evil}, service_variant=evil, environment={evil: evil}
    )
    builder.mark(m.INJECTING, fault=evil, target=evil)
    text = page(builder)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_verdict_numbers_and_ids_are_on_it() -> None:
    text = page(lossy())
    assert "INCONSISTENT" in text
    assert str(order_id(1)) in text
    assert 'href="lost-events.csv"' in text
    assert text.count("<circle") == 2


def test_a_clean_run_suspects_no_loss() -> None:
    text = page(RunBuilder().calm())
    assert "lost events, one dot each" in text
    assert "suspected" not in text.partition("</section>")[0]


def test_suspected_losses_are_called_so() -> None:
    text = page(lossy().without(m.DRAINED))
    assert "Suspected losses" in text
    assert 'href="suspected-lost.csv"' in text
    assert "lost-events.ndjson" not in text


def test_every_kind_of_violation_has_its_list() -> None:
    builder = RunBuilder().calm().order(2, 13, row=False).order(3, 14, Outcome.REJECTED)
    text = page(builder)
    assert re.findall(r'<h2 id="list-[a-z-]+">(.*?)</h2>', text) == [
        "Phantom events",
        "Lost orders",
        "Orders visible after a reject",
    ]
    for path in ("phantom-events.csv", "lost-orders.csv", "visible-after-reject.csv"):
        assert f'href="{path}"' in text
    assert text.count(str(order_id(2))) == 2
    assert text.count(str(order_id(3))) == 1
    builder.rows_changes = {"complete": False, "problem": "it went away"}
    doubtful = page(builder)
    assert "Suspected phantom events" in doubtful and "Suspected lost orders" in doubtful
    assert 'href="suspected-phantom.csv"' in doubtful and 'href="suspected-lost-orders.csv"' in doubtful
    assert 'id="list-' not in page(lossy())


def test_rows_that_no_longer_exist_are_reported() -> None:
    history = replace(lossy().history(), lost_rows=(b"{}",))
    note = "ost-events.ndjson holds 1 of 2 lost events, ready to be published again; 1 row no longer existed"
    judgement = judge(history)
    assert note in html_report(history, judgement)
    assert note in markdown_report(history, judgement)
    whole = replace(history, lost_rows=(b"{}", b"{}"))
    assert "no longer existed" not in html_report(whole, judgement) + markdown_report(whole, judgement)
    assert "lost-events.ndjson holds 2 of 2 lost events" in markdown_report(whole, judgement)


def test_a_long_list_is_cut_and_says_so() -> None:
    builder = RunBuilder()
    for seq in range(MOST_SHOWN + 5):
        builder.order(seq, 11 + seq / 2000, event=False)
    text = page(builder)
    assert f"The first {MOST_SHOWN} by send time" in text
    assert f"{MOST_SHOWN + 5} in all" in text
    assert text.count('<td class="id">') == MOST_SHOWN


def test_full_columns_of_dots_are_counted() -> None:
    history = lossy().history()
    timeline = judge(history).timeline
    picture = draw_run(timeline, STOP.facts, [], np.full(100, T0 + 12.0), T0)
    assert picture is not None
    assert len(picture.dots) + picture.merged == 100
    assert len(picture.dots) == 12
    assert draw_run([], STOP.facts, [], np.empty(0), T0) is None


def test_an_outage_that_never_ended_reaches_the_edge() -> None:
    judgement = judge(lossy().without(m.HEALED, m.HEALING).history())
    picture = draw_run(judgement.timeline, judgement.fault, judgement.outages, np.array([np.nan]), T0)
    assert picture is not None
    assert picture.dots == []
    assert max(band.x + band.width for band in picture.bands) == picture.right


def test_the_step_summary_is_short_markdown() -> None:
    history = replace(lossy().history(), facts=facts(run_id="20261124-[x](http://evil)-1"))
    text = step_summary(history, judge(history), "runs/`x`")
    assert text.startswith("### INCONSISTENT run 20261124-\\[x\\](http://evil)-1\n")
    assert f"- `{order_id(1)}`" in text
    assert "Reports: `runs/x`" in text
    assert "All " in text and " guards passed." in text
    doubtful = lossy().without(m.DRAINED).history()
    assert "- drain complete (evidence): " in step_summary(doubtful, judge(doubtful), "x")
