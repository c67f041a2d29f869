"""Your own locustfile with the harness's plan, ledger and reconciler, and without its order user.

    .venv/bin/locust -f examples/own_locustfile.py --headless --expect lost-events

Your users stay as they are. Two things are added: the shape, and `attempt()` around the request that creates an order.
"""

from typing import Any

from locust import HttpUser, constant_throughput, task

import locustfile
from load.own_attempts import attempt

ITEM = {"productId": "6ba7b810-9dad-41d1-80b4-00c04fd430c8", "quantity": 1, "unitPrice": 12.5}


class Plan(locustfile.LoadAndChaos):
    """Preflight, baseline, outage, recovery, drain and the verdict; 20 users while orders are wanted."""

    users = 20


class Shopper(HttpUser):
    """Looks around, then buys: once a second, as long as the answers come in time."""

    wait_time = constant_throughput(1)
    client: Any

    @task
    def buy(self) -> None:
        """Create one order; the attempt is on disk before it is sent."""
        self.client.get("/actuator/health", name="look around")
        with attempt() as order:
            body = {"customerId": str(order.customer_id), "items": [ITEM]}
            answer = self.client.post("/orders", json=body, timeout=10)
            order.answered(answer.status_code, answer.json().get("orderId") if answer.ok else None)
