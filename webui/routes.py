"""The routes of the page. None of them waits: what takes longer goes on in a greenlet of its own."""

import logging
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import flask_login  # type: ignore[import-untyped]
import gevent
import msgspec
from flask import Blueprint, Response, request, send_from_directory

from chaos.run.command_line import check_form, settings_of_form, texts_of
from chaos.run.dry_run import plan_sentence
from chaos.run.harness import Harness
from chaos.run.plan import RunPhase
from runlog import exit_codes
from runlog.folder import RUN_ID
from settings.errors import SettingsError
from webui import page
from webui.asked_by import is_browser, is_elsewhere, problem_of
from webui.control import Control
from webui.form import IN_FORM, field_of, fields, in_words_of_the_form
from webui.runs_client import NoAnswer, RunsClient
from webui.state import state_of

log: Final = logging.getLogger("chaos")
NOT_YOURS: Final = "this browser does not control the run; take control on the page /chaos first"
_FILE: Final = re.compile(r"(report\.(html|md|json)|junit\.xml|lost-events\.ndjson|[a-z-]+\.csv)")
ENDING_S: Final = 3.0
BUSY: Final = "a run is under way: stop it first, or wait for its end"


class Routes:
    """The routes of one Locust process.

    Args:
        port: of the web UI: pages of other ports on this host share their cookies.
    """

    def __init__(self, harness: Harness, base: str, port: int) -> None:
        self.control = Control()
        self._harness = harness
        self._runs_dir = str(Path(harness.parsed.runs_dir).absolute())
        self._runs = RunsClient(self._runs_dir)
        self._base = base
        self._session = secrets.token_hex(8)
        self._cookie = f"chaos_control_{port}"

    def blueprint(self, login: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Blueprint:
        """Return the routes, each behind the login if there is one."""
        made = Blueprint("chaos", __name__, url_prefix=f"{self._base}/chaos")
        made.add_url_rule("", "page", login(self.page))
        made.add_url_rule("/", "page/", login(self.page))
        made.add_url_rule("/state", "state", login(self.state))
        made.add_url_rule("/plan", "plan", login(self.plan))
        made.add_url_rule("/picture", "picture", login(self.picture))
        made.add_url_rule("/runs", "runs", login(lambda: self._asked("runs")))
        made.add_url_rule("/runs/<run>", "run", login(lambda run: self._asked("run", run=run)))
        made.add_url_rule("/runs/<run>/orders", "orders", login(self.orders))
        made.add_url_rule("/runs/<run>/trace", "trace", login(self.trace))
        made.add_url_rule("/runs/<run>/files/<name>", "file", login(self.file))
        made.add_url_rule("/compare", "compare", login(self.compare))
        for name, action in (("start", self.start), ("stop", self.stop), ("control", self.take)):
            made.add_url_rule(f"/{name}", name, login(self._guarded(action)), methods=["POST"])
        return made

    # -- what is shown -----------------------------------------------------------------------------------------------

    def page(self) -> Response:
        text = page.chaos_page(self._base, fields(texts_of(self._harness.parsed)), self._session)
        answer = Response(text, mimetype="text/html")
        answer.headers["Content-Security-Policy"] = page.policy()
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Referrer-Policy"] = "no-referrer"
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def state(self) -> Response:
        harness = self._harness
        refused = harness.refused or harness.failure
        return _json({**state_of(harness.conductor, refused, self.control, self._token), "session": self._session})

    def plan(self) -> Response:
        """Return what a run with the options of the query would do, in a sentence, or what is wrong with them."""
        parsed, host = self._harness.parsed, self._harness.environment.host or ""
        try:
            return _json({"plan": plan_sentence(settings_of_form(request.args, parsed, host))})
        except SettingsError as problem:
            text = str(problem)
            return _json({"plan": None, "problem": in_words_of_the_form(text), "field": field_of(text)})

    def picture(self) -> Response:
        """Return the picture of the run that goes on, empty while there is none."""
        conductor = self._harness.conductor
        live = None if conductor is None or conductor.open is None else conductor.open.live
        return Response("" if live is None else live.figure or "", mimetype="text/html")

    # -- runs on disk ------------------------------------------------------------------------------------------------

    def orders(self, run: str) -> Response:
        """Return the orders of a list, `?name=FILE&wanted=TEXT`."""
        wanted = request.args.get("wanted", "")
        return self._asked("orders", run=run, name=request.args.get("name", ""), wanted=wanted)

    def trace(self, run: str) -> Response:
        """Return the trace of an order, `?order=ID`."""
        return self._asked("trace", run=run, order=request.args.get("order", ""))

    def compare(self) -> Response:
        """Return two runs on one scale, `?first=RUN&second=RUN`."""
        return self._asked("compare", first=request.args.get("first", ""), second=request.args.get("second", ""))

    def file(self, run: str, name: str) -> Response:
        """Return a report or a list of a run; `latest` is the newest one."""
        folder = Path(self._runs_dir) / run
        known = run == "latest" or (RUN_ID.fullmatch(run) and not folder.is_symlink())
        path = folder / name
        # A link in a folder that came from elsewhere may lead to any file of this machine.
        if not known or not _FILE.fullmatch(name) or path.is_symlink() or not path.is_file():
            return _refuse(f"{run}/{name}: there is no such file", 404)
        answer = send_from_directory(folder.resolve(), name, as_attachment=not name.endswith(".html"))
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _asked(self, what: str, **question: str) -> Response:
        try:
            return _json(self._runs.ask(what, **question))
        except NoAnswer as problem:
            return _refuse(str(problem), 404)

    # -- what is done ------------------------------------------------------------------------------------------------

    def start(self) -> Response:
        """Start a run with the options in the body, `{"options": {name: text}}`."""
        environment = self._harness.environment
        if self._running or not _has_ended(environment.runner):
            return _refuse(BUSY, 409)
        try:
            body = msgspec.json.decode(request.get_data(), type=dict[str, dict[str, str]])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _refuse('the body must be {"options": {NAME: TEXT}}', 400)
        options = body.get("options", {})
        if unknown := sorted(set(options) - IN_FORM):
            return _refuse(f"{unknown[0]}: the form has no such option", 422)
        problem = check_form(options, self._harness.parsed, environment.host or "")
        if problem is not None:
            return _json({"problem": in_words_of_the_form(problem), "field": field_of(problem)}, 422)
        vars(self._harness.parsed).update(self._typed(options))
        if environment.runner is None:
            return _refuse("Locust has no runner", 503)
        token = self.control.take()
        environment.runner.start_shape()
        return self._with_token(_json({"started": True}), token)

    def stop(self) -> Response:
        """Stop the run: the load ends, the target is healed, the history is judged. Returns at once."""
        runner, conductor = self._harness.environment.runner, self._harness.conductor
        if conductor is not None and conductor.phase is RunPhase.RECONCILE:
            conductor.interrupt("asked for on the page", exit_codes.INCONCLUSIVE, at_once=True)
        elif runner is not None:
            gevent.spawn(runner.stop)
        return _json({"stopping": True})

    def take(self) -> Response:
        """Take control of the run."""
        log.warning("control of the run was taken by another browser")
        return self._with_token(_json({"controls": True}), self.control.take())

    # -- Locust's own page -------------------------------------------------------------------------------------------

    def check_locusts_own(self) -> Response | None:
        """Refuse what Locust's own page may not do: a wrong form, or to act on a run that someone else controls."""
        path = request.path.removeprefix(self._base)
        if request.method != "POST" or path.startswith("/chaos") or self._login_is_due():
            return None
        if is_elsewhere(request.headers):
            return _locusts("the request comes from another site", path)
        if is_browser(request.headers) and not self.control.may_act(self._token, running=self._running):
            return _locusts(NOT_YOURS, path)
        if path != "/swarm":
            return None
        problem = BUSY if self._running else None
        environment = self._harness.environment
        problem = problem or check_form(request.form, self._harness.parsed, environment.host or "")
        return None if problem is None else _locusts(in_words_of_the_form(problem), path)

    def after_locusts_own(self, answer: Response) -> Response:
        """Give control to the browser that has pressed Locust's own Start."""
        path = request.path.removeprefix(self._base)
        started = path == "/swarm" and request.method == "POST" and _succeeded(answer)
        return self._with_token(answer, self.control.take()) if started else answer

    # -- helpers -----------------------------------------------------------------------------------------------------

    @property
    def _running(self) -> bool:
        conductor = self._harness.conductor
        return conductor is not None and conductor.active

    def _login_is_due(self) -> bool:
        """Whether Locust's own login refuses this request: then nothing more is said of it."""
        if not getattr(self._harness.parsed, "web_login", False):
            return False
        return not flask_login.current_user.is_authenticated

    @property
    def _token(self) -> str | None:
        return request.cookies.get(self._cookie)

    def _guarded(self, action: Callable[[], Response]) -> Callable[[], Response]:
        def guarded() -> Response:
            if (problem := problem_of(request.headers, request.content_type)) is not None:
                return _refuse(problem, 403)
            free = action == self.take or self.control.may_act(self._token, running=self._running)
            return action() if free else _refuse(NOT_YOURS, 403)

        return guarded

    def _typed(self, options: dict[str, str]) -> dict[str, object]:
        """Return options as Locust's parser would hold them: flags as bools, all others as texts."""
        parsed = vars(self._harness.parsed)
        return {
            name: text == "true" if isinstance(parsed.get(name), bool) else text
            for name, text in options.items()
            if name in IN_FORM
        }

    def _with_token(self, answer: Response, token: str) -> Response:
        secure = request.is_secure
        answer.set_cookie(self._cookie, token, path=f"{self._base}/", httponly=True, samesite="Strict", secure=secure)
        return answer


def _has_ended(runner: Any) -> bool:
    """Wait a moment for the end of the shape of the run before: as long as it lives, Locust ignores a start."""
    shape = getattr(runner, "shape_greenlet", None)
    if shape is not None:
        shape.join(ENDING_S)
    return shape is None or bool(shape.ready())


def _json(value: object, status: int = 200) -> Response:
    answer = Response(msgspec.json.encode(value), status, mimetype="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _succeeded(answer: Response) -> bool:
    """Return whether Locust says that it did what it was asked."""
    try:
        return bool(msgspec.json.decode(answer.get_data(), type=dict[str, Any])["success"])
    except (msgspec.DecodeError, KeyError):
        return False


def _refuse(problem: str, status: int) -> Response:
    return _json({"problem": problem, "field": None}, status)


def _locusts(problem: str, path: str) -> Response:
    """Return a refusal in the form in which Locust's own page shows it."""
    if path == "/swarm":
        return _json({"success": False, "message": problem, "host": ""})
    return _json({"success": False, "message": problem}, 403)
