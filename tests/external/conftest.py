"""A foreign shop on the real PostgreSQL and Kafka, and Locust processes that know it by options alone."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Infra, RestartableBroker
from tests.e2e.harness import CHECKOUT, LocustProcess, locust_processes
from tests.external.shop import API_KEY
from tests.orderservice.conftest import free_port


@dataclass(frozen=True)
class OpenShop:
    """A shop that is open.

    Attributes:
        url: its base URL, with a path of its own.
        kind: what its ids are.
        tagged, location: as in `tests.external.shop.Settings`.
    """

    url: str
    database_url: str
    bootstrap: str
    topic: str
    kind: str
    tagged: bool
    location: bool
    home: Path

    @property
    def options(self) -> list[str]:
        """All options that describe it to the harness; secrets come from the environment."""
        tag = ["--orders-tag-column", "buyer_ref", "--event-tag", "value:buyer.ref"]
        no_tag = ["--orders-tag-column", "none", "--event-tag", "none", "--attribution", "acknowledged-only"]
        return [
            *("--stack", "external", "--host", self.url, "--order-path", "/api/v2/purchases"),
            *("--order-body", '{"buyer": "${customer_id}", "amount": ${quantity}, "line": ${seq}}'),
            *("--order-id", "header:Location/" if self.location else "value:data.sale.no", "--id-kind", self.kind),
            *("--health-path", "/healthz", "--orders-table", "till.sales", "--orders-id-column", "sale_no"),
            *("--orders-time-column", "placed_at", "--kafka-bootstrap", self.bootstrap, "--topic", self.topic),
            *("--event-id", "value:sale.no", "--event-filter", "value:kind=SalePlaced"),
            *(tag if self.tagged else no_tag),
            # Its producer gives an event up after a second.
            *("--settle", "2s", "--publish-horizon", "2s"),
        ]

    @property
    def pair(self) -> list[str]:
        """The commands that break, heal and check its broker."""
        call = f"env PYTHONPATH={CHECKOUT} {sys.executable} -m tests.external.broker"
        acts = {"--break-command": "stop", "--heal-command": "start", "--command-check": "is-up"}
        return [word for option, act in acts.items() for word in (option, f"{call} {act} {self.home}")]

    @property
    def environment(self) -> dict[str, str]:
        """Secrets."""
        return {"LOCUST_DATABASE_URL": self.database_url, "LOCUST_HEADER": f"X-Api-Key: {API_KEY}"}


OpenShopOf = Callable[..., OpenShop]
StartExternal = Callable[..., LocustProcess]


@pytest.fixture
def open_shop(infra: Infra, broker: RestartableBroker, tmp_path: Path) -> Iterator[OpenShopOf]:
    """Open a shop of this test; it is closed at the test's end, and the broker is healed."""
    processes: list[subprocess.Popen[bytes]] = []

    def begin(
        kind: str = "uuid", *, tagged: bool = True, location: bool = False, bootstrap: str = infra.kafka_bootstrap
    ) -> OpenShop:
        port = free_port()
        database_url = infra.new_database()
        # Another broker than that of all tests makes its topics by itself.
        topic = infra.new_topic() if bootstrap == infra.kafka_bootstrap else f"shop-{port}"
        described = {"PORT": str(port), "DATABASE_URL": database_url, "BOOTSTRAP": bootstrap, "TOPIC": topic}
        described |= {"KIND": kind, "TAGGED": "yes" if tagged else "no", "LOCATION": "yes" if location else "no"}
        log = tmp_path / "shop.log"
        with log.open("wb") as errors:
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.external.shop"],
                    cwd=CHECKOUT,
                    env={**os.environ, **{f"SHOP_{name}": value for name, value in described.items()}},
                    stderr=errors,
                )
            )
        url = f"http://127.0.0.1:{port}/base"
        deadline = time.monotonic() + 30
        while not _is_open(url):
            if processes[-1].poll() is not None or time.monotonic() > deadline:
                pytest.fail("the shop did not open within 30 s: " + log.read_text())
            time.sleep(0.05)
        return OpenShop(url, database_url, bootstrap, topic, kind, tagged, location, infra.stack.home)

    yield begin
    for process in processes:
        process.terminate()
        process.wait(10)


@pytest.fixture
def start_external(tmp_path: Path) -> Iterator[StartExternal]:
    """Start a `locust` of this test with a state folder of its own; what still runs at its end is ended."""
    homes = {"HARNESS_STATE_HOME": str(tmp_path / "state"), "HARNESS_STACK_HOME": str(tmp_path / "no-stack")}
    with locust_processes(tmp_path, **homes) as begin:
        yield begin


def _is_open(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=1):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
