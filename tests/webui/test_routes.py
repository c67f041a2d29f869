"""The routes of the page: policy, control, the own page alone, login, base path, which files are served."""

import subprocess
import sys
from pathlib import Path

import pytest

from files.paths import CHECKOUT

CHECKS = [
    "page_and_policy",
    "start_gives_control_and_keeps_it",
    "only_the_own_page_acts_and_only_by_json",
    "a_wrong_form_names_its_field",
    "what_is_no_option_of_the_form_is_refused",
    "bytes_that_are_no_text_are_refused",
    "a_start_waits_for_the_end_of_the_run_before",
    "a_run_that_is_judged_is_stopped_at_once",
    "a_plan_is_told_before_it_is_started",
    "locusts_own_routes_ask_for_control_too",
    "locusts_page_says_stopped_when_the_run_is_over",
    "every_route_is_behind_the_login",
    "only_reports_and_lists_are_served",
]


@pytest.mark.process
@pytest.mark.parametrize("check", CHECKS)
def test_routes(check: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.webui.route_checks", check, str(tmp_path)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_check_is_run() -> None:
    source = (CHECKOUT / "tests" / "webui" / "route_checks.py").read_text()
    assert all(f"def {check}(folder: Path) -> None:" in source for check in CHECKS)
    assert source.count("(folder: Path) -> None:") == len(CHECKS)
