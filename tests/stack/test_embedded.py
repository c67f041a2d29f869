"""The embedded stack with real processes: up, down, broken, restarted, and seen by another process."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from health.check import check_http, check_sql
from stack.__main__ import main
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.postgres_layout import find_layout
from stack.settings import ServiceSettings, StackSettings
from stack.state_store import HOME_VARIABLE
from tests.conftest import Infra

pytestmark = pytest.mark.real


def test_up_twice_starts_nothing_again(stack: EmbeddedStack) -> None:
    begun_by = stack.up(owner="test")
    before = begun_by.pids
    assert set(before) == {"database", "broker", "service"}
    assert stack.up(owner="another owner").pids == before
    state = stack.status()
    assert state is not None
    assert state.owner == begun_by.owner
    assert all(health.ok for health in stack.health().values())


def test_other_settings_restart_the_service_alone(stack: EmbeddedStack) -> None:
    before = stack.up(owner="test")
    after = stack.up(StackSettings(service=ServiceSettings(pool_size=4)), owner="test")
    assert after.pids["service"] != before.pids["service"]
    assert after.service_url == before.service_url
    assert {k: v for k, v in after.pids.items() if k != "service"} == {
        k: v for k, v in before.pids.items() if k != "service"
    }


@pytest.mark.parametrize("name", ["database", "broker", "service"])
def test_dead_component_is_started_by_the_next_up(stack: EmbeddedStack, name: str) -> None:
    before = stack.up(owner="test")
    component = {each.name: each for each in stack.components}[name]
    component.kill()
    assert not stack.health()[name].ok
    after = stack.up(owner="test")
    assert [key for key, pid in after.pids.items() if pid != before.pids[key]] == [name]
    assert after.port(name) == before.port(name)


def test_paused_component_is_resumed_by_the_next_up(stack: EmbeddedStack) -> None:
    before = stack.up(owner="test").pids
    stack.database.pause()
    assert stack.up(owner="test").pids == before
    assert stack.health()["database"].ok


def test_no_secret_in_argv_or_logs(stack: EmbeddedStack) -> None:
    state = stack.up(owner="test")
    secret = "mars:mars"
    for pid in state.pids.values():
        assert secret not in Path(f"/proc/{pid}/cmdline").read_text()
    for path in state.log_paths.values():
        assert secret not in path.read_text(errors="replace")
    assert not list(stack.home.rglob("database.password"))


@pytest.mark.exhaustive
def test_failure_of_one_stops_what_was_started(tmp_path: Path) -> None:
    stack = EmbeddedStack(tmp_path / "stack")
    try:
        stack.up(owner="test", with_service=False)
        stack.down()
        layout = find_layout(stack.home, stack.home / "data" / "database")
        with (layout.data / "postgresql.conf").open("a") as stream:
            stream.write("\nno_such_setting = on\n")
        with pytest.raises(StackError, match=r"PostgreSQL ended .* its log says:[\s\S]*no_such_setting"):
            stack.up(owner="test", with_service=False)
        assert not stack.broker.is_alive()
        assert not stack.database.is_alive()
    finally:
        stack.clean()
    assert not stack.home.exists()


@pytest.mark.exhaustive
def test_two_stacks_side_by_side_and_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], infra: Infra
) -> None:
    """Beside the session's stack, one of the command line's own, from up to clean."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    assert main(["status"]) == 3
    assert main(["down"]) == 0
    try:
        assert main(["up"]) == 0
        out = capsys.readouterr().out
        for step in ("database", "broker", "service", "stack"):
            assert any(line.startswith(step) and " ready " in line for line in out.splitlines()), out
        assert main(["status", "--json"]) == 0
        text = capsys.readouterr().out
        document = json.loads(text)
        assert document["up"] is True
        assert document["topic"] == "order.created"
        assert "mars:mars" not in text
        assert check_http(document["service_url"] + "/actuator/health", 5).ok
        assert check_sql(infra.database_url, 5).ok
        os.kill(document["components"]["broker"]["pid"], 9)
        assert main(["status"]) == 3
        port = document["ports"]["database"]
        with pytest.raises(StackError, match=f"--service-port {port} is taken"):
            EmbeddedStack().up(StackSettings(service_port=port))
        assert main(["up", "--service-port", str(port)]) == 4
        assert main(["down"]) == 0
        assert main(["up", "--without-service", "--kafka-port", str(document["ports"]["broker"])]) == 0
        assert main(["status"]) == 0
        assert "service   left out" in capsys.readouterr().out
    finally:
        assert main(["clean"]) == 0
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("arguments", [["up", "--service-pool-size", "0"], ["up", "--kafka-port", "70000"]])
def test_usage_errors_are_exit_2_and_one_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
