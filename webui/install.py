"""Puts the page into Locust's web UI: routes, a tab with a small table, and the reports among the downloads."""

from typing import Any, Final

import msgspec
from flask import Response, request

from chaos.run.harness import Harness
from chaos.run.web_access import HostCheck
from webui.routes import Routes
from webui.tab import TAB, TABLE, rows, state_shown

MOST_BYTES: Final = 2**20
_STATISTICS: Final = "/stats/requests"
_NOTE: Final = (
    '<p style="margin:24px auto;max-width:900px;padding:0 16px;font:16px system-ui,sans-serif">'
    '<a href="{base}/chaos" style="color:#15803d;font-weight:600">Chaos</a>: start a run, watch the gap, read the lost '
    "events. Number of users, ramp up and profile change nothing here, and another host or a run time is refused: the "
    "plan of a run is below <i>Custom parameters</i>.</p>"
)
"""Added to Locust's own page: the one link to ours, and why some of its fields change nothing."""


def install(harness: Harness, web_ui: Any, allowed_hosts: tuple[str, ...]) -> None:
    """Install all of it.

    Args:
        web_ui: Locust's.
        allowed_hosts: further names under which the page answers.
    """
    app, base = web_ui.app, (harness.parsed.web_base_path or "").rstrip("/")
    routes = Routes(harness, base, web_ui.port)
    app.wsgi_app = HostCheck(app.wsgi_app, web_ui.host, allowed_hosts)
    app.before_request(routes.check_locusts_own)
    app.register_blueprint(routes.blueprint(web_ui.auth_required_if_enabled))
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    # Set once: Locust keeps what it did not set itself.
    files = f"{base}/chaos/runs/latest/files"
    downloads = [
        {"href": f"{files}/report.html", "title": "Report of the last run (HTML)"},
        {"href": f"{files}/lost-events.csv", "title": "Lost events of the last run (CSV)"},
    ]
    web_ui.template_args |= {"extended_tabs": [TAB], "extended_tables": [TABLE], "extended_csv_files": downloads}

    # Else Locust's form has the options in the order of the alphabet.
    app.jinja_env.policies["json.dumps_kwargs"] = {"sort_keys": False}

    def add(answer: Response) -> Response:
        if request.path == f"{base}/" and answer.mimetype == "text/html":
            answer.set_data(answer.get_data().replace(b"</body>", _NOTE.format(base=base).encode() + b"</body>", 1))
        if request.path == f"{base}{_STATISTICS}" and answer.status_code == 200:
            value = msgspec.json.decode(answer.get_data())
            value["state"] = state_shown(value["state"], harness.conductor)
            value["extended_stats"] = [{"key": TAB["key"], "data": rows(harness, request.host_url.rstrip("/") + base)}]
            answer.set_data(msgspec.json.encode(value))
        return routes.after_locusts_own(answer)

    app.after_request(add)
