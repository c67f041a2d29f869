"""Fixtures for tests on real parts: one PostgreSQL and one Kafka for the whole session.

Nothing here imports Locust or gevent, and no test may patch this process: what needs gevent runs in a subprocess.
psycopg and the Kafka client are imported only when used, so that a file which does start with `import locust` still
gets a psycopg that waits cooperatively.
"""

from __future__ import annotations

import re
import signal
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

from stack.embedded import EmbeddedStack
from stack.kafka import Broker
from stack.state_file import StackState
from tests.mutation import order

# Tests assert no times: a busy machine must not fail an example. What a mutant breaks is not made shorter, which takes
# minutes: that it was noticed is enough.
PHASES = [phase for phase in Phase if phase not in ({Phase.shrink, Phase.explain} if order.IN_MUTMUT else ())]
settings.register_profile("untimed", deadline=None, phases=PHASES)
settings.load_profile("untimed")

READY_TIMEOUT_S = 30.0
# Tests with none of these marks are pure, which the guard below sees to.
IMPURE = {"real", "docker", "process"}
WHOLE_FILE = re.compile(rf"^pytestmark = .*pytest\.mark\.({'|'.join(sorted(IMPURE))})\b", re.MULTILINE)
HERE = Path(__file__).parent
# Folders and files that take longest, longest first.
LONGEST = (
    "docker/test_whole_plan.py",
    "mutation",
    "docker",
    "e2e",
    "external",
    "saboteur",
    "security",
    "stack",
    "orderservice",
    "chaos",
)
# Beginnings of paths whose files share what takes long to start.
TOGETHER = ("tests/security/", "tests/chaos/faults/targets/test_process_")
OUTSIDE = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "socket.connect", "socket.bind"}


class PurityGuard:
    """Lets no pure test start a process or open a connection; what it tried all the same is in `tried`."""

    def __init__(self) -> None:
        self.active = False
        self.tried: list[str] = []
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.active and event in OUTSIDE:
            self.tried.append(f"{event} {arguments}")
            raise RuntimeError(f"a test without a mark of {sorted(IMPURE)} did {self.tried[-1]}")


GUARD = PurityGuard()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip files without pure tests if only pure tests are selected: importing them takes seconds."""
    if config.option.markexpr != "pure" or not collection_path.name.startswith("test_"):
        return None
    return True if WHOLE_FILE.search(collection_path.read_text(encoding="utf-8")) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as pure what has no other mark, and let files begin first that take longest: the short ones fill the end."""
    turn: dict[Path, int] = {}
    for item in items:
        marks = IMPURE.intersection(mark.name for mark in item.iter_markers())
        if not marks:
            item.add_marker("pure")
        path = item.path.relative_to(HERE)
        named = [LONGEST.index(name) for name in (str(path), path.parts[0]) if name in LONGEST]
        mine = named[0] if named else len(LONGEST) + ("real" not in marks) + (not marks)
        turn[item.path] = min(mine, turn.get(item.path, mine))
    items.sort(key=lambda item: turn[item.path])
    order.sort(items)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember which tests notice a mutant."""
    if report.failed:
        order.note(report.nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out a file at a time, and files that share what takes long to start as one."""
    from xdist.scheduler import LoadFileScheduling

    def scope(nodeid: str) -> str:
        path = nodeid.split("::", 1)[0]
        return next((shared for shared in TOGETHER if path.startswith(shared)), path)

    config.option.loadscopereorder = False
    schedule = LoadFileScheduling(config, log)
    schedule._split_scope = scope
    return schedule


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Guard a pure test and its fixtures."""
    GUARD.tried.clear()
    GUARD.active = item.config.option.markexpr == "pure"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Fail a pure test that caught what the guard raised; fixtures of a whole file end unguarded."""
    GUARD.active = False
    yield
    assert GUARD.tried == [], f"{item.nodeid} is not pure"


def pytest_configure() -> None:
    """Let Ctrl-C reach what tests start: a shell ignores it for background processes and their children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _refuse_a_patched_process(what: str) -> None:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        pytest.exit(f"{what} has let gevent patch this process: run what imports Locust in a process of its own", 3)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """End a session in which a test module has patched this process: pytest-xdist would end at a later, idle moment."""
    _refuse_a_patched_process(report.nodeid)


def pytest_runtest_logfinish(nodeid: str) -> None:
    """The same for what a test itself imports."""
    _refuse_a_patched_process(nodeid)


class RestartableBroker:
    """The real broker, to be broken by a test; `start` also waits until it answers again."""

    def __init__(self, broker: Broker) -> None:
        self.process = broker

    def stop(self, timeout_s: float = 10.0) -> None:
        self.process.stop(timeout_s)

    def kill(self) -> None:
        self.process.kill()

    def start(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        self.process.start()
        self.process.wait_ready(timeout_s)

    def pause(self) -> None:
        self.process.pause()

    def resume(self) -> None:
        self.process.resume()

    def heal(self) -> None:
        """Whatever a test did: running, answering."""
        self.process.resume()
        self.start()


@dataclass(frozen=True)
class Infra:
    """A real PostgreSQL and a real Kafka, without the order service."""

    stack: EmbeddedStack
    state: StackState
    broker: RestartableBroker

    @property
    def database_url(self) -> str:
        """Connection string of a database that all tests share: prefer `new_database`."""
        return self.state.database_url

    @property
    def kafka_bootstrap(self) -> str:
        """`host:port` of the broker; the same after each of its restarts."""
        return self.state.kafka_bootstrap

    def new_database(self) -> str:
        """Create an empty database and return its connection string."""
        import psycopg
        from psycopg import sql

        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.database_url.rpartition("/")[0] + f"/{name}"

    def new_topic(self, partitions: int = 3) -> str:
        """Create an empty topic and return its name once every partition has its leader."""
        from tests.topics import make_topic

        return make_topic({"bootstrap.servers": self.kafka_bootstrap}, partitions)


@pytest.fixture(scope="session")
def infra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Infra]:
    """The session's PostgreSQL and Kafka; stopped and deleted at its end, also when tests fail."""
    home: Path = tmp_path_factory.mktemp("infra") / "stack"
    stack = EmbeddedStack(home)
    try:
        state = stack.up(owner="pytest", with_service=False)
        yield Infra(stack, state, RestartableBroker(stack.broker))
    finally:
        stack.clean()


@pytest.fixture
def broker(infra: Infra) -> Iterator[RestartableBroker]:
    """The session's broker for a test that breaks it; running and answering again afterwards."""
    yield infra.broker
    infra.broker.heal()


@pytest.fixture(scope="session")
def stack_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the stack that `left_running` is."""
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="session")
def left_running(stack_home: Path) -> Iterator[EmbeddedStack]:
    """A stack as `make up` leaves it: it was there before what a test starts, and must be there after it."""
    stack = EmbeddedStack(stack_home)
    try:
        stack.up(owner="make up")
        yield stack
    finally:
        stack.clean()
