"""Our options in Locust's parser and form, and what is refused there."""

from argparse import Namespace
from pathlib import Path

import pytest

from chaos.run.command_line import add_options, check_form, read_settings, texts_of
from settings.run_settings import OPTIONS, SettingsError


class FakeParser:
    """Takes declarations as Locust's parser does."""

    def __init__(self) -> None:
        self.flags: dict[str, dict[str, object]] = {}
        self.defaults: dict[str, object] = {}

    def add_argument(self, flag: str, **keywords: object) -> None:
        self.flags[flag] = keywords

    def set_defaults(self, **defaults: object) -> None:
        self.defaults |= defaults


def test_every_option_reaches_locusts_parser_as_text() -> None:
    parser = FakeParser()
    add_options(parser)
    assert set(parser.flags) == {option.flag for option in OPTIONS}
    # Anything but text, numbers and booleans would make every spawn fail: Locust sends options as msgpack.
    flags = {option.flag for option in OPTIONS if option.is_flag}
    assert {keywords["type"] for flag, keywords in parser.flags.items() if flag not in flags} == {str}
    assert {parser.flags[flag]["action"] for flag in flags} == {"store_true"}
    assert parser.flags["--rate"]["env_var"] == "LOCUST_RATE"
    assert not any(keywords["include_in_web_ui"] for flag, keywords in parser.flags.items() if "port" in flag)
    # A flag is a box to tick in the form, but for the one that ends Locust at once.
    assert {flag for flag in flags if parser.flags[flag]["include_in_web_ui"]} == {
        "--fail-on-duplicates",
        "--vouch-topic-intact",
    }
    assert parser.defaults["web_host"] == "127.0.0.1"


def parsed(**given: object) -> Namespace:
    locusts = {"num_users": None, "spawn_rate": None, "run_time": None, "host": None, "master": False}
    return Namespace(**{**locusts, **given})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"num_users": 5}, "--users 5"),
        ({"spawn_rate": 1.0}, "--spawn-rate 1.0"),
        ({"run_time": 60}, "--run-time 60"),
        ({"host": "http://h"}, "--host http://h"),
        ({"master": True}, "--master"),
        ({"worker": True}, "--worker"),
        ({"processes": 2}, "--processes"),
        ({"rate": "0"}, "--rate 0"),
    ],
)
def test_what_makes_no_sense_here_is_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        read_settings(parsed(**given))
    assert read_settings(parsed()).rate == 20


@pytest.mark.parametrize("fault", ["latency", "reset"])
def test_a_container_is_asked_for_no_fault_that_it_cannot_have(fault: str) -> None:
    refused = f"--fault {fault}: it cannot be done to a container; choose from stop, kill, pause, partition"
    with pytest.raises(SettingsError, match=refused):
        read_settings(parsed(stack="compose", fault=fault))
    assert check_form({"fault": fault}, parsed(stack="compose"), "") == refused
    assert read_settings(parsed(stack="compose", fault="partition")).fault == "partition"
    assert read_settings(parsed(stack="compose", fault=fault, scenario="control")).fault == fault
    own = {"stack": "external", "host": "http://shop", "database_url": "postgresql://u@db/shop"}
    own |= {"kafka_bootstrap": "broker:9092", "event_tag": "value:customerId", "target_container": "kafka"}
    assert read_settings(parsed(**own)).fault == "stop"
    with pytest.raises(SettingsError, match=refused):
        read_settings(parsed(**own, fault=fault))


@pytest.mark.parametrize("name", ["topic", "runs_dir", "kafka_config", "expect"])
def test_text_that_is_not_utf8_is_refused_before_anything_is_touched(name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(parsed(**{name: "r\udcff"}))
    assert str(refused.value).startswith(f"--{name.replace('_', '-')} r\\xff: it is not valid UTF-8")


def test_a_runs_folder_below_a_folder_that_is_no_utf8_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "r\udcff"
    odd.mkdir()
    monkeypatch.chdir(odd)
    with pytest.raises(SettingsError, match=r"--runs-dir runs: .* is not valid UTF-8"):
        read_settings(parsed())
    assert list(odd.iterdir()) == []


def test_the_form_is_checked_as_a_whole_before_anything_is_applied() -> None:
    url = "http://127.0.0.1:8082"
    assert check_form({"host": url, "rate": "30", "baseline": "1m"}, parsed(), url) is None
    assert "--rate 0" in str(check_form({"host": url, "rate": "0"}, parsed(), url))
    # A form field may contradict what came from the command line.
    assert "--settle" in str(check_form({"settle": "50s"}, parsed(drain_timeout="20s"), url))
    assert "--runs-dir: it is fixed" in str(check_form({"runs_dir": "/elsewhere"}, parsed(runs_dir="runs"), url))
    assert "--kafka-port: it is fixed" in str(check_form({"kafka_port": "1"}, parsed(), url))
    assert check_form({"runs_dir": "runs"}, parsed(runs_dir="runs"), url) is None
    assert "Run time 5m" in str(check_form({"run_time": "5m"}, parsed(), url))
    assert "this stack" in str(check_form({"host": "http://elsewhere"}, parsed(), url))
    assert texts_of(parsed(rate="7")) == {"rate": "7"}
    assert check_form({"fail_on_duplicates": "true"}, parsed(fail_on_duplicates=False), url) is None
    assert "--fail-on-duplicates" in str(check_form({"fail_on_duplicates": "3"}, parsed(), url))
