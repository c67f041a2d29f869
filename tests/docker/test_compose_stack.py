"""The compose project on a real engine: started, changed, taken down; its log outlives all of that."""

from __future__ import annotations

import json
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest

from chaos.faults.kill import KILL
from chaos.faults.targets import TargetSpec
from chaos.faults.targets.container import open_container_target
from stack import ports
from stack.compose import FILE, ComposeStack
from stack.compose_project import SERVICES, Addresses
from stack.errors import StackError
from stack.settings import ServiceSettings, StackSettings
from tests.docker.conftest import DEBIAN
from tests.e2e.independent import count_run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(240)]
RUN_KEY = "0123456789ab4def"


def place_order(where: Addresses) -> str:
    """One order whose customer id looks like that of a run."""
    customer = f"{RUN_KEY[:8]}-{RUN_KEY[8:12]}-{RUN_KEY[12:16]}-8{uuid.uuid4().hex[:3]}-{uuid.uuid4().hex[:12]}"
    item = {"productId": str(uuid.uuid4()), "quantity": 1, "unitPrice": 2.5}
    body = json.dumps({"customerId": customer, "items": [item]}).encode()
    request = urllib.request.Request(f"{where.service_url}/orders", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(json.load(answer)["orderId"])


def ids(stack: ComposeStack) -> dict[str, str]:
    found = {component: stack.project.container(component) for component in SERVICES}
    return {component: one.id for component, one in found.items() if one is not None}


def stored(where: Addresses) -> tuple[set[str], set[str]]:
    counted = count_run(where.database_url, where.kafka_bootstrap, "order.created", RUN_KEY)
    return counted.rows, counted.events


def await_stored(where: Addresses, order: str) -> None:
    """The row is there with the answer; the event of a topic's first order may take longer."""
    deadline = time.monotonic() + 20
    while (found := stored(where)) != ({order}, {order}):
        assert time.monotonic() < deadline, f"within 20 s the stores had {found} instead of {order} in both"
        time.sleep(0.2)


def test_up_change_break_down_and_up_again(project: str) -> None:
    reported: list[tuple[str, str]] = []
    stack = ComposeStack(project=project, progress=lambda step, state, _: reported.append((step, state)))
    assert stack.project.status() == "absent"
    where = stack.up()
    assert stack.project.status() == "running"
    assert all(stack.project.probe(name).ok for name in SERVICES)
    assert "cluster healthy" in stack.project.probe("broker").detail
    assert [reported.index((name, "ready")) for name in SERVICES] == sorted(
        reported.index((name, "ready")) for name in SERVICES
    )
    order = place_order(where)
    await_stored(where, order)

    # A second `up` touches nothing; with another variant only the order service is re-created.
    before = ids(stack)
    assert stack.up() == where
    assert ids(stack) == before
    assert stack.up(StackSettings(service=ServiceSettings(variant="outbox", pool_size=7))) == where
    after = ids(stack)
    assert {name for name in SERVICES if before[name] != after[name]} == {"service"}
    assert stack.project.service_environment()["ORDERSERVICE_POOL_SIZE"] == "7"
    with urllib.request.urlopen(f"{where.service_url}/outbox/backlog", timeout=10) as answer:
        assert json.load(answer)["pending"] == 0

    with pytest.raises(StackError, match=f"--kafka-port 9: redpanda of compose project {project} exists already"):
        stack.up(StackSettings(kafka_port=9))

    # The log outlives a kill of the broker, and containers that are removed.
    target = open_container_target(TargetSpec("container", "broker", {"project": project, "service": "redpanda"}))
    target.apply(KILL, target.prepare(KILL), 30)
    assert not stack.project.probe("broker").ok
    assert stack.up(StackSettings(service=ServiceSettings(variant="outbox", pool_size=7))) == where  # starts it again
    assert ids(stack) == after
    assert stored(where) == ({order}, {order})
    stack.down()
    assert stack.project.status() == "absent"
    chosen = ports.choose()
    where = stack.up(StackSettings(service_port=chosen))
    assert where.service_url == f"http://127.0.0.1:{chosen}"
    assert stored(where) == ({order}, {order})
    stack.stop()
    assert stack.project.status() == "stopped"


def test_what_another_has_paused_or_cut_off_is_left_alone(by_hand: ComposeStack, client: Any) -> None:
    by_hand.up()
    before = ids(by_hand)
    broker = by_hand.project.container("broker")
    assert broker is not None
    broker.pause()
    try:
        with pytest.raises(StackError, match=f"container {broker.name} is paused: .*docker unpause {broker.name}"):
            by_hand.up()
    finally:
        broker.unpause()
    network = client.networks.get(f"{by_hand.name}_default")
    network.disconnect(broker)
    try:
        with pytest.raises(StackError, match=f"container {broker.name} is attached to no network"):
            by_hand.up()
    finally:
        network.connect(broker, aliases=["redpanda"])
    by_hand.up()
    assert ids(by_hand) == before


def test_logs_are_kept_since_a_moment(by_hand: ComposeStack, tmp_path: Path) -> None:
    by_hand.up()
    by_hand.project.save_logs(tmp_path, since=1.0)
    assert "listens on" in (tmp_path / "service.log").read_text()
    assert "PostgreSQL 18" in (tmp_path / "database.log").read_text()
    by_hand.project.save_logs(tmp_path, since=4e9)
    assert (tmp_path / "service.log").read_text() == ""


def test_the_service_container_is_small_and_not_root(by_hand: ComposeStack, client: Any) -> None:
    by_hand.up()
    one = by_hand.project.container("service")
    assert one is not None
    assert one.exec_run(["id", "-u"]).output.strip() == b"10001"
    assert one.exec_run(["sh", "-c", "touch /opt/service/orderservice/x"]).exit_code != 0
    assert one.exec_run(["sh", "-c", "ls /opt/service"]).output.split() == [
        b"bin", b"include", b"lib", b"lib64", b"orderservice", b"pyvenv.cfg",
    ]  # fmt: skip
    assert one.attrs["State"]["Health"]["Status"] == "healthy"
    image, base = (client.images.get(name) for name in (one.attrs["Config"]["Image"], "locust-chaos-test/python"))
    assert image.attrs["Size"] - base.attrs["Size"] < 100 * 2**20


def test_a_part_that_ends_while_starting_is_named_with_its_last_words(project: str, tmp_path: Path) -> None:
    # A broker that says why it ends; the rest of the file as it is.
    file = tmp_path / "docker-compose.yml"
    command = 'command: ["sh", "-c", "echo no room on the device; exit 3"]\n    x-was:'
    file.write_text(FILE.read_text().replace("command:", command, 1).replace("${REDPANDA_IMAGE", "${NO_SUCH"))
    file.write_text(file.read_text().replace("redpandadata/redpanda:v24.3.1", DEBIAN))
    stack = ComposeStack(file, project)
    with pytest.raises(StackError) as failed:
        stack.up()
    assert "redpanda" in str(failed.value)
    assert "ended with exit code 3 while starting; its last log lines:\n  no room on the device" in str(failed.value)


def test_an_image_that_cannot_be_pulled_is_reported_in_the_words_of_compose(
    project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDPANDA_IMAGE", "127.0.0.1:9/no/such/image:1")
    with pytest.raises(
        StackError, match=r"starting redpanda failed \(exit code 1\); Compose's last lines:\n"
    ) as failed:
        ComposeStack(project=project).up()
    assert "127.0.0.1:9/" in str(failed.value)
