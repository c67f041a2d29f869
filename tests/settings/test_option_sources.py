"""An option that an environment variable has set is named by that variable, for every option."""

import subprocess
from pathlib import Path

import pytest

from settings.option import Option
from settings.option_sources import with_sources
from settings.run_settings import OPTIONS
from tests.e2e.harness import CHECKOUT, LOCUST
from tests.environment import without_options


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_is_named_by_its_variable(option: Option[str]) -> None:
    message = str(option.wrong("abc", "it must be better"))
    shown = "(hidden)" if option.secret else "abc"
    named = f"{option.env}={shown} (environment): it must be better"
    assert with_sources(message, [], {option.env: "abc"}) == named
    assert with_sources(message, [option.flag, "abc"], {option.env: "abc"}) == message
    assert with_sources(message, [f"{option.flag}=abc"], {option.env: "abc"}) == message
    assert with_sources(message, [], {}) == message


@pytest.mark.parametrize(
    ("message", "arguments", "environment", "named"),
    [
        (
            "-u/--users 5: use --rate instead", [], {"LOCUST_USERS": "5"},
            "LOCUST_USERS=5 (environment): use --rate instead",
        ),
        ("-u/--users 5: use --rate instead", ["-u5"], {"LOCUST_USERS": "5"}, None),
        ("-u/--users 5: use --rate instead", ["--use", "5"], {"LOCUST_USERS": "5"}, None),
        (
            "--settle 90s does not fit into --drain-timeout 60s; give a longer --drain-timeout", [],
            {"LOCUST_SETTLE": "90s"},
            "--settle 90s does not fit into --drain-timeout 60s; give a longer --drain-timeout "
            "(--settle is set by LOCUST_SETTLE)",
        ),
        (
            "argument --fault: invalid choice: 'nuke'", [], {"LOCUST_FAULT": "nuke"},
            "LOCUST_FAULT=nuke (environment): invalid choice: 'nuke'",
        ),
        ("--fault-target moon: choose", [], {"LOCUST_FAULT": "stop"}, None),
        ("--database-url: no password in it", [], {"LOCUST_DATABASE_URL": "x:s3cret"},
         "LOCUST_DATABASE_URL=(hidden) (environment): no password in it"),
        ("PostgreSQL does not answer", [], {"LOCUST_RATE": "5"}, None),
    ],
)  # fmt: skip
def test_how_a_message_is_worded(
    message: str, arguments: list[str], environment: dict[str, str], named: str | None
) -> None:
    assert with_sources(message, arguments, environment) == (named or message)


@pytest.mark.process
@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("LOCUST_RATE", "abc", "error: LOCUST_RATE=abc (environment): it must be a number"),
        ("LOCUST_FAULT", "nuke", "error: LOCUST_FAULT=nuke (environment): invalid choice"),
        ("LOCUST_STOP_TIMEOUT", "soon", "error: LOCUST_STOP_TIMEOUT=soon (environment): "),
    ],
)
def test_locust_says_so(tmp_path: Path, variable: str, value: str, said: str) -> None:
    """And nothing comes after the refusal."""
    done = subprocess.run(
        [str(LOCUST), "-f", str(CHECKOUT / "locustfile.py"), "--headless", "--runs-dir", str(tmp_path / "runs")],
        env={**without_options(), "PYTHONPATH": str(CHECKOUT), variable: value},
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert not (tmp_path / "runs").exists()
