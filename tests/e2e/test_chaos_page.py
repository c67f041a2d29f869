"""The page in a real browser, through whole runs, by keyboard alone: start, outage, gap, verdict, trace, compare."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stack.embedded import EmbeddedStack
from tests.browser import chromium
from tests.e2e.harness import SHORT, LocustProcess, Start, assert_all_up
from tests.e2e.page import free_port
from tests.look import layout

pytestmark = [pytest.mark.real, pytest.mark.exhaustive, pytest.mark.timeout(300)]
WAIT_MS = 60_000
MOST_TABS = 500
DESK, TELEPHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as launched:
        yield launched


class Viewer:
    """A person at the page, with a browser profile of their own."""

    def __init__(self, browser: Any, base: str, size: dict[str, int], scheme: str = "light") -> None:
        # The accessibility check is put into the page by the tester, which the page's own policy rightly forbids.
        self.context = browser.new_context(viewport=size, color_scheme=scheme, bypass_csp=True)
        self.context.set_default_timeout(WAIT_MS)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requested: set[str] = set()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requested.add(re.sub(r"^(https?://[^/]+).*", r"\1", request.url)))
        self.base = base
        self.page.goto(f"{base}/chaos")

    def act(self) -> Any:
        return self.page.locator("#act")

    def press(self, what: Any, key: str = "Enter") -> None:
        """Come to an element by the keyboard alone, and press a key there."""
        what.wait_for()
        for _ in range(MOST_TABS):
            if what.evaluate("element => element === document.activeElement"):
                self.page.keyboard.press(key)
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"no way to {what} by {MOST_TABS} tabs")

    def type(self, what: Any, text: str) -> None:
        """Put a text into a field by the keyboard alone."""
        self.press(what, "Control+A")
        self.page.keyboard.type(text)

    def await_act(self, words: str) -> None:
        self.page.wait_for_function("words => document.getElementById('act').textContent === words", arg=words)

    def look(self, name: str) -> None:
        """Check accessibility and layout of what is shown."""
        axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
        found = axe.run(self.page)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        measured = self.page.evaluate(layout.MEASURE)
        assert (measured["sideways"], measured["broken"], measured["cut"]) == (False, [], []), name
        if folder := os.environ.get("KEEP_PICTURES"):
            self.page.screenshot(path=f"{folder}/page-{name}.png", full_page=True)

    def copies_summary_of(self, run: LocustProcess) -> None:
        """Copy the summary with the browser's clipboard and without one, and paste it into the search."""
        box = self.page.locator("#result input[type=search]").first
        button = self.page.locator(".buttons button").first
        for without in (False, True):
            if without:
                self.page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
            box.fill("")
            self.page.evaluate("document.querySelector('.buttons button').textContent = 'Copy a summary'")
            self.press(button)
            self.page.get_by_text("Copied", exact=True).wait_for()
            self.press(box, "Control+V")
            assert run.folder.run_id in box.input_value()
        box.fill("")

    def reads_tab_and_downloads(self) -> None:
        """Read the tab in Locust's own page, and find the reports among its downloads."""
        self.page.goto(f"{self.base}/")
        self.page.get_by_role("tab", name="Chaos").click()
        self.page.get_by_text(f"{self.base}/chaos", exact=True).wait_for()
        self.page.get_by_text(re.compile(r"CONSISTENT  run \S+; exit code 0")).wait_for()
        self.page.get_by_role("tab", name="Download Data").click()
        self.page.get_by_text("Report of the last run (HTML)").wait_for()

    def locusts_state(self) -> str:
        """Return what Locust's own page shows of the run."""
        asked = f"fetch('{self.base}/stats/requests').then(answer => answer.json())"
        return str(self.page.evaluate(asked)["state"])

    def number(self, title: str) -> int:
        card = self.page.locator("#cards > div", has=self.page.get_by_text(title, exact=True)).locator("dd").first
        return int(re.sub(r"\D", "", card.inner_text()))


@pytest.fixture
def served(start: Start, left_running: EmbeddedStack, stack_home: Path) -> tuple[LocustProcess, str]:
    port = free_port()
    run = start("--web-port", str(port), "--web-base-path", "/load", *SHORT, home=stack_home)
    run.await_log("Starting web interface")
    run.await_that(lambda: _answers(port), "the web UI", 60)
    return run, f"http://127.0.0.1:{port}/load"


def _answers(port: int) -> bool:
    import urllib.request

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/load/chaos/state", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_a_person_sees_a_run_lose_events_and_the_outbox_keep_them(
    browser: Any, served: tuple[LocustProcess, str], left_running: EmbeddedStack
) -> None:
    run, base = served
    one = Viewer(browser, base, DESK)
    one.await_act("Start")
    one.look("idle")

    one.type(one.page.locator("#field-rate"), "0")
    one.press(one.act())
    problem = one.page.locator('[data-field="rate"] .wrong')
    problem.wait_for()
    assert problem.inner_text().startswith("rate 0: it must be above 0")
    one.page.reload()
    one.await_act("Start")
    assert one.page.input_value("#field-rate") == "0"
    one.type(one.page.locator("#field-rate"), "20")
    one.page.get_by_text(re.compile("Start sends 20 orders/s .* stop of the broker for")).wait_for()

    one.press(one.act())
    one.page.locator("#steps li.now", has_text="baseline").wait_for()
    other = Viewer(browser, base, TELEPHONE, "dark")
    one.page.wait_for_function("document.querySelector('#cards dd')?.textContent === 'DOWN'")
    one.page.wait_for_function("document.title.startsWith('DOWN')")
    one.page.wait_for_function("/[1-9]\\d* not in Kafka/.test(document.getElementById('picture').textContent)")
    one.look("down")

    other.page.locator("#viewer").wait_for()
    assert other.act().is_disabled()
    other.look("viewer")
    assert other.page.evaluate("fetch('stop', {method: 'POST'}).then(answer => answer.status)") == 403
    refused = other.page.evaluate(
        "fetch('chaos/stop', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'})"
        ".then(answer => answer.json())"
    )
    assert refused["problem"] == "this browser does not control the run; take control on the page /chaos first"

    one.page.locator("#verdict .verdict").wait_for()
    report = run.report
    assert one.page.locator("#verdict .verdict").inner_text().endswith("INCONSISTENT")
    counts = report["counts"]
    assert isinstance(counts, dict)
    assert one.number("lost events") == counts["lost_events"] > 0
    assert f"{counts['lost_events']} lost" in one.page.locator("#picture").inner_text()
    one.look("inconsistent")

    rows = one.page.locator("#result tbody tr")
    rows.first.wait_for()
    lost = rows.nth(3).locator("button").inner_text()
    one.type(one.page.locator("#result input[type=search]").first, lost)
    one.page.get_by_text(f"1 of {counts['lost_events']}", exact=True).wait_for()
    one.press(one.page.locator("#result button.id").first)
    one.page.locator(".trace pre", has_text="lost event").wait_for()
    one.copies_summary_of(run)
    with one.page.expect_popup() as opened:
        one.press(one.page.get_by_text("Full report"))
    assert opened.value.locator(".verdict").inner_text().endswith("INCONSISTENT")

    one.press(one.page.get_by_text("Run with outbox"))
    one.await_act("Stop")
    one.page.locator("#verdict .consistent, #verdict .inconclusive").first.wait_for()
    assert one.number("lost events") == 0
    boxes = one.page.locator("#runs-table input[type=checkbox]")
    assert boxes.count() == 2
    one.press(boxes.nth(0), "Space")
    one.page.locator("#runs-table .chosen").wait_for()
    one.press(boxes.nth(1), "Space")
    one.page.locator("#compared figure").nth(1).wait_for()
    one.look("compared")
    assert one.complaints == other.complaints == []
    assert one.requested == other.requested == {base.removesuffix("/load")}
    other.reads_tab_and_downloads()
    assert_all_up(left_running)


def test_control_is_taken_and_a_stop_heals_first(
    browser: Any, served: tuple[LocustProcess, str], left_running: EmbeddedStack
) -> None:
    run, base = served
    one = Viewer(browser, base, TELEPHONE)
    one.await_act("Start")
    # As Locust's own form starts a run, which gives control too.
    started = one.page.evaluate(
        "fetch('swarm', {method: 'POST', body: new URLSearchParams({outage: '60s', user_count: '1', spawn_rate: '1'})})"
        ".then(answer => answer.json())"
    )
    assert started["success"]
    one.page.wait_for_function("document.querySelector('#cards dd')?.textContent === 'DOWN'")
    assert one.act().is_enabled()
    one.page.close()  # closing the tab in an outage changes nothing

    other = Viewer(browser, base, DESK, "dark")
    other.page.locator("#take").click()
    other.page.locator("#confirm button[value=yes]").click()
    other.page.wait_for_function("!document.getElementById('act').disabled")
    other.act().click()
    other.page.get_by_text(re.compile("ending early: stopped")).wait_for()
    assert "healed" not in run.marks
    assert other.locusts_state() == "running"
    other.page.locator("#verdict .inconclusive").wait_for()
    assert "healed" in run.marks
    other.page.wait_for_function("document.getElementById('act').textContent === 'Run again'")
    assert other.locusts_state() == "stopped"
    other.look("stopped")
    assert_all_up(left_running)
    assert other.complaints == []
