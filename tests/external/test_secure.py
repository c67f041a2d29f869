"""The harness on a Kafka that wants SASL_SSL: SCRAM, certificates of an own CA, its password nowhere to be found."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.external import secure
from tests.external.conftest import OpenShop, OpenShopOf, StartExternal
from tests.external.test_run_external import PLAN, acknowledged, assert_guards, assert_no_secret, events_of, listed
from tests.orderservice.conftest import free_port

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[secure.SecureKafka]:
    kafka = secure.make(tmp_path_factory.mktemp("secure"), (free_port(), free_port(), free_port()))
    try:
        secure.start(kafka.folder)
        deadline = time.monotonic() + 60
        while True:
            try:
                AdminClient({"bootstrap.servers": kafka.plain, "log_level": 0}).list_topics(timeout=2)
                break
            except KafkaException:
                assert time.monotonic() < deadline, (kafka.folder / "broker.log").read_text()
        yield kafka
    finally:
        secure.stop(kafka.folder)


def properties(kafka: secure.SecureKafka, folder: Path, **changed: str) -> Path:
    told = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": secure.USER,
        "sasl.password": secure.PASSWORD,
        "ssl.ca.location": str(kafka.ca_file),
    }
    path = folder / "client.properties"
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in (told | changed).items()))
    return path


def secured(shop: OpenShop, kafka: secure.SecureKafka, config: Path) -> list[str]:
    """Options of a shop that publishes to the plain listener, while the harness uses the other one."""
    options = [kafka.secure if word == shop.bootstrap else word for word in shop.options]
    pair = [word.replace("tests.external.broker", "tests.external.secure") for word in shop.pair]
    return [*options, *pair, "--kafka-config", str(config)]


def test_a_whole_run_over_sasl_ssl(
    open_shop: OpenShopOf, start_external: StartExternal, secure_kafka: secure.SecureKafka, tmp_path: Path
) -> None:
    shop = replace(open_shop(bootstrap=secure_kafka.plain), home=secure_kafka.folder)
    options = secured(shop, secure_kafka, properties(secure_kafka, tmp_path))
    run = start_external(*PLAN, *options, "--expect", "lost-events", **shop.environment)
    assert run.end(180) == 0, run.log[-4000:] + run.printed[-2000:]
    report: Any = run.report
    lost = acknowledged(run, shop) - events_of(shop)
    assert len(lost) > 15 * 2
    assert listed(run) == lost
    assert_guards(report)
    assert_no_secret(run, shop)
    for path in [*run.runs.rglob("*"), *(tmp_path / "state").rglob("*"), run.out, run.err]:
        assert not path.is_file() or secure.PASSWORD.encode() not in path.read_bytes(), path


def test_a_wrong_password_and_an_unknown_ca_are_told(
    open_shop: OpenShopOf, start_external: StartExternal, secure_kafka: secure.SecureKafka, tmp_path: Path
) -> None:
    shop = replace(open_shop(bootstrap=secure_kafka.plain), home=secure_kafka.folder)
    wrong = [
        ({"sasl.password": "planted-wrong-1"}, "uthentication|sasl.password"),
        ({"ssl.ca.location": "/no/such/ca.pem"}, "ssl.ca.location"),
        ({"sasl.jaas.config": "planted-wrong-2"}, "JAAS|sasl.jaas.config"),
    ]
    for changed, words in wrong:
        options = secured(shop, secure_kafka, properties(secure_kafka, tmp_path, **changed))
        run = start_external(*PLAN, *options, **shop.environment)
        assert run.end(90) == 4, run.log[-3000:]
        told = [line for line in run.log.splitlines() if "preflight: broker: " in line][-1]
        assert re.search(words, told), told
        assert "correct --kafka-bootstrap or --kafka-config" in told
        assert "planted" not in run.log
