"""Settings: good texts become typed values, each wrong one gets a sentence that names option, value and remedy."""

import re

import pytest

from contract.publish_horizon import Publisher
from settings.__main__ import page
from settings.run_settings import OPTIONS, Settings, SettingsError, make_settings
from tests.e2e.harness import CHECKOUT


def settings(**texts: str) -> Settings:
    return make_settings(texts)


def test_defaults_are_the_plan_of_the_readme() -> None:
    made = make_settings({})
    assert (made.baseline, made.outage, made.recovery, made.rate) == (10, 15, 10, 20)
    assert (made.expect, made.expect_source) == ("consistent", "the default")
    assert made.delivery_timeout == 3
    assert made.settle > made.delivery_timeout + made.service_block_time
    assert (made.drain_timeout, made.publish_horizon) == (None, None)


def test_the_delivery_timeout_of_another_service_is_unknown_unless_it_is_stated() -> None:
    texts = {"stack": "external", "scenario": "control", "database_url": "postgresql:///x", "kafka_bootstrap": "k:1"}
    unknown, stated = (make_settings(one, "http://shop.test") for one in (texts, {**texts, "delivery_timeout": "2m"}))
    assert (unknown.delivery_timeout, unknown.settle) == (None, 5.5)
    assert (stated.delivery_timeout, stated.settle) == (120, 122.5)
    assert unknown.publisher == Publisher(False, None, None, None, False)


def test_what_is_known_of_the_publisher() -> None:
    assert settings().publisher == Publisher(True, 3, 1, None, False)
    assert settings(service_variant="outbox", publish_horizon="2m").publisher == Publisher(True, 3, 1, 120, True)


def test_a_drain_timeout_may_end_before_the_horizon_but_not_before_the_settle_time() -> None:
    assert settings(publish_horizon="5m", drain_timeout="60s").drain_timeout == 60
    assert settings(settle="2m").settle == 120
    with pytest.raises(SettingsError, match="--settle 120s does not fit into --drain-timeout 60s"):
        settings(settle="2m", drain_timeout="60s")
    with pytest.raises(SettingsError, match=r"--request-timeout 58s .* do not fit into --drain-timeout 60s"):
        settings(request_timeout="58s", drain_timeout="60s")


@pytest.mark.parametrize(("text", "on"), [("", False), ("False", False), ("True", True), ("true", True)])
def test_fail_on_duplicates_is_read_from_parser_and_form(text: str, on: bool) -> None:
    assert settings(fail_on_duplicates=text).fail_on_duplicates is on


def test_texts_of_all_kinds_are_read() -> None:
    made = settings(baseline="1m30s", rate="0.5", expect="lost-events", settle="7")
    assert (made.baseline, made.rate, made.expect, made.settle) == (90, 0.5, "lost-events", 7)
    assert made.expect_source == "--expect"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("rate", "0", "above 0"),
        ("rate", "-3", "above 0"),
        ("rate", "nan", "above 0"),
        ("rate", "many", "must be a number"),
        ("rate", "1e9", "at most 10000"),
        ("outage", "0.5s", "cannot be proven"),
        ("outage", "0", "cannot be proven"),
        ("baseline", "-1", "give a duration"),
        ("baseline", "2d", "give a duration"),
        ("recovery", "", "give a duration"),
        ("outages", "0", "whole number from 1 to 100"),
        ("outages", "101", "whole number from 1 to 100"),
        ("seed", "-1", "whole number from 0"),
        ("max_outage", "15s", "not longer than the longest outage of the plan"),
        ("command_timeout", "0", "from 1s to 24h"),
        ("command_timeout", "long", "give a duration"),
        ("max_outage", "never", "give a duration"),
        ("dry_run", "perhaps", "without a value"),
        ("fail_on_duplicates", "perhaps", "without a value"),
        ("fault", "nuke", "choose stop, kill, pause, partition, latency or reset"),
        ("fault_share", "0.5", "it makes no sense with --fault stop; leave it out"),
        ("fault_latency", "1s", "it makes no sense with --fault stop; leave it out"),
        ("fault_jitter", "50ms", "it makes no sense with --fault stop; leave it out"),
        ("fault_target", "moon", "choose broker, database or service"),
        ("scenario", "doom", "choose lost-event, phantom-event or control"),
        ("expect", "luck", "choose consistent, lost-events, phantom-events or any"),
        ("service_variant", "magic", "choose naive, after-commit, awaited, raised or outbox"),
        ("service_publish_failure", "404", "choose 201 or 500"),
        ("attribution", "guess", "choose tagged, exclusive or acknowledged-only"),
        ("service_pool", "0", "whole number from 1"),
        ("service_pool", "2.5", "whole number from 1"),
        ("service_pool", "9" * 5000, "whole number from 1"),
        ("service_port", "70000", "whole number from 0 to 65535"),
        ("topic", " ", "must not be empty"),
        ("topic", "no such/topic", "a topic's name consists of"),
        ("topic", "..", "a topic's name consists of"),
        ("topic", "x" * 250, "a topic's name consists of"),
        ("publish_horizon", "-1s", "give a duration"),
        ("publish_horizon", "25h", "from 0s to 24h"),
        ("drain_timeout", "3s", "does not fit"),
    ],
)
def test_a_wrong_value_names_option_value_and_remedy(name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**{name: value})
    message = str(caught.value)
    assert f"--{name.replace('_', '-')}" in message
    assert words in message
    assert "\n" not in message


def test_the_longest_outage_leaves_time_for_the_proofs() -> None:
    assert settings(outage="20s", fault_timeout="40s").max_outage == 90
    assert settings(outage="20s", fault_timeout="40s", seed="7").max_outage == 100
    assert settings(outage="20s", max_outage="21s").max_outage == 21
    with pytest.raises(SettingsError, match="the longest outage of the plan, 30s"):
        settings(outage="20s", max_outage="25s", seed="7")


def test_commands_have_time_for_a_rolling_restart_and_more_where_it_is_given() -> None:
    assert settings().command_timeout == 600
    assert settings(command_timeout="30m").command_timeout == 1800
    # An outage lasts from the end of its act, whatever that took.
    assert settings(command_timeout="30m").max_outage == settings().max_outage


def test_a_rate_without_any_order_is_refused() -> None:
    with pytest.raises(SettingsError, match="no order would fall due"):
        settings(rate="0.01")
    assert settings(rate="0.1").rate == 0.1


def test_the_same_port_twice_is_refused() -> None:
    with pytest.raises(SettingsError, match="must differ"):
        settings(service_port="9092", kafka_port="9092")
    assert settings(service_port="9091", kafka_port="9092").kafka_port == 9092


def test_the_page_of_options_is_current() -> None:
    """`python -m settings > docs/options.md` writes it."""
    assert (CHECKOUT / "docs" / "options.md").read_text() == page()
    assert {option.flag for option in OPTIONS} == set(re.findall(r"^- `(--[a-z-]+)", page(), re.MULTILINE))


def test_each_option_is_documented_and_has_a_working_default() -> None:
    for option in OPTIONS:
        assert option.help
        assert option.env == "LOCUST_" + option.dest.upper()
        assert not option.choices or option.default in ("", *option.choices)


def test_a_latency_its_jitter_and_a_share_of_resets() -> None:
    made = settings(fault="latency")
    assert (made.fault_latency, made.fault_jitter, made.fault_share) == (0.3, 0.0, 1.0)
    assert settings(fault="latency", fault_latency="1500ms", fault_jitter="750ms").fault_jitter == 0.75
    assert settings(fault="reset", fault_share="0.5").fault_share == 0.5
    assert settings(fault="latency", fault_latency="10s").fault_latency == 10.0
    assert settings(fault="reset", fault_share="0.0501").fault_share == 0.0501
    assert settings(fault="latency", fault_latency="20s", scenario="control").fault_latency == 20.0


@pytest.mark.parametrize(
    ("texts", "right"),
    [
        ({"fault": "latency", "fault_latency": "49ms"}, "a busy machine delays answers by as much"),
        (
            {"fault": "latency", "fault_latency": "100ms", "fault_jitter": "51ms"},
            "--fault-jitter 0.051s: it is more than half of --fault-latency 0.1s, so some answers could come as early "
            "as usual; give at most 0.05s",
        ),
        ({"fault": "latency", "fault_share": "0.5"}, "it makes no sense with --fault latency"),
        ({"fault": "reset", "fault_share": "0.05"}, "it must be above 0.05 and at most 1 (share)"),
        ({"fault": "reset", "fault_share": "1.1"}, "it must be above 0.05 and at most 1 (share)"),
        ({"fault": "reset", "fault_latency": "1s"}, "it makes no sense with --fault reset"),
        (
            {"fault": "latency", "fault_latency": "20s", "outage": "20s"},
            "--fault-timeout 60s: it is too short to prove the beginning and the end of a latency of 20s; "
            "give at least 120s",
        ),
        (
            {"fault": "latency", "fault_latency": "5s", "fault_jitter": "1s"},
            "the beginning and the end of a latency of 5s with a jitter of 1s; give at least 66s",
        ),
        (
            {"fault": "latency", "fault_latency": "9s", "outage": "8s"},
            "--outage 8s: it is too short for one answer that is 9s late; give at least 9s",
        ),
        (
            {"fault": "latency", "fault_latency": "9s", "outage": "16s", "seed": "1"},
            "--outage 16s: --seed may draw an outage of 8s, which is too short for one answer that is 9s late; "
            "give at least 18s",
        ),
        (
            {"fault": "reset", "fault_share": "0.06", "fault_timeout": "49s"},
            "the beginning and the end of resets with --fault-share 0.06; give at least 50s",
        ),
    ],
)
def test_a_degradation_that_makes_no_sense_is_refused(texts: dict[str, str], right: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(right)):
        settings(**texts)
