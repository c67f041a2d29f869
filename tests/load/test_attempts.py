"""Attempts of the user's own users: on disk before they are sent, with the outcome of the answer that they report."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import gevent
import pytest

from contract.order_id import IdKind
from contract.run_key import RunKey
from load import own_attempts
from load.own_attempts import OwnLoad, attempt
from runlog.clock import AnchoredClock
from runlog.ledger import LedgerWriter as Writer
from runlog.ledger import Phase, RecordKind, read_ledger
from runlog.order_id_texts import OrderIdTextWriter
from runlog.outcomes import Failure, Outcome

KEY = RunKey.random()
CLOCK = AnchoredClock.anchor()


def make_load(folder: Path, kind: IdKind = IdKind.UUID) -> OwnLoad:
    return OwnLoad(Writer(folder / "ledger.bin", KEY), CLOCK, KEY, kind, OrderIdTextWriter(folder, kind))


def records(folder: Path) -> list[tuple[int, int, int]]:
    ledger = read_ledger(folder / "ledger.bin")
    return [(int(a["kind"]), int(a["outcome"]), int(a["status"])) for a in ledger.attempts]


def test_each_answer_has_its_outcome(tmp_path: Path) -> None:
    load, order = make_load(tmp_path), str(uuid.uuid4())
    answers: list[tuple[int, Any, Outcome]] = [
        (201, order, Outcome.ACKNOWLEDGED),
        (202, order, Outcome.ACKNOWLEDGED),
        (201, None, Outcome.AMBIGUOUS),
        (201, "no id", Outcome.AMBIGUOUS),
        (400, None, Outcome.REJECTED),
        (500, order, Outcome.AMBIGUOUS),
        (0, None, Outcome.AMBIGUOUS),
    ]
    for seq, (status, order_id, _) in enumerate(answers):
        with load.attempt() as one:
            assert one.customer_id == KEY.customer_id(seq)
            # On disk before anything is sent.
            assert records(tmp_path)[seq] == (RecordKind.SENT, 0, 0)
            one.answered(status, order_id)
    with load.attempt() as one:
        one.refused()
    with load.attempt():
        pass
    load.finish(in_order=True)
    wanted = [outcome for _, _, outcome in answers] + [Outcome.REJECTED, Outcome.AMBIGUOUS]
    assert [outcome for _, outcome, _ in records(tmp_path)] == wanted
    ledger = read_ledger(tmp_path / "ledger.bin")
    assert ledger.complete
    assert bytes(ledger.attempts["order_id"][0]) == uuid.UUID(order).bytes
    assert ledger.attempts["failure"][2] == Failure.UNREADABLE
    assert (load.counts.sent, load.counts.acknowledged, load.counts.failed) == (9, 2, 7)


def test_an_exception_of_the_user_is_its_own_and_leaves_the_attempt_ambiguous(tmp_path: Path) -> None:
    load = make_load(tmp_path)
    with pytest.raises(RuntimeError, match="mine"), load.attempt():
        raise RuntimeError("mine")
    assert records(tmp_path) == [(RecordKind.COMPLETED, Outcome.AMBIGUOUS, 0)]
    assert load.in_flight == 0


def test_a_user_that_is_stopped_leaves_its_attempt_without_an_answer(tmp_path: Path) -> None:
    load = make_load(tmp_path)

    def hang() -> None:
        with load.attempt() as one:
            gevent.sleep(60)
            one.answered(201, str(uuid.uuid4()))

    user = gevent.spawn(hang)
    gevent.sleep(0.05)
    assert load.in_flight == 1
    user.kill(timeout=10)
    assert load.in_flight == 0
    load.finish(in_order=True)
    assert records(tmp_path) == [(RecordKind.SENT, 0, 0)]


def test_attempts_wait_for_the_run_and_end_with_it(tmp_path: Path) -> None:
    load, seen = make_load(tmp_path), []

    def user() -> None:
        while True:
            with attempt() as one:
                seen.append(one.seq)
                one.answered(201, str(uuid.uuid4()))
                gevent.sleep(0.01)

    own_attempts.use(None)
    users = [gevent.spawn(user) for _ in range(3)]
    try:
        gevent.sleep(0.2)
        own_attempts.use(load)
        gevent.sleep(0.2)
        assert seen == []
        load.phase = Phase.OUTAGE
        load.begin(CLOCK.now())
        gevent.sleep(0.5)
        assert len(seen) > 5
        load.stop()
        gevent.sleep(0.2)
        count = len(seen)
        gevent.sleep(0.2)
        assert len(seen) == count
        load.resume()
        gevent.sleep(0.2)
        assert len(seen) > count
        load.close(CLOCK.now())
        gevent.sleep(0.2)
        count = len(seen)
        gevent.sleep(0.2)
        assert len(seen) == count
    finally:
        gevent.killall(users)
        own_attempts.use(None)
    load.finish(in_order=True)
    ledger = read_ledger(tmp_path / "ledger.bin")
    assert ledger.complete
    assert sorted(seen) == list(range(ledger.due))
    assert {int(phase) for phase in ledger.attempts["phase"]} == {Phase.OUTAGE}


def test_a_full_disk_is_trouble_and_no_exception(tmp_path: Path) -> None:
    load = make_load(tmp_path)

    class Full:
        def sent(self, *_: object) -> None:
            raise OSError(28, "No space left on device")

        def close(self, due: int | None) -> None:
            assert due is None

    vars(load)["_ledger"] = Full()
    with load.attempt() as one:
        one.answered(201, str(uuid.uuid4()))
    assert load.trouble == "the ledger cannot be written: No space left on device"
    assert not load.is_on
    load.finish(in_order=True)


def test_names_of_text_ids_are_kept(tmp_path: Path) -> None:
    load, name = make_load(tmp_path, IdKind.TEXT), "an order number that is longer than sixteen bytes"
    with load.attempt() as one:
        one.answered(202, name)
    load.finish(in_order=True)
    from runlog.order_id_texts import read_order_id_texts

    assert list(read_order_id_texts(tmp_path).values()) == [name]
