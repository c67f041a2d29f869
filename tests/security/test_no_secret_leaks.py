"""Secrets planted wherever one can be given are nowhere in what a run leaves: files, output, lists of processes.

Which options hold secrets is asked of `settings.run_settings`, so a new one is covered as soon as it is declared.
"""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from settings.option import Option
from settings.run_settings import OPTIONS
from stack.embedded import EmbeddedStack
from tests.e2e.harness import CHECKOUT, SHORT, LocustProcess
from tests.environment import without_options

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

# Secret options that a run on the embedded stack refuses: they are planted only where the run is to fail.
NOT_ON_EMBEDDED = frozenset(
    option.name for option in OPTIONS if option.secret and not option.makes_sense("stack", "embedded")
)
# As a user may write them: signs that a DSN has to escape, and that tools like to quote.
WORD = "Pl4nted/{name}&s3cret"


@dataclass
class Planted:
    """Secrets, and the ways in which they are handed to a command.

    Attributes:
        environment: variables that hold them.
        arguments: options that hold them.
        words: the secrets themselves.
    """

    environment: dict[str, str] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def new(self, name: str) -> str:
        word = WORD.format(name=name)
        self.words.append(word)
        return word

    def forms(self) -> dict[bytes, str]:
        """Each way in which a secret might be written, and whose it is."""
        found: dict[bytes, str] = {}
        for word in self.words:
            plain = word.encode()
            for form in (plain, quote(word, safe="").encode(), base64.b64encode(plain).rstrip(b"=")[:-2]):
                found[form] = word
            found[word.replace("&", "&amp;").encode()] = word
            found[word.replace("/", "\\/").encode()] = word
        return found


def dsn(word: str) -> str:
    return f"postgresql://planted:{quote(word, safe='')}@127.0.0.1:1/orders_db"


def text_of(option: Option[str], word: str) -> str:
    """A value of the option that has `word` as its secret part."""
    if option.name.endswith("url"):
        return dsn(word)
    return f"X-Planted: {word}" if "header" in option.name else word


def plant(folder: Path, *, refused_too: bool) -> Planted:
    """Plant secrets in every option that can hold one, and in the variables and files that commands read.

    folder: for files of the user's own.
    refused_too: also in options that the embedded stack does not take.
    """
    planted = Planted()
    config = folder / "client.properties"
    config.touch(mode=0o600)
    config.write_text(f"security.protocol=SASL_SSL\nsasl.username=u\nsasl.password={planted.new('sasl')}\n")
    planted.environment = {"PGPASSWORD": planted.new("pgpassword")}
    if refused_too:
        planted.environment["LOCUST_KAFKA_CONFIG"] = str(config)
    for option in OPTIONS:
        if option.secret and (refused_too or option.name not in NOT_ON_EMBEDDED):
            planted.environment[option.env] = text_of(option, planted.new(option.name))
            if refused_too:
                planted.arguments += [option.flag, text_of(option, planted.new(f"{option.name}-argument"))]
    return planted


class Watcher(threading.Thread):
    """Looks at the command lines of all processes, over and over, and notes each that shows a secret.

    The process that a user gave a secret on its own command line is left out.
    """

    def __init__(self, planted: Planted, but: int) -> None:
        super().__init__(daemon=True)
        self.seen: dict[str, str] = {}
        self.looked_at: set[str] = set()
        self._forms = planted.forms()
        self._but = but
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.02):
            for process in psutil.process_iter():
                try:
                    line = "\0".join(process.cmdline())
                except psutil.Error:
                    continue
                if process.pid == self._but:
                    continue
                self.looked_at.add(line)
                for form, word in self._forms.items():
                    if form in line.encode(errors="surrogateescape"):
                        self.seen[line] = word

    def stop(self) -> None:
        self._over.set()
        self.join(timeout=20)


def leaks(planted: Planted, *folders: Path) -> list[str]:
    """Every file below the folders in which a secret stands."""
    found = []
    for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        found += [f"{path}: {word}" for form, word in planted.forms().items() if form in content]
    return found


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the user's, where the secrets themselves may lie."""
    return tmp_path_factory.mktemp("own")


class Run:
    """One run of `locust` with secrets planted, everything that it leaves below one folder."""

    def __init__(self, folder: Path, planted: Planted, *arguments: str) -> None:
        self.folder, self.planted = folder, planted
        env = {**without_options(), **planted.environment, "HARNESS_STACK_HOME": str(folder / "stack")}
        outputs = ["--csv", str(folder / "l"), "--html", str(folder / "l.html"), "--logfile", str(folder / "l.log")]
        given = ["--headless", *SHORT, *outputs, *planted.arguments, *arguments]
        self.locust = LocustProcess(given, folder, env)
        self.watcher = Watcher(planted, self.locust.process.pid)
        self.watcher.start()

    def assert_clean(self) -> None:
        self.watcher.stop()
        assert self.watcher.seen == {}
        assert leaks(self.planted, self.folder) == []

    def close(self) -> None:
        if self.locust.process.poll() is None:
            self.locust.process.terminate()
            self.locust.end()
        self.watcher.stop()
        EmbeddedStack(self.folder / "stack").clean()


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    begun: list[Run] = []
    yield begun
    for run in begun:
        run.close()


def test_the_search_finds_what_is_there(tmp_path: Path, own: Path) -> None:
    """The searches themselves: each form of a secret, in a file and in a list of processes."""
    planted = plant(own, refused_too=True)
    assert leaks(planted, tmp_path) == []
    for place, form in enumerate(planted.forms()):
        (tmp_path / f"{place}").write_bytes(b"before " + form + b" after")
    assert len({found.partition(":")[0] for found in leaks(planted, tmp_path)}) == len(planted.forms())
    watcher = Watcher(planted, os.getpid())
    watcher.start()
    shown = [sys.executable, "-c", "import time; time.sleep(60)", planted.words[0]]
    with subprocess.Popen(shown) as process:
        try:
            for _ in range(200):
                if watcher.seen:
                    break
                watcher.join(timeout=0.05)
        finally:
            process.kill()
    watcher.stop()
    assert list(watcher.seen.values()) == [planted.words[0]]


def test_a_run_that_succeeds(tmp_path: Path, own: Path, runs: list[Run]) -> None:
    run = Run(tmp_path, plant(own, refused_too=False), "--scenario", "control", "--json")
    runs.append(run)
    assert run.locust.end() == 0, run.locust.log[-3000:]
    assert run.locust.folder.report.is_file()
    # What was searched is what a run leaves: Locust's own files, ours, and the processes that were started.
    for name in ("l_stats.csv", "l.html", "l.log", "stack/logs/service.log", "out.txt", "err.txt"):
        assert (tmp_path / name).is_file(), name
    for part in ("chaos.monitor", "reconcile", "orderservice", "kafka.Kafka"):
        assert any(part in line for line in run.watcher.looked_at), part
    run.assert_clean()


def test_a_run_that_fails_before_it_begins(tmp_path: Path, own: Path, runs: list[Run]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        run = Run(tmp_path, plant(own, refused_too=False), "--kafka-port", str(taken.getsockname()[1]))
        runs.append(run)
        assert run.locust.end() == 4, run.locust.log[-3000:]
    run.assert_clean()


def test_a_run_whose_options_are_refused(tmp_path: Path, own: Path, runs: list[Run]) -> None:
    run = Run(tmp_path, plant(own, refused_too=True), "--rate", "0")
    runs.append(run)
    assert run.locust.end() == 2, run.locust.log[-3000:]
    run.assert_clean()


@pytest.mark.exhaustive
def test_a_run_that_crashes(tmp_path: Path, own: Path, runs: list[Run]) -> None:
    run = Run(tmp_path, plant(own, refused_too=False), "--scenario", "control")
    runs.append(run)
    log = tmp_path / "l.log"
    begun = "chaos: baseline: "
    run.locust.await_that(lambda: log.is_file() and begun in log.read_text(), f"{begun!r} in the log")
    # Its folder disappears under its hands: what it still wants to write there fails.
    moved = run.locust.runs.with_name("moved")
    shutil.move(run.locust.runs, moved)
    assert run.locust.end() == 2, run.locust.log[-3000:]
    assert list(moved.glob("*/run.json"))
    run.assert_clean()


@pytest.mark.parametrize("way", ["environment", "option"])
@pytest.mark.parametrize(
    "command",
    [
        ["reconcile", "nothing"],
        ["reconcile", "audit", "--kafka-bootstrap", "127.0.0.1:1"],
        ["stack", "clean", "nothing"],
        ["stack", "clean"],
        ["stack", "status"],
    ],
    ids=" ".join,
)
def test_commands_that_fail_tell_no_secret(tmp_path: Path, own: Path, command: list[str], way: str) -> None:
    planted = plant(own, refused_too=True)
    clean = without_options()
    given = ["--database-url", dsn(planted.new("option"))] if way == "option" else []
    done = subprocess.run(
        [sys.executable, "-m", *command, *given],
        cwd=CHECKOUT,
        env={**clean, **planted.environment, "HARNESS_STACK_HOME": str(tmp_path / "stack")},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0 or command == ["stack", "clean"]
    (tmp_path / "said").write_bytes(done.stdout + done.stderr)
    assert b"Traceback" not in done.stderr
    assert leaks(planted, tmp_path) == []
