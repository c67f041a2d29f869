"""The last line on the terminal when a run has ended."""

import subprocess
import sys

import pytest

from files.paths import CHECKOUT

pytestmark = pytest.mark.process

# In a process of its own, as it imports Locust.
SCRIPT = """
import sys
from types import SimpleNamespace
from chaos.run.process_end import ProcessEnd
from chaos.run.exit_code_listeners import Listeners
from runlog import exit_codes

not_restored = sys.argv[1] == "True"
code = exit_codes.strongest([exit_codes.INCONCLUSIVE], not_restored)
options = SimpleNamespace(headless=True, autostart=False)
environment = SimpleNamespace(web_ui=None, parsed_options=options, process_exit_code=code)
harness = SimpleNamespace(
    conductor=SimpleNamespace(not_restored=not_restored, exit_code=code),
    end_code=None,
    failure="no verdict",
    print_summary=lambda: None,
)
ProcessEnd(environment, harness, Listeners()).printed()
"""


@pytest.mark.parametrize("not_restored", [True, False])
def test_a_target_that_is_not_restored_is_named_last_with_its_remedy(not_restored: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(not_restored)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    last = done.stderr.splitlines()[-1]
    assert ("NOT RESTORED" in last, "`python -m chaos restore`" in last) == (not_restored, not_restored)
