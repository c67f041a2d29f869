"""Audits of a Kafka behind SASL_SSL, with a file of properties that is right or wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Infra
from tests.environment import without_options
from tests.kafka_secure import SecureKafka
from tests.security.secure_clients import assert_clear, put, wrong_client

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

CHECKOUT = Path(__file__).resolve().parents[2]


def audit(
    infra_url: str, secure: SecureKafka, topic: str, config: Path, **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "reconcile", "audit", "--topic", topic, "--kafka-bootstrap", secure.bootstrap),
            *("--kafka-config", str(config), "--since", "1h", "--grace", "0s", "--json"),
        ],
        cwd=CHECKOUT,
        env={**without_options(), "LOCUST_DATABASE_URL": infra_url, **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def stored(infra: Infra, *orders: uuid.UUID) -> str:
    """Return the URL of a new database with these orders."""
    url = infra.new_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE orders (id uuid PRIMARY KEY, created_at timestamptz NOT NULL)")
        connection.execute("INSERT INTO orders SELECT unnest(%s::uuid[]), now() - interval '1 minute'", [list(orders)])
    return url


def test_an_audit_with_a_file_of_properties(secure: SecureKafka, infra: Infra, topic: str, tmp_path: Path) -> None:
    whole, lost = uuid.uuid4(), uuid.uuid4()
    url = stored(infra, whole, lost)
    put(secure, topic, (whole, uuid.uuid4()))
    done = audit(url, secure, topic, secure.config_file(tmp_path))
    assert done.returncode == 1, done.stderr
    found: Any = json.loads(done.stdout)
    assert [entry["order_id"] if isinstance(entry, dict) else entry for entry in found["lost_events"]] == [str(lost)]
    assert secure.password not in done.stdout + done.stderr


def test_an_audit_with_a_wrong_file_of_properties(
    secure: SecureKafka, infra: Infra, topic: str, tmp_path: Path
) -> None:
    """All three at once: each waits until the broker counts as out of reach."""
    url = stored(infra, uuid.uuid4())

    def refused(case: str) -> None:
        changes, words = wrong_client(secure, case)
        kept = {name.replace(".", "_"): value for name, value in changes.items() if name != "bootstrap.servers"}
        done = audit(url, secure, topic, secure.config_file(tmp_path, **kept))
        assert (done.returncode, done.stdout) == (4, ""), done.stderr
        assert_clear(done.stderr, words, secure)

    with ThreadPoolExecutor() as pool:
        list(pool.map(refused, ("password", "ca", "no property")))
