"""The formats of a run's folder: what is written is read back, an incomplete line is reported."""

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from contract.run_key import RunKey
from runlog.clock import AnchoredClock, iso_utc
from runlog.exit_codes import strongest
from runlog.facts import WORDS
from runlog.folder import FolderError, check_runs_dir, create_run_folder, find_run
from runlog.ledger import HEADER, RECORD_BYTES, Completion, LedgerWriter, Phase, read_ledger
from runlog.marks import Mark, MarksWriter, read_marks
from runlog.outcomes import Failure, Outcome, classify
from settings.duration import format_duration, parse_duration
from settings.run_settings import Settings

KEY = RunKey.parse("0123456789ab4def")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("2m", 120), ("1m30s", 90), ("500ms", 0.5), ("1.5s", 1.5), ("1h", 3600), ("0", 0)],
)
def test_durations_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "5 x", "s", "1e3", "nan", "inf", "5s!"])
def test_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_durations_for_people() -> None:
    assert [format_duration(value) for value in (0.42, 15, 125, 3600)] == ["0.42 s", "15 s", "2 m 5 s", "1 h"]


def test_clock_moves_with_the_monotonic_clock_only() -> None:
    clock = AnchoredClock(epoch=1000.0, monotonic=AnchoredClock.anchor().monotonic)
    assert 1000.0 <= clock.now() < 1001.0
    assert clock.wall_step() > 1e9  # the wall clock is decades ahead of that anchor, and it is noticed


def test_times_are_iso_utc_with_microseconds() -> None:
    assert iso_utc(0.5) == "1970-01-01T00:00:00.500000Z"


def test_customer_ids_are_valid_uuids_that_carry_run_and_sequence() -> None:
    key = RunKey.random()
    customer = key.customer_id(12345)
    assert customer.version == 4
    assert customer.variant == uuid.RFC_4122
    assert key.sequence_of(customer) == 12345
    assert str(customer).startswith(key.text_prefix)
    assert key.first <= customer <= key.last
    assert RunKey.parse(str(key)) == key


def test_a_customer_id_of_another_run_is_not_ours() -> None:
    key = RunKey.random()
    assert key.sequence_of(RunKey(key.upper ^ 1 << 63).customer_id(1)) is None
    assert key.sequence_of(uuid.uuid4()) is None


@pytest.mark.parametrize(
    ("status", "failure", "has_id", "outcome"),
    [
        (201, Failure.NONE, True, Outcome.ACKNOWLEDGED),
        (202, Failure.NONE, True, Outcome.ACKNOWLEDGED),
        (201, Failure.NONE, False, Outcome.AMBIGUOUS),
        (500, Failure.NONE, False, Outcome.AMBIGUOUS),
        (503, Failure.NONE, True, Outcome.AMBIGUOUS),
        (409, Failure.NONE, False, Outcome.AMBIGUOUS),
        (302, Failure.NONE, False, Outcome.AMBIGUOUS),
        (400, Failure.NONE, False, Outcome.REJECTED),
        (422, Failure.NONE, False, Outcome.REJECTED),
        (400, Failure.RESET, False, Outcome.AMBIGUOUS),
        (201, Failure.TIMEOUT, True, Outcome.AMBIGUOUS),
        (None, Failure.TIMEOUT, False, Outcome.AMBIGUOUS),
        (None, Failure.RESET, False, Outcome.AMBIGUOUS),
        (None, Failure.REFUSED, False, Outcome.REJECTED),
        (None, Failure.NONE, False, Outcome.AMBIGUOUS),
    ],
)
def test_outcome_is_ambiguous_unless_proven(
    status: int | None, failure: Failure, has_id: bool, outcome: Outcome
) -> None:
    assert classify(status, failure, has_id) is outcome


def _ledger(path: Path, close: bool = True) -> list[uuid.UUID]:
    writer = LedgerWriter(path, KEY)
    ids = [uuid.uuid4(), uuid.uuid4()]
    writer.sent(0, 10.0, 10.1, Phase.BASELINE)
    writer.sent(1, 11.0, 11.1, Phase.OUTAGE)
    writer.completed(
        1, 11.0, 11.1, Phase.OUTAGE, Completion(12.0, Outcome.ACKNOWLEDGED, 201, Failure.NONE, ids[1].bytes)
    )
    writer.not_sent(2, 12.0, Phase.RECOVERY)
    writer.completed(0, 10.0, 10.1, Phase.BASELINE, Completion(12.5, Outcome.AMBIGUOUS, 0, Failure.TIMEOUT, None))
    writer.sent(3, 13.0, 13.0, Phase.RECOVERY)
    writer.close(4 if close else None)
    return ids


def test_ledger_is_read_with_the_last_record_of_each_attempt(tmp_path: Path) -> None:
    ids = _ledger(tmp_path / "ledger.bin")
    ledger = read_ledger(tmp_path / "ledger.bin")
    assert ledger.complete
    assert ledger.due == 4
    assert list(ledger.attempts["seq"]) == [0, 1, 2, 3]
    assert list(ledger.attempts["kind"]) == [2, 2, 3, 1]
    assert bytes(ledger.attempts["order_id"][1]) == ids[1].bytes
    assert list(ledger.attempts["has_id"]) == [0, 1, 0, 0]
    assert list(ledger.attempts["completed"]) == [12.5, 12.0, 0.0, 0.0]


def test_ledger_of_a_harness_that_died_is_not_complete(tmp_path: Path) -> None:
    _ledger(tmp_path / "ledger.bin", close=False)
    ledger = read_ledger(tmp_path / "ledger.bin")
    assert len(ledger.attempts) == 4
    assert not ledger.complete


@pytest.mark.parametrize("cut", [1, 8, 63])
def test_ledger_cut_in_the_middle_of_a_record_keeps_the_rest(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "ledger.bin"
    _ledger(path)
    path.write_bytes(path.read_bytes()[:-cut])
    ledger = read_ledger(path)
    assert len(ledger.attempts) == 4
    assert ledger.torn_bytes == RECORD_BYTES - cut
    assert not ledger.complete


def test_ledger_that_lacks_a_due_arrival_says_so(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path / "ledger.bin", KEY)
    writer.sent(0, 1.0, 1.0, Phase.BASELINE)
    writer.sent(2, 1.0, 1.0, Phase.BASELINE)
    writer.close(3)
    ledger = read_ledger(tmp_path / "ledger.bin")
    assert ledger.missing == 1
    assert not ledger.complete


def test_ledger_is_on_disk_before_it_is_closed_and_never_overwritten(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path / "ledger.bin", KEY)
    writer.sent(0, 1.0, 1.0, Phase.BASELINE)
    assert len(read_ledger(tmp_path / "ledger.bin").attempts) == 1
    with pytest.raises(FileExistsError):
        LedgerWriter(tmp_path / "ledger.bin", KEY)
    writer.close(1)


def test_ledger_has_the_key_of_its_run(tmp_path: Path) -> None:
    _ledger(tmp_path / "ledger.bin")
    assert read_ledger(tmp_path / "ledger.bin").run_key == KEY


def test_each_flipped_byte_of_a_record_is_noticed_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "ledger.bin"
    _ledger(path, close=False)
    whole = path.read_bytes()
    for place in range(HEADER.size, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert read_ledger(path).damaged == 1
    path.write_bytes(whole[: HEADER.size] + bytes(RECORD_BYTES) + whole[HEADER.size :] + bytes(2 * RECORD_BYTES))
    assert read_ledger(path).damaged == 3


def test_records_of_another_run_are_damage(tmp_path: Path) -> None:
    _ledger(tmp_path / "ours.bin", close=False)
    theirs = LedgerWriter(tmp_path / "theirs.bin", RunKey.parse("0123456789ab4dee"))
    theirs.sent(4, 14.0, 14.0, Phase.RECOVERY)
    with (tmp_path / "ours.bin").open("ab") as ours:
        ours.write((tmp_path / "theirs.bin").read_bytes()[HEADER.size :])
    assert read_ledger(tmp_path / "ours.bin").damaged == 1
    theirs.close(None)


@pytest.mark.parametrize("seq", [4, 5, 2_000_000_000, 2**62, 2**64 - 1])
def test_a_sequence_number_beyond_what_was_due_is_damage(tmp_path: Path, seq: int) -> None:
    writer = LedgerWriter(tmp_path / "ledger.bin", KEY)
    writer.sent(seq, 1.0, 1.0, Phase.BASELINE)
    writer.close(4)
    ledger = read_ledger(tmp_path / "ledger.bin")
    assert (ledger.damaged, len(ledger.attempts), ledger.missing) == (1, 0, 4)


def test_a_huge_sequence_number_takes_no_memory(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path / "ledger.bin", KEY)
    writer.sent(2**62 - 1, 1.0, 1.0, Phase.BASELINE)
    ledger = read_ledger(tmp_path / "ledger.bin")
    assert (len(ledger.attempts), ledger.missing, ledger.complete) == (1, 2**62 - 1, False)
    writer.close(None)


def test_a_completion_without_its_sending_and_what_follows_the_end_are_damage(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path / "a.bin", KEY)
    end = Completion(12.0, Outcome.REJECTED, 400, Failure.NONE, None)
    writer.sent(0, 1.0, 1.0, Phase.BASELINE)
    writer.completed(1, 1.0, 1.0, Phase.BASELINE, end)
    writer.completed(0, 1.0, float("nan"), Phase.BASELINE, end)
    writer.close(2)
    assert read_ledger(tmp_path / "a.bin").damaged == 2
    _ledger(tmp_path / "b.bin")
    with (tmp_path / "b.bin").open("ab") as stream:
        stream.write((tmp_path / "b.bin").read_bytes()[HEADER.size :][:RECORD_BYTES])
    assert read_ledger(tmp_path / "b.bin").damaged == 1


def test_a_large_ledger_is_read_completely(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path / "ledger.bin", KEY)
    for seq in range(100_000):
        writer.sent(seq, 1.0, 1.0, Phase.BASELINE)
    writer.close(100_000)
    ledger = read_ledger(tmp_path / "ledger.bin")
    assert (ledger.complete, len(ledger.attempts)) == (True, 100_000)


@pytest.mark.process
def test_a_mark_that_is_cut_short_by_a_full_disk_leaves_no_trace(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; from pathlib import Path; from runlog.marks import Mark, MarksWriter\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "writer = MarksWriter(Path(sys.argv[1])); writer.write(Mark(1.0, 'started'))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60, resource.RLIM_INFINITY))\n"
        "try:\n    writer.write(Mark(2.0, 'baseline'))\n"
        "except OSError as error:\n    print(error.strerror)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "writer.write(Mark(3.0, 'ended'))\n"
    )
    path = tmp_path / "marks.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "No space left on device\n"
    assert [mark.name for mark in read_marks(path)] == ["started", "ended"]


def test_something_else_is_not_a_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.bin").write_bytes(b"hello")
    with pytest.raises(ValueError, match="it is no ledger"):
        read_ledger(tmp_path / "ledger.bin")


def test_marks_are_read_in_order(tmp_path: Path) -> None:
    writer = MarksWriter(tmp_path / "marks.jsonl")
    writer.write(Mark(1.0, "started"))
    writer.write(Mark(2.0, "injecting", 0, {"target": "broker"}))
    writer.close()
    with (tmp_path / "marks.jsonl").open("a") as stream:
        stream.write('{"at": 3.0, "na')
    marks = read_marks(tmp_path / "marks.jsonl")
    assert marks == [Mark(1.0, "started"), Mark(2.0, "injecting", 0, {"target": "broker"})]


def test_the_stronger_exit_code_wins() -> None:
    assert strongest([0, 1]) == 1
    assert strongest([1, 3]) == 3
    assert strongest([3, 4]) == 4
    assert strongest([4, 130]) == 130
    assert strongest([143, 2]) == 2
    assert strongest([2, 130], not_restored=True) == 4


def test_run_folder_is_private_and_latest_points_at_it(tmp_path: Path) -> None:
    folder = create_run_folder(tmp_path / "runs")
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "runs" / "latest").resolve() == folder.path.resolve()
    second = create_run_folder(tmp_path / "runs")
    assert second.path != folder.path
    assert (tmp_path / "runs" / "latest").resolve() == second.path.resolve()
    second.facts.write_text("{}")
    assert find_run("latest", tmp_path / "runs").run_id == second.run_id
    with pytest.raises(FolderError, match="no such run"):
        find_run("nope", tmp_path / "runs")


def test_runs_dir_that_cannot_be_used_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FolderError, match=r"--runs-dir .*name a folder that can be written"):
        check_runs_dir(tmp_path / "file", 0)
    with pytest.raises(FolderError, match=r"only \d+ MiB are free"):
        check_runs_dir(tmp_path / "runs", 2**60)
    check_runs_dir(tmp_path / "runs", 1)
    assert list((tmp_path / "runs").iterdir()) == []


def test_facts_know_what_the_options_offer() -> None:
    offered = (Settings.scenario, Settings.expect, Settings.attribution)
    assert {option.dest: option.choices for option in offered} == WORDS
