"""Each fault is known under the name that `--fault` offers, and its words and needs are complete."""

import pytest

from chaos.faults.fault import Need
from chaos.faults.registry import FAULTS, known_fault
from chaos.faults.targets import TargetError
from runlog.fault_facts import Effect
from settings.plan_options import FaultOptions


def test_options_offer_every_fault_and_no_other() -> None:
    assert FaultOptions.fault.choices == tuple(FAULTS)
    assert all(name == fault.name for name, fault in FAULTS.items())


def test_a_fault_that_no_version_has_is_a_target_error() -> None:
    with pytest.raises(TargetError, match="a fault 'melt' is not known to this version"):
        known_fault("melt", Effect())


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_names_its_target_in_words(name: str) -> None:
    fault = FAULTS[name]
    assert fault.of("broker").endswith(" the broker")
    assert fault.facts.of("broker") == fault.of("broker")


def test_what_a_fault_needs_of_a_process_is_the_proxy_or_nothing() -> None:
    assert [name for name, fault in FAULTS.items() if Need.PROXY in fault.needs] == ["partition"]
