"""The state file, its lock, ports and settings."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest

from settings.run_settings import make_settings
from settings.stack_options import OurServiceOptions
from stack import ports, state_file
from stack.__main__ import parser as stack_parser
from stack.embedded import EmbeddedStack
from stack.errors import PortTaken, StackError
from stack.lock import locked
from stack.process import start_time
from stack.settings import VARIANTS, ServiceSettings, StackSettings
from stack.state_dir import home_of, lease_of, make_private, state_dir
from stack.state_file import ComponentRecord, StackState
from stack.state_store import HOME_VARIABLE, StateStore, default_home

RECORD = ComponentRecord(pid=7, started=12.25, port=5432, argv=("postgres", "-p"), log_path="/x.log", extra={"a": 1})
STATE = StackState(
    owner="a run", settings=ServiceSettings(variant="outbox", pool_size=5), components={"database": RECORD}
)


def test_state_survives_the_file(tmp_path: Path) -> None:
    state_file.save(tmp_path / "state.json", STATE)
    assert state_file.load(tmp_path / "state.json") == STATE
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_no_state_is_none(tmp_path: Path) -> None:
    assert state_file.load(tmp_path / "state.json") is None


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"version": 99}', '{"version": 2}', '{"version": 2, "components": {"x": {}}}']
)
def test_unusable_state_is_one_sentence_with_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(StackError, match=str(path)):
        state_file.load(path)


def test_password_is_in_no_repr_and_no_file(tmp_path: Path) -> None:
    state_file.save(tmp_path / "state.json", STATE)
    assert "mars:mars" in STATE.database_url
    assert "mars" not in repr(STATE)
    assert "mars" not in (tmp_path / "state.json").read_text()


def test_state_names_what_was_never_started() -> None:
    with pytest.raises(StackError, match="broker of this stack was never started"):
        _ = STATE.kafka_bootstrap


def test_first_owner_stays_while_a_process_runs(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    own_start = start_time(os.getpid())
    assert own_start is not None
    store.begin("first", ServiceSettings())
    store.record("database", ComponentRecord(os.getpid(), own_start, 1, (), ""))
    store.begin("second", ServiceSettings(pool_size=3))
    state = store.load()
    assert state is not None
    assert (state.owner, state.settings.pool_size) == ("first", 3)
    store.record("database", ComponentRecord(os.getpid(), own_start + 1, 1, (), ""))  # the pid of another process now
    store.begin("third", ServiceSettings())
    state = store.load()
    assert state is not None
    assert state.owner == "third"


def test_the_service_is_asked_for_once_and_until_the_stack_is_down(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    asked_for = []
    for with_service in (False, True, False):
        store.begin("me", ServiceSettings(), with_service=with_service)
        state = store.load()
        asked_for.append(state is not None and state.with_service)
    assert asked_for == [False, True, True]
    store.forget()
    store.begin("me", ServiceSettings(), with_service=False)
    state = store.load()
    assert state is not None
    assert not state.with_service


def test_home_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "here"))
    assert default_home() == tmp_path / "here"
    monkeypatch.delenv(HOME_VARIABLE)
    assert default_home().name == ".stack"


def test_deleting_a_home_spares_what_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    store = StateStore(tmp_path)
    store.begin("me", ServiceSettings())
    store.delete()
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.process
def test_lock_wait_is_bounded_and_names_the_holder(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from stack.lock import locked\n"
        "with locked(Path(sys.argv[1]), 1, 'x'):\n    print('held', flush=True); time.sleep(60)"
    )
    lock = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", code, str(lock)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with (
                pytest.raises(StackError, match=rf"0\.2 s waiting for the lock on x in .* process {holder.pid} holds"),
                locked(lock, 0.2, "x"),
            ):
                pass
        finally:
            holder.kill()
    with locked(lock, 5, "x"):  # freed by the holder's end
        pass


@pytest.mark.process
def test_given_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not ports.is_free(port)
        with pytest.raises(PortTaken, match=rf"--kafka-port {port} is taken .* another port"):
            EmbeddedStack(tmp_path).up(StackSettings(kafka_port=port))
    assert ports.is_free(port)
    assert json.loads(json.dumps(EmbeddedStack(tmp_path).status())) is None


@pytest.mark.process
def test_chosen_ports_are_free_and_not_ephemeral() -> None:
    chosen = {ports.choose() for _ in range(20)}
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(1024 < port < lowest for port in chosen)


@pytest.mark.process
@pytest.mark.parametrize("held", [True, False])
def test_a_port_is_chosen_once_among_processes(held: bool) -> None:
    """A server needs seconds until it listens on it."""
    port = ports.choose()
    if not held:
        ports._held.pop().close()
    code = f"from stack import ports; ports.random.randint = lambda *_: {port}; print(ports.choose())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert other.stdout.strip() == ("" if held else str(port)), other.stderr
    assert ("no free port" in other.stderr) is held


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"variant": "magic"}, "magic.* naive, after-commit, awaited, raised, outbox"),
        ({"pool_size": 0}, "pool size 0"),
        ({"pool_wait": 0.0}, "pool wait 0.0 s"),
        ({"block_time": -1.0}, "block time -1.0 s"),
        ({"delivery_timeout": float("nan")}, "delivery timeout nan s"),
        ({"topic": ""}, "topic"),
    ],
)
def test_bad_service_settings(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ServiceSettings(**bad)


@pytest.mark.parametrize(
    ("first", "second", "message"), [(70000, 0, "70000 is out of range"), (9092, 9092, "two comp")]
)
def test_bad_ports(first: int, second: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StackSettings(kafka_port=first, service_port=second)


def test_the_command_line_knows_every_setting_of_the_service() -> None:
    parsed = vars(stack_parser().parse_args(["up"]))
    assert {item.name: parsed[item.name] for item in fields(ServiceSettings)} == asdict(ServiceSettings())


def test_the_state_folder_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("HARNESS_STATE_HOME", raising=False)
    assert state_dir() == tmp_path / "xdg" / "locust-chaos-harness"
    monkeypatch.setenv("HARNESS_STATE_HOME", str(tmp_path / "own"))
    home = home_of("http://shop.test")
    assert home.parent == tmp_path / "own" / "locust-chaos-harness"
    assert home != home_of("http://other.test")
    make_private(home)
    make_private(lease_of("x").parent)
    assert {path.stat().st_mode & 0o777 for path in (state_dir(), home, lease_of("x").parent)} == {0o700}
    assert list(state_dir().glob("external-*")) == [home]


def test_the_service_of_a_stack_has_the_defaults_of_a_run() -> None:
    run = make_settings({})
    assert run.delivery_timeout is not None
    assert ServiceSettings() == ServiceSettings(
        variant=run.service_variant,
        pool_size=run.service_pool,
        pool_wait=run.service_pool_wait,
        block_time=run.service_block_time,
        delivery_timeout=run.delivery_timeout,
        topic=run.topic,
        confirm_wait=run.service_confirm_wait,
        publish_failure=run.service_publish_failure,
    )
    assert OurServiceOptions.service_variant.choices == VARIANTS
