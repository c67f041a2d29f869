"""What stands last on the screen when a run has ended."""

from types import SimpleNamespace
from typing import Any

import pytest

from chaos.ending import Ending
from chaos.listeners import Listeners
from runlog import exitcodes


@pytest.mark.parametrize("not_restored", [True, False])
def test_a_target_that_is_not_restored_is_named_last_with_its_remedy(
    capsys: pytest.CaptureFixture[str], not_restored: bool
) -> None:
    code = exitcodes.strongest([exitcodes.INCONCLUSIVE], not_restored)
    options = SimpleNamespace(headless=True, autostart=False)
    environment: Any = SimpleNamespace(web_ui=None, parsed_options=options, process_exit_code=code)
    house: Any = SimpleNamespace(
        conductor=SimpleNamespace(not_restored=not_restored, exit_code=code),
        end_code=None,
        last_words="no verdict",
        print_summary=lambda: None,
    )
    Ending(environment, house, Listeners()).printed()
    last = capsys.readouterr().err.splitlines()[-1]
    assert ("NOT RESTORED" in last, "`python -m chaos restore`" in last) == (not_restored, not_restored)
