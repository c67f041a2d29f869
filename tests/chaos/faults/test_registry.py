"""Each fault is known under the name that `--fault` offers, and its words and needs are complete."""

import pytest

from chaos.faults.fault import Need
from chaos.faults.registry import FAULTS, chosen_fault, known_fault
from chaos.faults.targets import TargetError
from health.effect import DOWN, Effect
from settings.plan_options import FaultOptions
from settings.run_settings import make_settings


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
    assert [name for name, fault in FAULTS.items() if Need.PROXY in fault.needs] == ["partition", "latency", "reset"]


def test_the_effect_is_as_strong_as_the_options_say() -> None:
    texts = {"fault": "latency", "fault_latency": "1500ms", "fault_jitter": "100ms"}
    assert chosen_fault(make_settings(texts)).effect == Effect("late", added_s=1.5, jitter_s=0.1)
    assert chosen_fault(make_settings(texts)).of("broker") == "latency of 1500 ms ± 100 ms to the broker"
    half = chosen_fault(make_settings({"fault": "reset", "fault_share": "0.5"}))
    assert (half.effect, half.of("database")) == (
        Effect("reset", share=0.5),
        "reset of 50 % of connections to the database",
    )
    assert chosen_fault(make_settings({})).effect == DOWN


def test_a_fault_of_a_journal_is_as_strong_as_it_was() -> None:
    effect = Effect("late", added_s=0.7, usual_s={"kept": 0.001})
    assert known_fault("latency", effect).effect == effect
