"""The page in a real browser: narrow and wide, light and dark; no network, no error, accessible, searchable."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reconcile.history.confirmation import Confirmation
from reconcile.judge.judge import judge
from reconcile.report.html_report import html_report
from reconcile.report.violation_lists import MOST_ROWS
from runlog.outcomes import Failure, Outcome
from tests.browser import chromium
from tests.look import layout
from tests.reconcile.core.run_builder import RunBuilder, facts, order_id

pytestmark = [pytest.mark.process, pytest.mark.exhaustive]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as launched:
        yield launched


@cache
def pages() -> dict[str, str]:
    lossy = RunBuilder(facts=facts(command=["locust", "<script>alert(1)</script>", "--headless"])).calm(0)
    for seq in range(6, 160):
        lossy.order(seq, 10.2 + seq / 16, event=False, took=1.0)
    lossy.order(200, 15, Outcome.AMBIGUOUS, row=False, event=False, failure=Failure.TIMEOUT, took=5)
    history = lossy.history()
    count = len(judge(history).lost_cases)
    lossy_history = replace(history, confirmation=Confirmation("", count, count))
    calm = RunBuilder().calm().history()
    doubtful = RunBuilder().calm().order(6, 12, event=False).without("drained").history()
    empty = RunBuilder().history()
    every = (
        RunBuilder().calm().order(1, 12, event=False).order(2, 13, row=False).order(3, 14, Outcome.REJECTED).history()
    )
    named = {"lossy": lossy_history, "calm": calm, "doubtful": doubtful, "empty": empty, "every": every}
    return {name: html_report(one, judge(one)) for name, one in named.items()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    paths = {name: folder / f"{name}.html" for name in pages()}
    for name, text in pages().items():
        paths[name].write_text(text, encoding="utf-8")
    return paths


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_complete_by_itself(browser: Any, written: dict[str, Path], scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for name, path in written.items():
        # The check is put into the page by the tester, which the page's own policy rightly forbids: lift it for that.
        for bypass in (False, True):
            size = {"width": 390 if scheme == "dark" else 1440, "height": 900}
            context = browser.new_context(viewport=size, color_scheme=scheme, bypass_csp=bypass)
            page = context.new_page()
            requested: list[str] = []
            complaints: list[str] = []
            page.on("request", lambda request, seen=requested: seen.append(request.url))
            page.on("console", lambda message, seen=complaints: seen.append(message.text))
            page.on("pageerror", lambda error, seen=complaints: seen.append(str(error)))
            page.goto(path.as_uri())
            assert (requested, complaints) == ([path.as_uri()], [])
            if bypass:
                page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
                found = axe.run(page)
                assert found.violations_count == 0, found.generate_report()
            if os.environ.get("KEEP_PICTURES"):
                page.screenshot(path=f"{os.environ['KEEP_PICTURES']}/{name}-{scheme}.png", full_page=True)
            context.close()


@pytest.mark.parametrize("width", [390, 768, 1024, 1440])
def test_no_row_is_high_no_word_is_broken_nothing_is_cut(browser: Any, written: dict[str, Path], width: int) -> None:
    for name, path in written.items():
        context = browser.new_context(viewport={"width": width, "height": 900})
        page = context.new_page()
        page.goto(path.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        assert page.evaluate(layout.MEASURE) == layout.GOOD, name
        context.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_the_values_of_the_picture_are_read_by_mouse_and_keyboard(
    browser: Any, written: dict[str, Path], width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(written["lossy"].as_uri())
    output, range_ = page.locator("figure output"), page.locator("figure input[type=range]")
    assert output.inner_text().startswith("at 33 s, drain: acknowledged 160 · acknowledged and in Kafka 6")
    range_.focus()
    page.keyboard.press("Home")
    assert output.inner_text().startswith("at 0 s, baseline: acknowledged 0 · acknowledged and in Kafka 0")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("PageUp")
    text = output.inner_text()
    assert text.startswith("at 13 s, outage, broker proven down: acknowledged ")
    assert range_.get_attribute("aria-valuetext") == text
    svg = page.locator("figure svg:visible")
    svg.hover(position={"x": svg.bounding_box()["width"] - 12, "y": 60})
    assert re.match(r"at 3[23](\.\d)? s", output.inner_text())
    page.close()


def test_the_list_can_be_searched(browser: Any, written: dict[str, Path]) -> None:
    page = browser.new_page()
    page.goto(written["lossy"].as_uri())
    rows = page.locator("#lost-events tbody tr:visible")
    assert rows.count() == 154
    page.fill("#filter-lost-events", str(order_id(77)).upper())
    assert rows.count() == 1
    assert page.locator("[data-list] [role=status]").first.inner_text() == "1 of 154 found"
    page.fill("#filter-lost-events", "no such id")
    assert rows.count() == 0
    page.fill("#filter-lost-events", "")
    assert rows.count() == 154
    assert page.locator("svg circle").count() > 100
    assert "alert(1)" in page.locator("#environment ~ dl").inner_text()
    page.close()


def test_a_list_of_thousands_is_searched_whole(browser: Any, tmp_path: Path) -> None:
    builder = RunBuilder().calm(100_000)
    for seq in range(5_000):
        builder.order(seq, 11 + seq / 1000, event=False)
    path = tmp_path / "many.html"
    path.write_text(html_report(builder.history(), judge(builder.history())), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    rows, status = page.locator("#lost-events tbody tr"), page.locator("#losses, [role=status]").first
    assert rows.count() == MOST_ROWS
    page.fill("#filter-lost-events", str(order_id(4_999)))
    status.get_by_text("1 of 5000 found").wait_for()
    assert rows.all_inner_texts()[0].split()[0] == str(order_id(4_999))
    page.fill("#filter-lost-events", "11.00")
    status.get_by_text("10 of 5000 found").wait_for()
    with page.expect_download() as saved:
        page.locator("a[download]").first.click()
    lines = Path(saved.value.path()).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 5_001
    assert lines[0].startswith('"order id","sent, since the start"')
    assert lines[-1].startswith(f'"{order_id(4_999)}"')
    page.fill("#filter-lost-events", "sent_while_down")
    status.get_by_text(f"5000 of 5000 found, the first {MOST_ROWS} shown").wait_for()
    assert rows.count() == MOST_ROWS
    page.close()


def test_each_list_is_searched_by_itself(browser: Any, written: dict[str, Path]) -> None:
    page = browser.new_page()
    page.goto(written["every"].as_uri())
    page.fill("#filter-phantom-events", "no such id")
    shown = {
        key: page.locator(f"#{key} tbody tr:visible").count()
        for key in ("lost-events", "phantom-events", "lost-orders", "visible-after-reject")
    }
    assert shown == {"lost-events": 1, "phantom-events": 0, "lost-orders": 1, "visible-after-reject": 1}
    page.close()


def test_without_scripts_the_list_is_there(browser: Any, written: dict[str, Path]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(written["lossy"].as_uri())
    assert page.locator("#lost-events tbody tr").count() == 154
    assert not page.locator("#filter-lost-events").is_visible()
    context.close()
