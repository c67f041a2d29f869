"""Checks the routes of the page with Flask's own client, in a process of its own: importing Locust patches one.

    python -m tests.webui.route_checks NAME FOLDER

NAME is a function of this file; an assertion that fails ends it with a traceback.
"""

import functools
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flask import Flask, abort

from chaos.run.plan import RunPhase
from webui.routes import Routes
from webui.tab import state_shown

OWN = {"Host": "127.0.0.1:8089", "Origin": "http://127.0.0.1:8089", "Sec-Fetch-Site": "same-origin"}
RUN = "20261123-073000-4f2a"


class Scene:
    """The routes on a harness of which a test sets whether a run goes on."""

    def __init__(self, folder: Path, base: str = "", login: Any = lambda view: view) -> None:
        self.started: list[str] = []
        self.stopped: list[str] = []
        self.conductor: Any = None
        runner = SimpleNamespace(
            start_shape=lambda: self.started.append("started"), stop=lambda: self.stopped.append("stopped")
        )
        scene = self

        class Harness:
            environment = SimpleNamespace(runner=runner, host="http://127.0.0.1:8082")
            parsed = Namespace(
                runs_dir=str(folder), web_base_path=base, host=None, scenario="lost-event", stack="embedded", rate="20",
                fail_on_duplicates=False, master=False,
            )  # fmt: skip
            refused = failure = None

            @property
            def conductor(self) -> Any:
                return scene.conductor

        harness: Any = Harness()
        self.harness = harness
        self.routes = Routes(self.harness, base, 8089)
        app = Flask(__name__)
        app.before_request(self.routes.check_locusts_own)
        app.register_blueprint(self.routes.blueprint(login))
        app.after_request(self.routes.after_locusts_own)
        for path in ("/swarm", "/stop", "/stats/reset", "/user"):
            app.add_url_rule(f"{base}{path}", path, lambda: ('{\n  "success": true\n}\n', 200), methods=["POST"])
        self.app = app

    def begin(self) -> None:
        self.conductor = SimpleNamespace(active=True, open=None, phase=RunPhase.BASELINE)

    def client(self) -> Any:
        return self.app.test_client()


def act(client: Any, path: str, body: Any = None, **headers: str) -> Any:
    return client.post(path, json={} if body is None else body, headers={**OWN, **headers})


def page_and_policy(folder: Path) -> None:
    answer = Scene(folder).client().get("/chaos")
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert Scene(folder, "/load").client().get("/load/chaos").status_code == 200


def start_gives_control_and_keeps_it(folder: Path) -> None:
    scene = Scene(folder)
    one, other = scene.client(), scene.client()
    answer = act(
        one,
        "/chaos/start",
        {"options": {"rate": "30", "fail_on_duplicates": "true"}},
    )
    assert (answer.status_code, scene.started) == (200, ["started"])
    assert (scene.harness.parsed.rate, scene.harness.parsed.fail_on_duplicates) == ("30", True)
    cookie = answer.headers["Set-Cookie"]
    assert all(words in cookie for words in ("chaos_control_8089=", "HttpOnly", "SameSite=Strict", "Path=/"))
    scene.begin()
    assert act(other, "/chaos/stop").status_code == 403
    assert act(other, "/chaos/start", {"options": {}}).status_code == 403
    assert act(one, "/chaos/start", {"options": {}}).status_code == 409
    assert act(one, "/chaos/stop").status_code == 200
    assert act(other, "/chaos/control").status_code == 200
    assert (
        act(one, "/chaos/stop").json["problem"]
        == "this browser does not control the run; take control on the page /chaos first"
    )
    assert act(other, "/chaos/stop").status_code == 200


def only_the_own_page_acts_and_only_by_json(folder: Path) -> None:
    scene = Scene(folder)
    client = scene.client()
    for headers in ({"Origin": "http://evil.test"}, {"Origin": "http://["}, {"Sec-Fetch-Site": "cross-site"}):
        assert act(client, "/chaos/start", {"options": {}}, **headers).status_code == 403
    assert not client.post("/swarm", headers={"Sec-Fetch-Site": "cross-site"}).json["success"]
    assert client.post("/chaos/start", data="{}", headers=OWN).status_code == 403
    assert client.get("/chaos/start").status_code == 405
    bodies: tuple[Any, ...] = ([], {"options": {"rate": 5}}, "x")
    for body in bodies:
        assert act(client, "/chaos/start", body).status_code == 400
    assert scene.started == []


def a_wrong_form_names_its_field(folder: Path) -> None:
    scene = Scene(folder)
    answer = act(scene.client(), "/chaos/start", {"options": {"rate": "0"}})
    assert (answer.status_code, answer.json["field"]) == (422, "rate")
    assert answer.json["problem"].startswith("rate 0: it must be above 0")
    assert (scene.started, scene.harness.parsed.rate) == ([], "20")


def what_is_no_option_of_the_form_is_refused(folder: Path) -> None:
    scene = Scene(folder)
    for name in ("no_such", "headless", "service-variant", "runs_dir", "database_url"):
        answer = act(scene.client(), "/chaos/start", {"options": {name: "x"}})
        assert (answer.status_code, answer.json["problem"]) == (422, f"{name}: the form has no such option")
    assert not hasattr(scene.harness.parsed, "headless")
    assert scene.started == []


def bytes_that_are_no_text_are_refused(folder: Path) -> None:
    scene = Scene(folder)
    client = scene.client()
    headers = {**OWN, "Content-Type": "application/json"}
    assert client.post("/chaos/start", data=b'{"options": {"rate": "\xff"}}', headers=headers).status_code == 400
    client.set_cookie("chaos_control_8089", "\u00e9", domain="127.0.0.1")
    scene.routes.control.take()
    scene.begin()
    assert act(client, "/chaos/stop").status_code == 403


def a_start_waits_for_the_end_of_the_run_before(folder: Path) -> None:
    """As long as its shape lives, Locust ignores a start and says nothing."""
    scene = Scene(folder)
    joined: list[float] = []
    shape = SimpleNamespace(join=joined.append, ready=lambda: False)
    scene.harness.environment.runner.shape_greenlet = shape
    assert act(scene.client(), "/chaos/start", {"options": {}}).status_code == 409
    shape.ready = lambda: True
    assert act(scene.client(), "/chaos/start", {"options": {}}).status_code == 200
    assert (len(joined), scene.started) == (2, ["started"])


def a_run_that_is_judged_is_stopped_at_once(folder: Path) -> None:
    scene = Scene(folder)
    asked: list[tuple[int, bool]] = []
    scene.conductor = SimpleNamespace(
        active=True, phase=RunPhase.RECONCILE,
        interrupt=lambda reason, code, *, at_once: asked.append((code, at_once)),
    )  # fmt: skip
    client = scene.client()
    client.set_cookie("chaos_control_8089", scene.routes.control.take(), domain="127.0.0.1")
    assert act(client, "/chaos/stop").status_code == 200
    assert (asked, scene.stopped) == ([(3, True)], [])


def a_plan_is_told_before_it_is_started(folder: Path) -> None:
    scene = Scene(folder)
    answer = scene.client().get("/chaos/plan?rate=30&outage=5s")
    assert "30 orders/s" in answer.json["plan"]
    assert "stop of the broker for 5 s" in answer.json["plan"]
    wrong = scene.client().get("/chaos/plan?rate=0")
    assert (wrong.json["plan"], wrong.json["problem"][:7]) == (None, "rate 0:")
    assert "fixed while Locust runs" in scene.client().get("/chaos/plan?runs_dir=elsewhere").json["problem"]
    assert (scene.started, scene.harness.parsed.rate) == ([], "20")


def locusts_own_routes_ask_for_control_too(folder: Path) -> None:
    scene = Scene(folder, "/load")
    one, other = scene.client(), scene.client()
    answer = one.post("/load/swarm", data={"rate": "30"}, headers=OWN)
    assert "chaos_control_8089=" in answer.headers["Set-Cookie"]
    scene.begin()
    for path in ("/stop", "/stats/reset", "/user"):
        assert other.post(f"/load{path}", headers=OWN).status_code == 403
        assert one.post(f"/load{path}", headers=OWN).status_code == 200
        # A script sends none of the headers of a browser.
        assert other.post(f"/load{path}", headers={"Host": "127.0.0.1:8089"}).status_code == 200
    busy = one.post("/load/swarm", data={"rate": "30"}, headers=OWN).json
    assert (busy["success"], busy["message"][:20]) == (False, "a run is under way: ")
    scene.conductor = None
    wrong = other.post("/load/swarm", data={"rate": "0"}, headers=OWN).json
    assert (wrong["success"], wrong["message"][:7]) == (False, "rate 0:")


def locusts_page_says_stopped_when_the_run_is_over(folder: Path) -> None:
    ending: Any = SimpleNamespace(active=True)
    over: Any = SimpleNamespace(active=False)
    for state in ("running", "cleanup", "stopping", "stopped"):
        assert state_shown(state, ending) == "running"
    assert state_shown("stopped", over) == state_shown("stopped", None) == "stopped"
    assert state_shown("cleanup", over) == "running", "its page asks again only while it runs"
    assert state_shown("ready", None) == "ready"
    assert state_shown("spawning", ending) == "spawning"


def every_route_is_behind_the_login(folder: Path) -> None:
    def login(view: Any) -> Any:
        @functools.wraps(view)
        def refused(*_: Any, **__: Any) -> Any:
            abort(401)

        return refused

    client = Scene(folder, login=login).client()
    for path in ("", "/state", "/picture", "/runs", f"/runs/{RUN}", f"/runs/{RUN}/files/report.html", "/compare"):
        assert client.get(f"/chaos{path}").status_code == 401, path
    for path in ("/start", "/stop", "/control"):
        assert act(client, f"/chaos{path}").status_code == 401, path


def only_reports_and_lists_are_served(folder: Path) -> None:
    run = folder / RUN
    run.mkdir()
    for name in ("report.html", "lost-events.csv", "run.json", "ledger.bin"):
        (run / name).write_text(name)
    (folder / "latest").symlink_to(RUN)
    client = Scene(folder).client()
    page, listed = (client.get(f"/chaos/runs/{RUN}/files/{name}") for name in ("report.html", "lost-events.csv"))
    assert (page.status_code, page.get_data(as_text=True)) == (200, "report.html")
    assert page.headers["Content-Disposition"].startswith("inline")
    assert listed.headers["Content-Disposition"].startswith("attachment")
    assert client.get("/chaos/runs/latest/files/report.html").status_code == 200
    (run / "report.md").symlink_to("/etc/hostname")
    (folder / "20261123-073000-4f2b").symlink_to(RUN)
    assert client.get(f"/chaos/runs/{RUN}/files/report.md").status_code == 404
    assert client.get("/chaos/runs/20261123-073000-4f2b/files/report.html").status_code == 404
    for path in ("run.json", "ledger.bin", "..%2Frun.json", "..%2Fx.csv"):
        assert client.get(f"/chaos/runs/{RUN}/files/{path}").status_code == 404, path


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
