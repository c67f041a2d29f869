"""`python -m stack clean RUN` on runs as the harness leaves them, with a real database and a real broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from contract.run_key import CHECK_KEY, RunKey
from files.paths import CHECKOUT
from reconcile.__main__ import main as reconcile
from reconcile.history.saved_witnesses import save_witnesses
from runlog.facts import CheckOrder, TopicStart
from runlog.folder import RunFolder
from runlog.locks import InUse
from stack.__main__ import main
from stack.lease import LEASE, Lease
from stack.state_store import HOME_VARIABLE
from tests.conftest import Infra
from tests.environment import drop_options
from tests.reconcile.core.confirmations import confirm_all
from tests.reconcile.core.run_builder import KEY, RunBuilder, facts, order_id
from tests.stack.test_delete_rows import TABLES, Shop, without
from tests.stack.test_delete_topic import topic_id

pytestmark = pytest.mark.real

RUN, NEXT = "20261123-073000-4f2a", "20261123-080000-4f2b"
OWN = order_id(999_999)
Said = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def surroundings(infra: Infra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The session's stack is the embedded one; the command's own handler of SIGTERM goes again."""
    drop_options(monkeypatch)
    monkeypatch.setenv(HOME_VARIABLE, str(infra.stack.home))
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def shop(infra: Infra) -> Iterator[Shop]:
    """The order service's tables in the embedded database itself."""
    shop = Shop(infra.database_url)
    yield shop
    shop.run(f"DROP TABLE {', '.join(TABLES)}")


def builder_of(run_id: str = RUN, **changes: Any) -> RunBuilder:
    check = CheckOrder(str(OWN), 201, row=True, event=True)
    usual: dict[str, Any] = {"run_id": run_id, "outbox_table": "outbox", "check_order": check}
    builder = RunBuilder(facts=facts(**{**usual, **changes})).calm(0)
    return builder.order(6, 12, event=False).mark("drained", own_orders=[str(order_id(888_888))])


def leave(builder: RunBuilder, *, save: bool = True, judge: bool = True) -> RunFolder:
    """Leave a run behind in runs/, judged or not."""
    folder = RunFolder(Path("runs").absolute() / builder.facts.run_id)
    builder.write(folder)
    if save:
        history = builder.history()
        save_witnesses(folder, builder.facts.run_key, history.rows, history.events)
        confirm_all(folder, history)
    if judge:
        assert reconcile([str(folder.path), "--quiet"]) in (0, 1, 3)
    return folder


def fill(shop: Shop, key: RunKey = KEY) -> list[uuid.UUID]:
    """Put the rows of `builder_of` into the database, and foreign ones beside them; return the ids of the run's."""
    mine = [*range(7), 888_888, 999_999]
    for number in mine:
        customer = key.customer_id(number) if number < 800_000 else CHECK_KEY.customer_id(number)
        made = shop.order(customer, at="2026-11-23 07:30:00")
        shop.run(
            f"INSERT INTO orders SELECT '{order_id(number)}', customer_id, status, total, created_at, updated_at "
            f"FROM orders WHERE id = '{made}'",
            f"UPDATE order_items SET order_id = '{order_id(number)}' WHERE order_id = '{made}'",
            f"UPDATE outbox SET aggregateid = '{order_id(number)}' WHERE lower(aggregateid) = '{made}'",
            f"DELETE FROM orders WHERE id = '{made}'",
        )
    for _ in range(3):
        shop.order(uuid.uuid4())
        shop.order(CHECK_KEY.customer_id(uuid.uuid4().int >> 66))
    return [order_id(number) for number in mine]


def test_a_judged_run_goes_and_is_judged_the_same_without_its_rows(shop: Shop, capsys: Said) -> None:
    folder = leave(builder_of())
    mine, before = fill(shop), shop.held()
    report = folder.report.read_bytes()
    assert main(["clean", RUN, "--dry-run"]) == 0
    dry = capsys.readouterr()
    assert (dry.err, shop.held()) == ("", before)
    assert main(["clean", RUN]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert output.out.splitlines()[0] == dry.out.splitlines()[0].replace("would delete", "deleted")
    assert output.out.splitlines()[1:] == dry.out.splitlines()[1:]
    assert [line.split() for line in output.out.splitlines()[1:]] == [
        ["order_items", "18", "rows"],
        ["outbox", "9", "rows"],
        ["orders", "9", "rows"],
    ]
    assert shop.held() == without(before, mine)
    assert [len(shop.held()[table]) for table in TABLES] == [12, 6, 6]
    reconcile([str(folder.path), "--quiet"])
    assert folder.report.read_bytes() == report


def test_rows_of_a_run_without_tags_are_deleted_only_if_it_names_them(shop: Shop, capsys: Said) -> None:
    exclusive = builder_of(attribution="exclusive", database_time="2026-11-23T07:00:00", outbox_table=None)
    # An answer named an order that was there before the run.
    exclusive.order(7, 13, answered_id=777, row=False, event=False)
    leave(exclusive)
    mine = fill(shop, RunKey.random())
    shop.run(f"UPDATE orders SET id = '{order_id(777)}', created_at = '2026-11-22' WHERE id = '{old_order(shop)}'")
    before = shop.held()
    assert main(["clean", RUN]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["order_items", "18"],
        ["orders", "9"],
    ]
    assert shop.held() == {**without(before, mine), "outbox": before["outbox"]}
    assert str(order_id(777)) in str(shop.held()["orders"])


def old_order(shop: Shop) -> str:
    """An order without lines, to become another client's."""
    return str(shop.order(uuid.uuid4(), items=0))


def test_only_acknowledged_orders(shop: Shop, capsys: Said) -> None:
    leave(builder_of(attribution="acknowledged-only", run_key=KEY))
    mine, before = fill(shop, RunKey.random()), shop.held()
    assert main(["clean", RUN]) == 0, capsys.readouterr().err
    assert shop.held() == without(before, mine)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder.witnesses / "witness.json").unlink(), "its rows and events are not saved"),
        (lambda folder: folder.report.unlink(), "it has no report.json"),
        (lambda folder: (folder.witnesses / "confirmation.json").unlink(), "its violations were not verified"),
    ],
)
def test_a_run_whose_rows_are_still_evidence(shop: Shop, capsys: Said, spoil: Any, words: str) -> None:
    folder = leave(builder_of())
    mine, before = fill(shop), shop.held()
    spoil(folder)
    for more in ([], ["--dry-run"]):
        assert main(["clean", RUN, *more]) == 4
        output = capsys.readouterr().err
        assert len(output.splitlines()) == 1
        assert words in output
        assert "--force" in output
    assert shop.held() == before
    assert main(["clean", RUN, "--force"]) == 0
    assert shop.held() == without(before, mine)


def test_incomplete_witnesses_are_named(shop: Shop, capsys: Said) -> None:
    builder = builder_of()
    builder.events_changes = {"complete": False, "problem": "no answer"}
    folder = leave(builder, judge=False)
    folder.report.write_text("{}")
    before = shop.held()
    assert main(["clean", RUN]) == 4
    assert "its events were not read completely from Kafka" in capsys.readouterr().err
    assert shop.held() == before


def test_a_run_in_progress_stays_even_when_forced(shop: Shop, capsys: Said) -> None:
    folder = leave(builder_of())
    before = fill(shop), shop.held()
    with InUse(folder):
        assert main(["clean", RUN, "--force"]) == 4
    assert "is still recorded or judged" in capsys.readouterr().err
    assert shop.held() == before[1]
    lease = Lease(Path(os.environ[HOME_VARIABLE]) / LEASE)
    lease.take()
    try:
        assert main(["clean", RUN]) == 4
    finally:
        lease.give_back()
    assert "a running harness" in capsys.readouterr().err
    assert shop.held() == before[1]
    assert main(["clean", RUN]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "RUN nothing: no such run"),
        ([""], "RUN is empty"),
        (["--dry-run"], "--dry-run needs a RUN"),
        (["--topic"], "--topic needs a RUN"),
        (["--runs-dir", "runs"], "--runs-dir needs a RUN"),
        (["--database-url", "postgresql://a:planted-word@127.0.0.1/x"], "--database-url needs a RUN"),
        ([RUN, "--database-url", "postgresql://a:planted-word@127.0.0.1/x"], "whose own database is used"),
        (["damaged"], "RUN damaged: its run.json is damaged"),
    ],
)
def test_bad_input_changes_nothing(shop: Shop, infra: Infra, capsys: Said, arguments: list[str], words: str) -> None:
    leave(builder_of())
    Path("damaged").mkdir()
    Path("damaged/run.json").write_text("{")
    fill(shop)
    before = shop.held()
    assert main(["clean", *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert words in output.err
    assert len([line for line in output.err.splitlines() if not line.startswith("warning:")]) == 1
    assert "planted-word" not in output.err
    assert infra.stack.database.is_alive()
    assert shop.held() == before


def test_another_stack_needs_its_database(shop: Shop, infra: Infra, capsys: Said, monkeypatch: Any) -> None:
    leave(builder_of(stack="external"))
    mine, before = fill(shop), shop.held()
    assert main(["clean", RUN]) == 2
    assert "LOCUST_DATABASE_URL" in capsys.readouterr().err
    monkeypatch.setenv("LOCUST_DATABASE_URL", infra.database_url)
    assert main(["clean", RUN, "--topic"]) == 2
    assert "which is not ours, so its topic order.created stays" in capsys.readouterr().err
    url = infra.database_url.rpartition(":")[0].replace("mars:mars@", "mars:planted-word@") + ":1/orders_db"
    assert main(["clean", RUN, "--database-url", url]) == 4
    output = capsys.readouterr().err
    assert "nothing was deleted" in output
    assert "planted-word" not in output
    assert output.startswith("warning: a password in --database-url")
    assert shop.held() == before
    assert main(["clean", RUN]) == 0
    assert shop.held() == without(before, mine)


def test_a_stack_that_is_down(tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(builder_of())
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "elsewhere"))
    assert main(["clean", RUN]) == 4
    assert "is not up, so nothing was deleted: run 'python -m stack up'" in capsys.readouterr().err


def test_the_topic_goes_when_no_run_needs_it(shop: Shop, infra: Infra, capsys: Said) -> None:
    topic = infra.new_topic()
    start = TopicStart(topic, topic_id(infra, topic), {0: 100})
    mine = leave(builder_of(topic=start))
    other_key = RunKey.random()
    other = leave(builder_of(NEXT, topic=start, run_key=other_key), save=False, judge=False)
    fill(shop)
    before = shop.held()
    for more in ([], ["--dry-run"], ["--force"]):
        assert main(["clean", RUN, "--topic", *more]) == 4
        assert f"{topic} holds the events of {NEXT} too" in capsys.readouterr().err
    assert shop.held() == before
    # A run on another topic, and one that is judged, are no obstacle.
    other.facts.unlink()
    replace(builder_of(NEXT).facts, run_key=other_key).write(other)
    assert main(["clean", RUN, "--topic", "--dry-run"]) == 0
    assert f"topic {topic}: would be deleted" in capsys.readouterr().out
    assert topic_id(infra, topic) == start.topic_id
    assert main(["clean", RUN, "--topic"]) == 0
    assert f"topic {topic}: deleted" in capsys.readouterr().out
    assert topic not in AdminClient({"bootstrap.servers": infra.kafka_bootstrap}).list_topics(timeout=10).topics
    assert main(["clean", str(mine.path), "--topic"]) == 0
    assert "it no longer exists" in capsys.readouterr().out


def test_a_topic_that_was_created_again_is_not_the_runs(shop: Shop, infra: Infra, capsys: Said) -> None:
    topic = infra.new_topic()
    leave(builder_of(topic=TopicStart(topic, "AAAAAAAAAAAAAAAAAAAAAQ", {0: 100})))
    fill(shop)
    assert main(["clean", RUN, "--topic"]) == 0
    assert "created again since the run" in capsys.readouterr().out
    assert topic_id(infra, topic)


def test_as_a_command_of_its_own(shop: Shop) -> None:
    folder = leave(builder_of())
    mine, before = fill(shop), shop.held()
    command = [sys.executable, "-m", "stack", "clean", str(folder.path)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert shop.held() == without(before, mine)
