"""The TCP proxy in a real stack: it runs only where it is asked for, and clients that connect through it stay on it."""

from __future__ import annotations

import dataclasses
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from health.check import check_http, check_kafka, check_sql
from stack import process, state_file
from stack.__main__ import main
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.kafka import LISTENER_PORT, PROXY_PORT
from stack.proxy_mode import PLAIN, ProxyMode
from stack.service import HEALTH_PATH
from stack.settings import PROXIED, ServiceSettings, StackSettings
from stack.state_file import ComponentRecord, StackState
from stack.state_store import HOME_VARIABLE, StateStore
from stack.status import as_document, as_text
from tests.marks import only

pytestmark = pytest.mark.real


def brought_up(stack: EmbeddedStack, proxy: str = "") -> StackState:
    return stack.up(StackSettings(proxy=proxy), owner="test")


@pytest.fixture(autouse=True)
def _awake(stack: EmbeddedStack) -> Iterator[None]:
    """No proxy stays paused, whatever a test did to it."""
    yield
    stack.proxy.resume()


def peers_of(pid: int) -> set[int]:
    """The ports on loopback that a process has connections to."""
    connections = psutil.Process(pid).net_connections("tcp")
    return {each.raddr.port for each in connections if each.status == psutil.CONN_ESTABLISHED}


def test_without_being_asked_for_there_is_none(stack: EmbeddedStack) -> None:
    state = brought_up(stack)
    assert state.proxy == ""
    assert [component.name for component in stack.components] == ["database", "broker", "service"]
    assert (state.service_url, state.service_database_url) == (state.direct_service_url, state.database_url)
    assert state.service_kafka_bootstrap == state.kafka_bootstrap
    assert "proxy" not in state.pids


def answers(state: StackState, component: str, *, through: bool) -> bool:
    if component == "broker":
        return check_kafka(state.service_kafka_bootstrap if through else state.kafka_bootstrap, {}, 3.0).ok
    if component == "database":
        return check_sql(state.service_database_url if through else state.database_url, 3.0).ok
    return check_http(f"{state.service_url if through else state.direct_service_url}{HEALTH_PATH}", 3.0).ok


@pytest.mark.parametrize("component", only(["broker"], PROXIED))
def test_one_way_runs_through_the_proxy_and_every_other_past_it(stack: EmbeddedStack, component: str) -> None:
    before = brought_up(stack).pids
    state = brought_up(stack, component)
    proxy = state.port("proxy")
    assert proxy is not None
    assert state.proxy == component
    # Broker and database run on as they were; the service is started again only if its own way has changed.
    assert [name for name in ("broker", "database") if state.pids[name] != before[name]] == []
    assert (state.pids["service"] == before["service"]) == (component == "service")
    assert all(health.ok for health in stack.health().values())
    assert f"to the {component}: " in stack.health()["proxy"].detail
    target = int(state.components["broker"].extra[LISTENER_PORT]) if component == "broker" else state.port(component)
    assert peers_of(state.pids["proxy"]) <= {target, *peers_back(state.pids["proxy"], proxy)}
    if component != "service":
        others = {"broker", "database"} - {component}
        assert process.wait_until(lambda: proxy in peers_of(state.pids["service"]), 10)
        assert peers_of(state.pids["service"]) <= {proxy, *(state.port(other) for other in others)}

    stack.proxy.pause()
    assert not answers(state, component, through=True)
    assert process.wait_until(lambda: answers(state, component, through=False), 10)
    assert not stack.health(1.0)["proxy"].ok
    stack.proxy.resume()
    assert process.wait_until(lambda: answers(state, component, through=True), 10)
    assert brought_up(stack, component).pids == state.pids


def peers_back(pid: int, port: int) -> set[int]:
    """The clients' ends of the connections that a process has accepted on `port`."""
    connections = psutil.Process(pid).net_connections("tcp")
    return {each.raddr.port for each in connections if each.raddr and each.laddr.port == port}


def test_kafka_sends_clients_of_the_proxy_back_to_the_proxy(stack: EmbeddedStack) -> None:
    from confluent_kafka.admin import AdminClient

    state = brought_up(stack, "broker")
    for bootstrap in (state.service_kafka_bootstrap, state.kafka_bootstrap):
        brokers = AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=10).brokers.values()
        assert [f"{each.host}:{each.port}" for each in brokers] == [bootstrap]


@pytest.mark.parametrize("component", only(["broker"], PROXIED))
def test_latency_and_resets_reach_one_way_alone_and_the_next_up_makes_it_plain(
    stack: EmbeddedStack, component: str
) -> None:
    state = brought_up(stack, component)
    stack.proxy.apply(ProxyMode(latency_s=0.3))
    assert answers(state, component, through=True)
    begun = time.monotonic()
    answers(state, component, through=True)
    assert time.monotonic() - begun >= 0.3
    assert "degraded by latency 0.3 s" in as_text(as_document(stack))
    stack.proxy.apply(ProxyMode(reset_share=1))
    assert not answers(state, component, through=True)
    assert answers(state, component, through=False)
    assert as_document(stack)["components"]["proxy"]["mode"] == "reset of 1 of connections"
    stack.proxy.pause()
    assert as_document(stack)["components"]["proxy"]["mode"] is None
    assert brought_up(stack, component).pids == state.pids
    assert stack.proxy.mode() == PLAIN
    assert process.wait_until(lambda: answers(state, component, through=True), 10)


def test_asked_for_elsewhere_it_moves_and_asked_for_no_more_it_goes(stack: EmbeddedStack) -> None:
    first = brought_up(stack, "database")
    moved = brought_up(stack, "service")
    assert moved.proxy == "service"
    assert process.start_time(first.pids["proxy"]) is None
    assert moved.pids["service"] != first.pids["service"]  # its way to the database is another
    gone = brought_up(stack)
    assert "proxy" not in gone.components
    assert process.start_time(moved.pids["proxy"]) is None
    assert gone.pids["service"] == moved.pids["service"]


@pytest.mark.parametrize("component", only(["broker"], PROXIED))
def test_one_that_died_or_froze_is_restored_by_the_next_up(stack: EmbeddedStack, component: str) -> None:
    before = brought_up(stack, component)
    stack.proxy.pause()
    assert brought_up(stack, component).pids == before.pids
    stack.proxy.kill()
    assert not stack.health()["proxy"].ok
    after = brought_up(stack, component)
    assert [name for name, pid in after.pids.items() if pid != before.pids[name]] == ["proxy"]
    assert after.port("proxy") == before.port("proxy")


def test_an_advertised_port_that_another_process_has_is_named(stack: EmbeddedStack) -> None:
    state = brought_up(stack)
    port = int(state.components["broker"].extra[PROXY_PORT])
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(StackError, match=rf"port {port}, where Kafka sends the order service, is taken"):
            brought_up(stack, "broker")
        assert stack.status() is not None
        assert brought_up(stack).pids["broker"] == state.pids["broker"]


def test_the_command_line_knows_it(
    stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(stack.home))
    assert main(["up", "--proxy", "database"]) == 0
    assert "proxy     healthy" in capsys.readouterr().out
    assert main(["status", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["proxy"] == "database"
    assert document["ports"]["proxy"] == document["components"]["proxy"]["port"]
    assert "mars:mars" not in json.dumps(document)
    stack.proxy.pause()
    assert main(["status"]) == 3
    assert "proxy     unhealthy" in capsys.readouterr().out
    assert main(["up", "--proxy", "service", "--without-service"]) == 2
    assert "there is no service behind the proxy" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["up", "--proxy", "moon"])
    assert main(["up"]) == 0
    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.partition("topic order.created\n")[2])["proxy"] is None


def test_an_unrecorded_one_is_found_and_down_ends_it(tmp_path: Path) -> None:
    stack = EmbeddedStack(tmp_path / "stack")
    try:
        state = stack.up(StackSettings(proxy="broker"), owner="test", with_service=False)
        pid = state.pids["proxy"]
        kept = {name: entry for name, entry in state.components.items() if name != "proxy"}
        state_file.save(stack.home / "state.json", dataclasses.replace(state, components=kept))
        assert [(orphan.component, orphan.pid) for orphan in stack.orphans()] == [("proxy", pid)]
        stack.down()
        assert process.start_time(pid) is None
        state = stack.up(StackSettings(proxy="broker"), owner="test", with_service=False)
    finally:
        stack.clean()
    assert all(process.start_time(pid) is None for pid in state.pids.values())
    assert not stack.home.exists()


def test_a_start_that_cannot_be_recorded_leaves_no_process(
    stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought_up(stack)
    stack.service.kill()

    def taken_down(store: StateStore, component: str, entry: ComponentRecord) -> None:
        raise StackError("the stack was taken down meanwhile")

    with monkeypatch.context() as patched:
        patched.setattr(StateStore, "record", taken_down)
        with pytest.raises(StackError, match="taken down meanwhile"):
            stack.service.start()
    assert stack.orphans() == []
    brought_up(stack)


def test_settings_refuse_a_proxy_to_an_unknown_component() -> None:
    with pytest.raises(ValueError, match=r"proxy 'moon' is no component: choose one of broker, database, service"):
        StackSettings(proxy="moon")


def test_without_a_proxy_the_addresses_are_direct() -> None:
    state = StackState("a run", ServiceSettings(), {"broker": ComponentRecord(7, 1.5, 9092, ("java",), "/x.log")})
    assert (state.proxy, state.proxied_address("broker")) == ("", "127.0.0.1:9092")
    with pytest.raises(StackError, match="service of this stack was never started"):
        _ = state.service_url
