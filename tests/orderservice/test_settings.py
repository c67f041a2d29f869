"""The settings of the order service: sources, units, and one clear sentence for every mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orderservice.kafka_client import ClientConfigError, client_config
from orderservice.settings import OPTIONS, Settings, SettingsError, load

from .conftest import REPOSITORY, free_port, run_module

DSN = "postgresql://mars:s3cret@127.0.0.1:5432/orders_db"
NEEDED = {"ORDERSERVICE_DATABASE_URL": DSN, "ORDERSERVICE_KAFKA_BOOTSTRAP": "127.0.0.1:9092"}


def test_the_defaults_are_those_of_the_reference_service() -> None:
    assert load([], NEEDED) == Settings(
        database_url=DSN,
        kafka_bootstrap="127.0.0.1:9092",
        host="127.0.0.1",
        port=8082,
        kafka_config=None,
        topic="order.created",
        variant="naive",
        chaos=False,
        pool_size=32,
        pool_wait=5,
        block_time=1,
        delivery_timeout=3,
        request_timeout=1,
        database_wait=30,
    )


def test_a_flag_wins_over_its_variable() -> None:
    variables = NEEDED | {"ORDERSERVICE_POOL_SIZE": "7", "ORDERSERVICE_BLOCK_TIME": "250ms"}
    assert load([], variables).pool_size == 7
    settings = load(["--pool-size", "5", "--chaos", "--variant", "outbox"], variables)
    assert (settings.pool_size, settings.block_time, settings.chaos, settings.variant) == (5, 0.25, True, "outbox")
    assert load(["--chaos", "false"], NEEDED | {"ORDERSERVICE_CHAOS": "on"}).chaos is False


@pytest.mark.parametrize(
    ("text", "seconds"), [("1", 1.0), ("1.5s", 1.5), ("500ms", 0.5), ("2m", 120.0), ("0", 0.0), (" 3 s ", 3.0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert load(["--block-time", text], NEEDED).block_time == seconds


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("PORT", "80820", "a whole number from 1 to 65535"),
        ("PORT", "-1", "a whole number from 1 to 65535"),
        ("KAFKA_BOOTSTRAP", "localhost", "host:port"),
        ("KAFKA_BOOTSTRAP", "localhost:0", "host:port"),
        ("KAFKA_CONFIG", "/nowhere/client.properties", "a readable file"),
        ("TOPIC", "order created", "a topic name"),
        ("VARIANT", "perfect", "one of naive, after-commit, awaited, raised, outbox"),
        ("CHAOS", "maybe", "true or false"),
        ("POOL_SIZE", "0", "a whole number from 1"),
        ("POOL_WAIT", "0", "a duration from 0.01 s"),
        ("BLOCK_TIME", "1h", "a duration from 0 s"),
        ("BLOCK_TIME", "-1", "a duration from 0 s"),
    ],
)
def test_a_bad_value_is_one_sentence_with_its_name(name: str, value: str, right: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        load([], NEEDED | {f"ORDERSERVICE_{name}": value})
    sentence = str(wrong.value)
    assert sentence.startswith(f"ORDERSERVICE_{name} is {value!r}: give ")
    assert right in sentence
    assert sentence.endswith(".")
    flag = "--" + name.lower().replace("_", "-")
    with pytest.raises(SettingsError, match=f"^{flag} is "):
        load([f"{flag}={value}"], NEEDED)


def test_a_bad_connection_string_is_never_repeated() -> None:
    with pytest.raises(SettingsError) as wrong:
        load([], NEEDED | {"ORDERSERVICE_DATABASE_URL": "mars:s3cret@db"})
    assert "s3cret" not in str(wrong.value)
    assert wrong.value.__cause__ is None
    assert "postgresql://user:password@" in str(wrong.value)
    assert "s3cret" not in repr(load([], NEEDED))


def test_missing_unknown_and_contradicting_settings() -> None:
    with pytest.raises(SettingsError, match=r"^ORDERSERVICE_DATABASE_URL is not set"):
        load([], {"ORDERSERVICE_KAFKA_BOOTSTRAP": "127.0.0.1:9092"})
    with pytest.raises(SettingsError, match=r"^ORDERSERVICE_POOLSIZE is not a setting"):
        load([], NEEDED | {"ORDERSERVICE_POOLSIZE": "5"})
    with pytest.raises(SettingsError, match=r"--pol-size"):
        load(["--pol-size", "5"], NEEDED)
    with pytest.raises(SettingsError, match=r"^delivery_timeout is 0.5 s, shorter than request_timeout 1 s"):
        load(["--delivery-timeout", "500ms"], NEEDED)


def test_every_setting_has_an_option() -> None:
    assert {option.name for option in OPTIONS} == set(Settings.__dataclass_fields__)


@pytest.mark.process
def test_a_mistake_on_the_command_line_ends_with_2() -> None:
    ended = run_module("--port", "no", **NEEDED)
    assert ended.returncode == 2
    assert ended.stderr == "orderservice: --port is 'no': give a whole number from 1 to 65535.\n"


@pytest.mark.process
def test_a_missing_database_is_named_without_the_password() -> None:
    ended = run_module(
        "--database-wait",
        "300ms",
        "--port",
        str(free_port()),
        ORDERSERVICE_DATABASE_URL="postgresql://mars:s3cret@127.0.0.1:1/orders_db",
        ORDERSERVICE_KAFKA_BOOTSTRAP="127.0.0.1:1",
    )
    assert ended.returncode == 4
    assert "database 127.0.0.1:1/orders_db did not answer within 0.3 s" in ended.stderr
    assert "s3cret" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_client_properties_file_adds_to_ours(tmp_path: Path) -> None:
    file = tmp_path / "client.properties"
    file.write_text("# TLS\nsecurity.protocol = SSL\n\nssl.key.password=a=b\nlinger.ms=0\n")
    config = client_config("127.0.0.1:9092", file, delivery_timeout=3, request_timeout=1)
    assert config["security.protocol"] == "SSL"
    assert config["ssl.key.password"] == "a=b"
    assert config["linger.ms"] == "0"
    assert (config["acks"], config["enable.idempotence"]) == ("all", True)
    assert (config["delivery.timeout.ms"], config["socket.timeout.ms"]) == (3000, 1000)
    assert int(str(config["reconnect.backoff.max.ms"])) <= 1000


@pytest.mark.parametrize(
    ("line", "sentence"),
    [("s3cret", r"line 1 is not of the form key=value"), ("bootstrap.servers=x:1", r"line 1 sets bootstrap.servers")],
)
def test_a_bad_client_properties_file(tmp_path: Path, line: str, sentence: str) -> None:
    file = tmp_path / "client.properties"
    file.write_text(line)
    with pytest.raises(ClientConfigError, match=sentence) as wrong:
        client_config("127.0.0.1:9092", file, delivery_timeout=3, request_timeout=1)
    assert "s3cret" not in str(wrong.value)


@pytest.mark.process
def test_sigterm_ends_the_wait_for_the_database() -> None:
    variables = {
        "ORDERSERVICE_DATABASE_URL": f"postgresql://mars:s3cret@127.0.0.1:{free_port()}/orders_db",
        "ORDERSERVICE_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
        "ORDERSERVICE_PORT": str(free_port()),
    }
    command = [sys.executable, "-m", "orderservice"]
    with subprocess.Popen(command, cwd=REPOSITORY, env=os.environ | variables, stderr=subprocess.PIPE) as service:
        assert service.stderr is not None
        assert b"waiting up to 30 s for database 127.0.0.1:" in service.stderr.readline()
        service.terminate()
        assert service.wait(5) == 0
        assert service.stderr.read().endswith(b"INFO orderservice: stopped\n")
