"""The harness on a Kafka that wants SASL_SSL: SCRAM, certificates of an own CA, its password nowhere to be found."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.external.conftest import OpenShop, OpenShopOf, StartExternal
from tests.external.test_run_external import PLAN, acknowledged, assert_guards, assert_no_secret, events_of, listed
from tests.kafka_secure import SecureKafka

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


def shop_beside(open_shop: OpenShopOf, secure: SecureKafka, config: Path) -> tuple[OpenShop, list[str]]:
    """A shop that publishes to the plain listener, and the options of a harness that uses the other one."""
    shop = replace(open_shop(bootstrap=secure.broker.plain), home=secure.folder)
    options = [secure.bootstrap if word == shop.bootstrap else word for word in shop.options]
    return shop, [*options, *shop.pair, "--kafka-config", str(config)]


@pytest.mark.exhaustive
def test_a_whole_run_over_sasl_ssl(
    open_shop: OpenShopOf, start_external: StartExternal, secure: SecureKafka, tmp_path: Path
) -> None:
    shop, options = shop_beside(open_shop, secure, secure.config_file(tmp_path))
    run = start_external(*PLAN, *options, "--expect", "lost-events", **shop.environment)
    assert run.end(180) == 0, run.log[-4000:] + run.printed[-2000:]
    report: Any = run.report
    lost = acknowledged(run, shop) - events_of(shop)
    assert len(lost) > 15 * 2
    assert listed(run) == lost
    assert_guards(report)
    assert_no_secret(run, shop)
    for path in [*run.runs.rglob("*"), *(tmp_path / "state").rglob("*"), run.out, run.err]:
        assert not path.is_file() or secure.password.encode() not in path.read_bytes(), path


def test_a_wrong_password_is_reported(
    open_shop: OpenShopOf, start_external: StartExternal, secure: SecureKafka, tmp_path: Path
) -> None:
    shop, options = shop_beside(open_shop, secure, secure.config_file(tmp_path, sasl_password="planted-wrong-1"))
    run = start_external(*PLAN, *options, **shop.environment)
    assert run.end(90) == 4, run.log[-3000:]
    reported = [line for line in run.log.splitlines() if "preflight: broker: " in line][-1]
    assert re.search("uthentication|sasl.password", reported), reported
    assert "correct --kafka-bootstrap or --kafka-config" in reported
    assert "planted" not in run.log
