"""Each state of the page in a real browser, from answers of its server: what it says, at every size, light and dark."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from look.chart import Area, Chart, Line, Panel
from look.figure import figure
from tests.browser import chromium
from tests.look import layout
from tests.webui.states import SESSION, STATES
from webui.form import fields
from webui.page import chaos_page, policy

pytestmark = [pytest.mark.process, pytest.mark.exhaustive]
BASE = "http://chaos.test"
GAP = Panel(
    "the gap",
    (Line("acknowledged", "acknowledged", [0, 400, 800, 1215]), Line("delivered", "in Kafka", [0, 400, 800, 1003])),
    1.0,
    240,
    areas=(Area("missing", [0, 400, 800, 1215], [0, 400, 800, 1003], "212 not in Kafka"),),
)
PICTURE = figure(Chart("live", "Orders acknowledged, and those of them that are in Kafka", "", 4.0, (GAP,), now_s=3.0))
SAYS = {
    "idle": ["Ready: press Start", "Start", "Scenario"],
    "refused": ["Nothing was broken", "no Kafka broker answered at 127.0.0.1:9092; start the broker", "Try again"],
    "preflight": ["preflight", "database: answered a query", "Stop"],
    "baseline": ["baseline, 4 s to go", "UP", "of 1\u202f240 sent, 0 errors", "read 80 ms ago",
                 "25 not answered yet"],
    "breaking": ["UNKNOWN", "a new connection is refused"],
    "down": ["DOWN", "broken on the kept connection", "last known 11 s ago", "212", "may still come"],
    "degraded": ["DEGRADED", "300 ms later than usual"],
    "healing": ["DOWN", "last known 16 s ago"],
    "recovery": ["recovery, 4 s to go", "UP"],
    "outbox": ["0", "pending in the outbox", "212"],
    "errors": ["the database is", "40 errors", "ambiguous, not in Kafka", "in Kafka, not acknowledged",
               "2 records without a tag may be events of theirs"],
    "uncounted": ["live numbers", "none", "the process that counts has ended"],
    "control": ["this run breaks nothing", "Stop"],
    "phantom": ["rolled back", "phantom if no row is found"],
    "drain": ["waiting for 5.5 s without a new row or event"],
    "judging": ["comparing ledger, PostgreSQL and Kafka", "Do not judge", "being judged", "not probed any more"],
    "judging, not restored": ["NOT RESTORED", "not proven healed", "`python -m chaos restore` heals it"],
    "stopped in the baseline": ["not broken", "the run ended before that"],
    "unread": ["last known 7 s ago; may still come"],
    "outbox unread": ["pending in the outbox", "it could not be read: no SELECT right"],
    "stopping": ["ending early: stopped before the plan was over"],
    "viewer": ["This browser does not control the run", "Take control"],
    "not restored": ["NOT RESTORED: the target is not proven healed", "chaos restore", "Run again"],
}  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as launched:
        yield launched


def complain(page: Any, message: Any) -> None:
    """Keep what the browser says, but not that a run is not there: no state has a judged one."""
    if not message.location["url"].startswith(f"{BASE}/chaos/runs/"):
        page.complaints.append(message.text)


def opened(context: Any, state: Any) -> Any:
    """Open the page with a server that answers with one state for ever."""
    page = context.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda message: complain(page, message))
    answers = {"/chaos/state": state, "/chaos/runs": [], "/chaos/plan": {"plan": "20 orders/s: baseline 20 s, drain."}}

    def serve(route: Any) -> None:
        path = route.request.url.removeprefix(BASE).partition("?")[0]
        if path == "/chaos":
            text = chaos_page("", fields({}), SESSION)
            route.fulfill(body=text, content_type="text/html", headers={"Content-Security-Policy": policy()})
        elif path == "/chaos/picture":
            route.fulfill(body=PICTURE, content_type="text/html")
        elif path in answers:
            route.fulfill(body=json.dumps(answers[path]), content_type="application/json")
        else:
            route.fulfill(
                status=404, body=json.dumps({"problem": "there is no such run"}), content_type="application/json"
            )

    context.route("**/*", serve)
    page.goto(f"{BASE}/chaos")
    page.wait_for_function("document.getElementById('now').textContent !== ''")
    return page


@pytest.mark.parametrize("name", STATES)
def test_each_state_says_what_is_true_of_it(browser: Any, name: str) -> None:
    for size, scheme in (((390, 844), "dark"), ((1440, 900), "light")):
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, bypass_csp=size[0] == 1440
        )
        page = opened(context, STATES[name])
        shown = page.evaluate("document.body.innerText")
        for words in SAYS[name]:
            assert words in shown, f"{name}: {words!r} not in {shown}"
        measured = page.evaluate(layout.MEASURE)
        assert (measured["sideways"], measured["broken"], measured["cut"]) == (False, [], []), name
        if size[0] == 1440:
            axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
            found = axe.run(page)
            assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        if folder := os.environ.get("KEEP_PICTURES"):
            page.screenshot(path=f"{folder}/state-{name.replace(' ', '-')}-{size[0]}.png", full_page=True)
        assert page.complaints == []
        context.close()


def test_every_state_has_its_words() -> None:
    assert set(SAYS) == set(STATES)


def test_a_server_that_no_longer_answers_is_said_with_its_silence(browser: Any) -> None:
    context = browser.new_context()
    page = opened(context, STATES["down"])
    context.unroute_all()
    context.route("**/*", lambda route: route.abort())
    gone = page.locator("#gone")
    gone.wait_for(timeout=20_000)
    assert "Locust has not answered for" in gone.inner_text()
    assert page.title().startswith("no answer")
    assert page.locator("#cards").inner_text().count("DOWN") == 1  # what was last known is still there
    context.close()
