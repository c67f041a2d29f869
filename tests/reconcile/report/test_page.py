"""The page and its picture without a browser: escaped, the same to the byte, a dot for each loss."""

import base64
import re
import zlib
from dataclasses import replace

from files.paths import CHECKOUT
from reconcile.judge.judge import judge
from reconcile.report import glossary
from reconcile.report.html_report import html_report
from reconcile.report.markdown_report import markdown_report
from reconcile.report.run_chart import run_chart
from reconcile.report.step_summary import step_summary
from reconcile.report.violation_lists import MOST_ROWS
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
    assert text.count("<circle") == 4  # for the desk and for the telephone
    assert "2 lost</text>" in text


def test_a_clean_run_suspects_no_loss() -> None:
    text = page(RunBuilder().calm())
    assert '<div class="good"><dt>lost events</dt><dd>0</dd>' in text
    assert "suspected" not in text.partition("</section>")[0]
    assert "<circle" not in text
    assert text.count("<pre") == 1, "the outbox, which a dual write still needs"
    assert "<pre" not in page(RunBuilder(facts=facts(service_variant="outbox")).calm())


def test_a_loss_is_a_red_card_and_a_doubt_an_amber_one() -> None:
    assert '<div class="bad"><dt>lost events</dt><dd>2</dd>' in page(lossy())
    doubtful = page(lossy().without(m.DRAINED))
    assert '<div class=""><dt>lost events</dt><dd>0</dd><dd class="note">none proven</dd>' in doubtful
    assert '<div class="doubt"><dt>suspected losses</dt><dd>2</dd>' in doubtful
    disputed = page(RunBuilder().calm().order(1, 12, event=False).mentioned(1))
    assert '<div class="doubt"><dt>disputed orders</dt><dd>1</dd>' in disputed


def test_the_fix_is_code_near_the_verdict() -> None:
    text = page(lossy())
    assert text.index("INSERT INTO outbox") < text.index('id="list-lost-events"')
    assert "INSERT INTO outbox" not in page(lossy().without(m.DRAINED))


def test_times_of_the_window_are_found_again_in_the_lists() -> None:
    text = page(lossy())
    assert 'sent from 12.000\N{NO-BREAK SPACE}s (<span class="whole">11:06:52.000 UTC</span>) to 13.000' in text
    assert '<td>12.000 s</td><td class="whole">2026-11-18T11:06:52.000000Z</td>' in text


def test_suspected_losses_are_called_so() -> None:
    text = page(lossy().without(m.DRAINED))
    assert "Suspected losses" in text
    assert "suspected losses by send time, one dot each" not in text
    assert "events suspected lost by send time, one dot each" in text
    assert 'href="suspected-lost.csv"' in text
    assert "lost-events.ndjson" not in text


def test_every_kind_of_violation_has_its_list() -> None:
    builder = RunBuilder().calm().order(2, 13, row=False).order(3, 14, Outcome.REJECTED)
    text = page(builder)
    assert re.findall(r'<h2 id="list-[a-z-]+">(.*?)</h2>', text) == [
        "Lost events",
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
    assert re.findall('id="list-[a-z-]+"', page(lossy())) == ['id="list-lost-events"']


def test_rows_that_no_longer_exist_are_reported() -> None:
    history = replace(lossy().history(), lost_rows=(b"{}",))
    note = "holds 1 of 2 lost events, ready to be published again; 1 row no longer existed"
    judgement = judge(history)
    assert note in html_report(history, judgement)
    assert note in markdown_report(history, judgement)
    whole = replace(history, lost_rows=(b"{}", b"{}"))
    assert "no longer existed" not in html_report(whole, judgement) + markdown_report(whole, judgement)
    assert "lost-events.ndjson holds 2 of 2 lost events" in markdown_report(whole, judgement)


def test_a_long_list_shows_its_first_rows_and_holds_all() -> None:
    builder = RunBuilder()
    for seq in range(MOST_ROWS + 5):
        builder.order(seq, 11 + seq / 2000, event=False)
    text = page(builder)
    assert f"The first {MOST_ROWS} of {MOST_ROWS + 5} by send time" in text
    assert text.count('<td class="id">') == MOST_ROWS
    (packed,) = re.findall(r"data-packed>([^<]*)</script>", text)
    lines = zlib.decompress(base64.b64decode(packed)).decode().split("\n")
    assert [line.split("\t")[0] for line in lines] == [str(order_id(seq)) for seq in range(MOST_ROWS + 5)]
    assert lines[-1].split("\t")[1:4] == ["11.102 s", "2026-11-18T11:06:51.102000Z", "sent_while_down"]


def test_the_first_and_the_last_second_are_no_drop() -> None:
    """Orders fell due from 0.4 s to 30.5 s: a rate of the whole seconds in between is all that these orders show."""
    builder = RunBuilder().order(1, 0.5).order(2, 30.2)
    for seq in range(3, 62):
        builder.order(seq, (seq - 1) / 2)
    builder.marks = [
        replace(mark, at=T0 + {m.BASELINE: 0.4, m.DRAIN: 30.5}.get(mark.name, mark.at - T0)) for mark in builder.marks
    ]
    history = builder.history()
    chart = run_chart(history, judge(history))
    assert chart is not None
    due = chart.panels[1].lines[0].values
    assert (due[0], due[30]) == (None, None)
    assert set(due[1:30]) == {2}


def test_an_outage_that_never_ended_reaches_the_edge() -> None:
    history = lossy().without(m.HEALED, m.HEALING).history()
    chart = run_chart(history, judge(history))
    assert chart is not None
    assert [(band.begin_s, band.words) for band in chart.bands if band.end_s == chart.seconds] == [
        (10.5, "broker proven down")
    ]
    assert [phase.words for phase in chart.phases] == ["baseline", "outage", "recovery", "drain"]


def test_a_run_in_which_no_order_fell_due_has_no_picture() -> None:
    assert run_chart(RunBuilder().history(), judge(RunBuilder().history())) is None
    assert "No order fell due." in page(RunBuilder())


def test_the_step_summary_is_short_markdown() -> None:
    history = replace(lossy().history(), facts=facts(run_id="20261124-[x](http://evil)-1"))
    text = step_summary(history, judge(history), "runs/`x`")
    assert text.startswith("### INCONSISTENT run 20261124-\\[x\\](http://evil)-1\n")
    assert f"- `{order_id(1)}`" in text
    assert "Reports: `runs/x`" in text
    assert "All " in text and " guards passed." in text
    doubtful = lossy().without(m.DRAINED).history()
    assert "- drain complete (evidence): " in step_summary(doubtful, judge(doubtful), "x")


def test_the_words_of_the_report_are_those_of_the_docs() -> None:
    assert (CHECKOUT / "docs" / "glossary.md").read_text(encoding="utf-8") == glossary.page()
    assert "<strong>kept connection</strong>" in page(lossy())
