"""Options of `--stack external` in Locust itself: given several times, by environment and file, never in the form."""

import json
import re
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from settings.kafka_properties import read_properties
from settings.run_settings import OPTIONS, make_settings
from settings.service_files import read_service_files
from tests.e2e.harness import CHECKOUT
from tests.environment import without_options
from tests.external.conftest import OpenShopOf, StartExternal
from tests.external.shop import API_KEY
from tests.orderservice.conftest import free_port

pytestmark = pytest.mark.process

SECRET = "planted-5310"
PARSE = """
import json, sys
from locust.argument_parser import get_parser, parse_options, ui_extra_args_dict
from locust import events
from chaos.run.command_line import add_options, texts_of
events.init_command_line_parser.add_listener(lambda parser: add_options(parser))
parsed = parse_options()
print(json.dumps([texts_of(parsed), list(ui_extra_args_dict(sys.argv[1:]))]))
"""


def parsed(folder: Path, *arguments: str, **env: str) -> tuple[dict[str, str], list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PARSE, *arguments],
        env={**without_options(), "PYTHONPATH": str(CHECKOUT), **env},
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    texts, form = json.loads(done.stdout.splitlines()[-1])
    return texts, form


def test_headers_of_all_ways_in_are_one_text_a_line(tmp_path: Path) -> None:
    assert "header" not in parsed(tmp_path)[0]
    assert parsed(tmp_path, "--header", "A: 1, 2", "--header=B: [x]")[0]["header"] == "A: 1, 2\nB: [x]"
    assert parsed(tmp_path, LOCUST_HEADER="A: 1, 2\nB: [x]")[0]["header"] == "A: 1, 2\nB: [x]"
    assert parsed(tmp_path, "--header", "C: 3", LOCUST_HEADER="A: 1")[0]["header"] == "C: 3"
    (tmp_path / "locust.conf").write_text("header = [A: 1, B: 2]\n")
    assert parsed(tmp_path)[0]["header"] == "A: 1\nB: 2"
    (tmp_path / "locust.conf").write_text("header = A: 1\norder-path = /buy\n")
    assert parsed(tmp_path)[0]["header"] == "A: 1"
    assert parsed(tmp_path)[0]["order_path"] == "/buy"


def test_none_of_them_is_in_the_form(tmp_path: Path) -> None:
    texts, form = parsed(tmp_path, "--header", f"A: {SECRET}", "--break-command", "x", "--stack", "external")
    assert texts["break_command"] == "x"
    assert {"rate", "outage", "topic"} <= set(form)
    assert not set(form) & {"header", "database_url", "break_command", "heal_command", "stack", "order_path"}


def test_the_page_on_your_own_service_is_right(tmp_path: Path) -> None:
    page = (CHECKOUT / "docs" / "your-own-service.md").read_text()
    (conf,) = re.findall(r"```\n( *stack = external\n.*?)```", page, re.DOTALL)
    (tmp_path / "shop.conf").write_text(textwrap.dedent(conf))
    texts, _ = parsed(tmp_path, "--config", "shop.conf")
    assert texts["event_filter"] == "value:kind=PurchasePlaced"
    assert texts["order_id"] == "value:data.purchase.no"
    (body,) = re.findall(r"`purchase.json` is in .*?: `(.*?)`", page, re.DOTALL)
    (tmp_path / "purchase.json").write_text(body)
    texts |= {"database_url": "x", "scenario": "control", "order_body": str(tmp_path / "purchase.json")}
    external = make_settings(texts, "https://shop.staging/base").external
    assert external is not None
    assert read_service_files(external, "tagged").body == body
    named = set(re.findall(r"--([a-z][a-z-]+)", page))
    foreign = {"host", "headless", "config", "replicas", "ignore-not-found", "dport", "since", "look-again"}
    assert named - foreign <= {option.name for option in OPTIONS}
    assert "(options.md)" in page
    properties = tmp_path / "client.properties"
    (example,) = re.findall(r"```\n(security.protocol=.*?)```", page, re.DOTALL)
    properties.write_text(example)
    assert {"sasl.mechanism", "sasl.password", "ssl.ca.location"} <= set(read_properties(properties))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--stack", "external"], "--host is missing"),
        # The rest is in tests/settings/test_external.py.
        (
            ["--stack", "external", "--host", "http://x", "--database-url", f"postgresql://a:{SECRET}@b/c",
             "--break-command", f"curl -u password={SECRET}", "--heal-command", "true"],
            "--break-command: it seems to contain a secret",
        ),
        (
            ["--stack", "external", "--host", "http://x", "--database-url", f"postgresql://a:{SECRET}@b/c",
             "--scenario", "control", "--kafka-bootstrap", "y", "--header", f"no colon {SECRET}"],
            "--header (hidden): write a header as",
        ),
        (
            ["--stack", "external", "--host", "http://x", "--database-url", f"jdbc:postgresql://b/c?password={SECRET}",
             "--scenario", "control", "--kafka-bootstrap", "y"],
            "--database-url (hidden): it is a URL of JDBC: leave out `jdbc:`, and write user and password as in",
        ),
    ],
)  # fmt: skip
def test_wrong_options_end_with_2_and_one_sentence(
    start_external: StartExternal, tmp_path: Path, arguments: list[str], words: str
) -> None:
    run = start_external("--headless", *arguments)
    assert run.end(60) == 2, run.log
    (error,) = [line for line in run.log.splitlines() if "error:" in line]
    assert words in error
    assert SECRET not in run.log + run.printed
    assert "Traceback" not in run.log
    assert not run.runs.exists()
    assert not (tmp_path / "state").exists()


@pytest.mark.exhaustive
@pytest.mark.real
def test_the_form_cannot_change_where_orders_go_or_what_is_run(
    open_shop: OpenShopOf, start_external: StartExternal
) -> None:
    shop, port = open_shop(), free_port()
    web = ["--web-port", str(port), "--baseline", "1s", "--outage", "2s", "--recovery", "1s"]
    run = start_external(*web, *shop.options, "--scenario", "control", **shop.environment)
    page = _await_page(f"http://127.0.0.1:{port}/", run)
    assert API_KEY not in page
    assert "mars:mars@" not in page
    for field, value in {
        "break_command": "touch /tmp/x",
        "header": f"X-Api-Key: {API_KEY}",
        "database_url": "postgresql://elsewhere/x",
        "host": "http://elsewhere.test",
        "order_path": "/admin",
        "rate": "0",
    }.items():
        said = _post(f"http://127.0.0.1:{port}/swarm", {"user_count": "1", "spawn_rate": "1", field: value})
        assert said["success"] is False, field
        assert API_KEY not in json.dumps(said)
    said = _post(f"http://127.0.0.1:{port}/swarm", {"user_count": "1", "spawn_rate": "1", "host": shop.url})
    assert said["success"] is True, said
    run.await_log("reconcile: comparing", 90)
    run.await_that(run.folder.report.exists, "the report", 60)
    assert json.loads(run.folder.facts.read_text())["options"]["header"] == "***"


def _await_page(url: str, run: Any) -> str:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            assert run.process.poll() is None and time.monotonic() < deadline, run.log
            time.sleep(0.1)


def _post(url: str, fields: dict[str, str]) -> Any:
    request = urllib.request.Request(url, urllib.parse.urlencode(fields).encode())
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return {"success": False, "status": refused.code, "body": refused.read().decode()}
