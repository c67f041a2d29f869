"""An audit that is interrupted ends at once."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from confluent_kafka import Producer

from stack.process import wait_until
from tests.reconcile.audit.shop import Shop, orders

pytestmark = pytest.mark.real


def test_ctrl_c_ends_it_at_once(shop: Shop, tmp_path: Path) -> None:
    """Reading hangs on an open transaction, and the table is slow: one Ctrl-C is enough."""
    shop.make()
    shop.store(*orders(3))
    shop.sql(f"ALTER TABLE {shop.table} RENAME TO {shop.table}_below")
    shop.sql(f"CREATE VIEW {shop.table} AS SELECT id, created_at FROM {shop.table}_below WHERE pg_sleep(5) IS NOT NULL")
    transaction = Producer({"bootstrap.servers": shop.infra.kafka_bootstrap, "transactional.id": f"tx-{uuid.uuid4()}"})
    transaction.init_transactions(20)
    transaction.begin_transaction()
    transaction.produce(shop.topic, value=b'{"orderId": "x"}', partition=0)
    transaction.flush(20)
    command = [sys.executable, "-m", "reconcile", "audit", "--orders-table", shop.table, "--topic", shop.topic]
    environment = {
        **os.environ,
        "LOCUST_DATABASE_URL": shop.infra.database_url,
        "LOCUST_KAFKA_BOOTSTRAP": shop.infra.kafka_bootstrap,
    }
    process = subprocess.Popen(
        [*command, "--since", "1h"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        # Its snapshot is there and idle: it reads the log.
        held = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
        held += " AND clock_timestamp() - state_change > interval '1 s' AND datname = current_database()"
        assert wait_until(lambda: shop.sql(held) == [(1,)], 60, 0.05), "the log is not read"
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    finally:
        process.kill()
        transaction.abort_transaction(20)
        shop.sql(f"DROP VIEW {shop.table}")
        shop.sql(f"ALTER TABLE {shop.table}_below RENAME TO {shop.table}")
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.strip().endswith("audit: interrupted")
