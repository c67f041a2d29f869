"""The plan of a run: its phases, drawn lengths, and load."""

from chaos.run.plan import RunPhase, make_plan
from settings.plan_options import SHORTEST_OUTAGE_S
from settings.run_settings import make_settings


def test_plan_moves_on_settings() -> None:
    plan = make_plan(make_settings({"baseline": "5s", "outage": "20s", "recovery": "7s"}))
    assert plan.load_seconds == 32
    assert [(outage.fault.name, outage.target, outage.length) for outage in plan.outages] == [("stop", "broker", 20)]
    assert plan.describe() == "baseline 5 s, stop of the broker for 20 s, recovery 7 s, drain"


def test_a_plan_names_the_strength_of_its_fault() -> None:
    """`broker latency 5 s` would be read as a latency of 5 s."""
    late = make_plan(make_settings({"fault": "latency", "outage": "5s", "fault_jitter": "50ms"}))
    assert "latency of 300 ms ± 50 ms to the broker for 5 s" in late.describe()
    half = make_plan(
        make_settings({"fault": "reset", "outage": "5s", "fault_share": "0.5", "fault_target": "database"})
    )
    assert half.outages[0].describe() == "reset of 50 % of connections to the database for 5 s"


def test_several_outages_each_with_its_recovery() -> None:
    plan = make_plan(make_settings({"outages": "3", "outage": "20s", "recovery": "7s", "fault": "kill"}))
    assert [(outage.fault.name, outage.length, outage.recovery) for outage in plan.outages] == [("kill", 20, 7)] * 3


def test_a_seed_draws_the_lengths_and_always_the_same() -> None:
    asked = {"outages": "50", "outage": "20s", "recovery": "7s", "baseline": "5s", "seed": "42"}
    plan = make_plan(make_settings(asked))
    assert plan == make_plan(make_settings(asked))
    assert plan != make_plan(make_settings({**asked, "seed": "43"}))
    assert len({outage.length for outage in plan.outages}) > 10
    assert all(10 <= outage.length <= 30 and 3.5 <= outage.recovery <= 10.5 for outage in plan.outages)


def test_no_drawn_outage_is_too_short_to_be_proven() -> None:
    plan = make_plan(make_settings({"outages": "50", "outage": "2s", "seed": "1"}))
    assert min(outage.length for outage in plan.outages) == SHORTEST_OUTAGE_S


def test_control_is_as_long_as_the_plan_with_its_outages() -> None:
    texts = {"outages": "3", "baseline": "5s", "outage": "20s", "recovery": "7s"}
    broken, control = (make_plan(make_settings({**texts, "scenario": name})) for name in ("lost-event", "control"))
    assert not control.outages
    assert control.load_seconds == broken.load_seconds


def test_users_are_there_just_while_orders_fall_due() -> None:
    assert [phase for phase in RunPhase if phase.under_load] == [
        RunPhase.BASELINE,
        RunPhase.OUTAGE,
        RunPhase.RECOVERY,
    ]
