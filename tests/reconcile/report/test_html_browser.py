"""The page in a real browser: narrow and wide, light and dark; no network, no error, accessible, searchable."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconcile.history.confirmation import Confirmation
from reconcile.judge.judge import judge
from reconcile.report.html_report import html_report
from runlog.outcomes import Failure, Outcome
from tests.must_run import is_missing
from tests.reconcile.core.run_builder import RunBuilder, facts, order_id

pytestmark = [pytest.mark.process, pytest.mark.exhaustive]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        is_missing("browser", "no chromium here: the page cannot be looked at in a browser")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield launched
        launched.close()


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


@pytest.mark.parametrize(
    ("scheme", "width"),
    [
        ("light", 360),
        ("dark", 1200),
        pytest.param("light", 1200, marks=pytest.mark.night),
        pytest.param("dark", 360, marks=pytest.mark.night),
    ],
)
def test_every_page_at_every_size_and_light(browser: Any, tmp_path: Path, width: int, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for name, text in pages().items():
        path = tmp_path / f"{name}.html"
        path.write_text(text, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        requested: list[str] = []
        complaints: list[str] = []
        page.on("request", lambda request, seen=requested: seen.append(request.url))
        page.on("console", lambda message, seen=complaints: seen.append(message.text))
        page.on("pageerror", lambda error, seen=complaints: seen.append(str(error)))
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} scrolls sideways"
        assert requested == [path.as_uri()]
        assert complaints == []
        # The check is put into the page by the tester, which the page's own policy rightly forbids: lift it for that.
        page.close()
        context.close()
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()
        page.goto(path.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        found = axe.run(page)
        assert found.violations_count == 0, found.generate_report()
        if os.environ.get("KEEP_PICTURES"):
            page.screenshot(path=f"{os.environ['KEEP_PICTURES']}/{name}-{width}-{scheme}.png", full_page=True)
        context.close()


def test_the_list_can_be_searched(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "lossy.html"
    path.write_text(pages()["lossy"], encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    rows = page.locator("#lost-events tbody tr:visible")
    assert rows.count() == 154
    page.fill("#filter-lost-events", str(order_id(77)).upper())
    assert rows.count() == 1
    assert page.locator("[data-list] [role=status]").first.inner_text() == "1 of 154 shown"
    page.fill("#filter-lost-events", "no such id")
    assert rows.count() == 0
    page.fill("#filter-lost-events", "")
    assert rows.count() == 154
    assert page.locator("svg circle").count() > 100
    assert "alert(1)" in page.locator("#environment ~ div").inner_text()
    page.close()


def test_each_list_is_searched_by_itself(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "every.html"
    path.write_text(pages()["every"], encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.fill("#filter-phantom-events", "no such id")
    shown = {
        key: page.locator(f"#{key} tbody tr:visible").count()
        for key in ("lost-events", "phantom-events", "lost-orders", "visible-after-reject")
    }
    assert shown == {"lost-events": 1, "phantom-events": 0, "lost-orders": 1, "visible-after-reject": 1}
    page.close()


def test_without_scripts_the_list_is_there(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "lossy.html"
    path.write_text(pages()["lossy"], encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator("#lost-events tbody tr").count() == 154
    assert not page.locator("#filter-lost-events").is_visible()
    context.close()
