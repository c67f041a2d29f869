"""The command, end to end from files: on saved witnesses no store is touched, and the bytes are always the same."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from reconcile.__main__ import main
from reconcile.history.history import EventsWitness, RowsWitness
from reconcile.history.saved_witnesses import save_witnesses
from reconcile.report.csv_lists import COLUMNS
from runlog.facts import FORMAT
from runlog.outcomes import Outcome
from tests.environment import drop_options
from tests.reconcile.core.command_runs import RUN, failed, reports, write
from tests.reconcile.core.run_builder import KEY, RunBuilder, facts, order_id


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    drop_options(monkeypatch)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A runs folder with one lossy run, witnesses saved, and a `latest` link."""
    builder = RunBuilder(facts=facts(expect="lost-events")).calm(0).order(6, 12, event=False)
    builder.order(7, 13, Outcome.AMBIGUOUS, row=False, event=False).unanswered(8, 14).not_sent(9, 14.5)
    write(builder, tmp_path / "runs")
    return tmp_path / "runs"


@pytest.mark.process
def test_in_a_process_of_its_own_without_any_store(runs: Path) -> None:
    command = [sys.executable, "-m", "reconcile", "latest", "--runs-dir", str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"INCONSISTENT  run {RUN}")
    assert str(order_id(6)) in done.stdout
    first = reports(runs)
    assert len(first) == 18
    again = subprocess.run([*command, "--quiet"], capture_output=True, text=True, timeout=60, check=False)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert reports(runs) == first


@pytest.mark.process
def test_saved_witnesses_need_neither_driver_nor_client(runs: Path) -> None:
    code = (
        "import sys; sys.modules.update(psycopg=None, confluent_kafka=None); from reconcile.__main__ import main; "
        f"sys.exit(main(['latest', '--runs-dir', {str(runs)!r}, '--quiet']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_json_is_the_report_file(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(runs / RUN), "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.out == (runs / RUN / "report.json").read_text(encoding="utf-8")
    counts = json.loads(printed.out)["counts"]
    assert (counts["lost_events"], counts["unanswered"], counts["not_sent"], counts["due"]) == (1, 1, 1, 10)


def test_runs_folder_from_the_environment(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUST_RUNS_DIR", str(runs))
    assert main([RUN, "--quiet"]) == 0


def test_no_path_of_the_machine_in_any_report(runs: Path) -> None:
    main(["latest", "--runs-dir", str(runs), "--quiet"])
    assert all(str(runs).encode() not in text for text in reports(runs).values())


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw[: len(raw) // 2],
        lambda raw: b"hello\n" + raw,
        lambda raw: raw.replace(b"order.created", b"order.createD"),
        lambda raw: raw[:5] + bytes([raw[5] ^ 0x80]) + raw[6:],
    ],
    ids=["cut", "added to", "changed", "a bit flipped"],
)
def test_lost_events_that_were_changed_on_disk_are_not_handed_on(runs: Path, change: Callable[[bytes], bytes]) -> None:
    """The verdict stands without them, and the report says what is missing."""
    kept = runs / RUN / "witnesses" / "lost-rows.ndjson"
    assert main(["latest", "--runs-dir", str(runs), "--quiet"]) == 0
    assert (runs / RUN / "lost-events.ndjson").read_bytes() == kept.read_bytes() != b""
    kept.write_bytes(change(kept.read_bytes()))
    assert main(["latest", "--runs-dir", str(runs), "--quiet"]) == 0
    assert (runs / RUN / "lost-events.ndjson").read_bytes() == b""
    assert "missing or damaged" in (runs / RUN / "report.md").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ["postgresql://mars:TOPSECRET@h/db"],
        ["latest", "postgresql://mars:TOPSECRET@h/db"],
        ["latest", "--database-urll", "postgresql://mars:TOPSECRET@h/db"],
        ["show", "latest", "postgresql://mars:TOPSECRET@h/db"],
        ["show", "latest", "1", "password=TOPSECRET"],
    ],
)
def test_a_slip_of_the_finger_shows_no_password(
    runs: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(main([*arguments, "--runs-dir", str(runs)]))
    assert ended.value.code == 2
    assert "TOPSECRET" not in "".join(capsys.readouterr())


def test_unknown_run(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "RUN nonsense: no such run" in failed(capsys, "nonsense", "--runs-dir", str(runs))


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        (
            "ledger.bin",
            "no ledger at all",
            "ledger.bin of run 20261123-073000-4f2a is damaged: it is no ledger",
        ),
        ("ledger.bin", None, "has no ledger.bin"),
        ("marks.jsonl", None, "has no marks.jsonl"),
        ("offsets.jsonl", None, "has no offsets.jsonl"),
        ("probes.jsonl", None, "has no probes.jsonl"),
        ("marks.jsonl", "[1]\n", "damaged"),
        ("run.json", "{", "damaged"),
        ("run.json", '{"format": 0}', "run.json of run 20261123-073000-4f2a has format 0, this version of the harness"),
        ("run.json", '{"topic": {}}', "damaged: it states no format"),
        ("run.json", f'{{"format": {FORMAT}, "topic": {{}}}}', "damaged"),
        ("witnesses/witness.json", "{", "damaged"),
    ],
)
def test_damaged_records(
    runs: Path, capsys: pytest.CaptureFixture[str], file: str, text: str | None, says: str
) -> None:
    path = runs / RUN / file
    path.unlink() if text is None else path.write_text(text)
    printed = failed(capsys, "latest", "--runs-dir", str(runs))
    assert says in printed
    assert printed.count("\n") == 1


def failing_guards(runs: Path) -> set[str]:
    main(["latest", "--runs-dir", str(runs), "--quiet"])
    guards = json.loads((runs / RUN / "report.json").read_text(encoding="utf-8"))["guards"]
    return {guard["name"] for guard in guards if guard["passed"] is False}


@pytest.mark.process
def test_a_bug_of_ours_does_not_end_with_the_code_of_a_verdict(runs: Path) -> None:
    code = (
        "import sys, reconcile.__main__ as entry, reconcile.command as command; "
        "command.judge = lambda history: 1 // 0; "
        f"sys.argv = ['reconcile', 'latest', '--runs-dir', {str(runs)!r}]; sys.exit(entry._run())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "ZeroDivisionError" in done.stderr
    assert not (runs / RUN / "report.json").exists()


def test_without_a_probe_result_the_guards_speak(runs: Path) -> None:
    before = failing_guards(runs)
    (runs / RUN / "probes.jsonl").write_text("")
    assert failing_guards(runs) - before == {"fault proven", "fault held", "recovery proven"}


def test_options_that_are_needed_but_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(RunBuilder().calm(0), tmp_path / "runs", save=False)
    where = ["latest", "--runs-dir", str(tmp_path / "runs")]
    assert "--database-url is missing" in failed(capsys, *where)
    assert "--kafka-bootstrap is missing" in failed(capsys, *where, "--database-url", "postgresql://127.0.0.1:1/x")
    config = tmp_path / "client.properties"
    printed = failed(capsys, *where, "--kafka-config", str(config))
    assert "--kafka-config" in printed and "no such file" in printed
    config.write_text("security.protocol=PLAINTEXT\nsasl.password hunter2\n")
    printed = failed(capsys, *where, "--kafka-config", str(config))
    assert "line 2: write it as name=value" in printed
    assert "hunter2" not in printed


def test_a_password_on_the_command_line_is_warned_of_and_never_shown(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["latest", "--runs-dir", str(runs)]
    assert main([*where, "--database-url", "postgresql://mars:hunter2@127.0.0.1:5432/orders_db"]) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith("warning: a password in --database-url")
    assert "hunter2" not in printed.out + printed.err
    assert all(b"hunter2" not in text for text in reports(runs).values())
    assert main([*where, "--database-url", "postgresql://mars@127.0.0.1:5432/orders_db"]) == 0
    assert capsys.readouterr().err == ""


def test_stores_that_cannot_be_reached_are_inconclusive_and_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Complete rows are kept; events are asked for again, and the phantom candidates with them."""
    monkeypatch.setattr("stores.topic.TRIES", 1)
    monkeypatch.setattr("stores.topic.ANSWER_S", 0.5)
    builder = RunBuilder().calm(0).order(6, 12, event=False)
    builder.events_changes = {"complete": False, "problem": "cut off"}
    folder = write(builder, tmp_path / "runs")
    where = ["latest", "--runs-dir", str(tmp_path / "runs")]
    stores = ["--database-url", "postgresql://127.0.0.1:1/none", "--kafka-bootstrap", "127.0.0.1:1"]
    assert main([*where, *stores]) == 3
    printed = capsys.readouterr()
    assert printed.out.startswith("INCONCLUSIVE")
    report = json.loads(folder.report.read_text())
    assert report["counts"]["rows"] == 7
    assert (report["counts"]["lost_events"], report["counts"]["suspected_lost"]) == (0, 7)
    failing = {guard["name"] for guard in report["guards"] if guard["passed"] is False}
    assert "end of topic reached" in failing
    assert (folder.path / "suspected-lost.csv").read_text().startswith(",".join(COLUMNS))


@pytest.mark.parametrize("kept", ["nothing", "rows"])
def test_an_incomplete_witness_is_read_again_and_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    """Rows first, then events, then the table once more for events without a row; complete rows are not read again."""
    builder = RunBuilder().calm(0).order(6, 12, row=False)
    whole = builder.history()
    asked: list[str] = []

    def read_rows(url: str, *_: object, **__: object) -> RowsWitness:
        asked.append(f"rows from {url}")
        return whole.rows

    def read_events(client: dict[str, str], *_: object, **__: object) -> EventsWitness:
        asked.append(f"events from {client['bootstrap.servers']}")
        return whole.events

    def look_elsewhere(url: str, rows: RowsWitness, ids: NDArray[np.void], *_: object) -> RowsWitness:
        asked.append("elsewhere")
        return replace(rows, elsewhere=ids[ids["lo"] == ids["lo"].max()])

    monkeypatch.setattr("reconcile.witnesses.rows.read_rows", read_rows)
    monkeypatch.setattr("reconcile.witnesses.rows.look_elsewhere", look_elsewhere)
    monkeypatch.setattr("reconcile.witnesses.events.read_events", read_events)
    monkeypatch.setenv("LOCUST_DATABASE_URL", "postgresql://somewhere")
    monkeypatch.setenv("LOCUST_KAFKA_BOOTSTRAP", "broker:9")
    folder = write(builder, tmp_path / "runs", save=False)
    save_witnesses(folder, KEY, replace(whole.rows, complete=kept == "rows"), replace(whole.events, complete=False))
    # Inconclusive: a row outside the run's range carries another customer id than the one that was sent.
    assert main([str(folder.path), "--quiet"]) == 3
    first = [] if kept == "rows" else ["rows from postgresql://somewhere"]
    assert asked == [*first, "events from broker:9", "elsewhere"]
    counts = json.loads(folder.report.read_text(encoding="utf-8"))["counts"]
    assert (counts["phantom_events"], counts["delivered"]) == (0, 7)
    assert main([str(folder.path), "--quiet"]) == 3
    assert asked[-1] == "elsewhere" and len(asked) == len(first) + 2


def test_help_lists_exit_codes_and_variables(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for word in ("exit codes:", "143", "LOCUST_DATABASE_URL", "LOCUST_KAFKA_BOOTSTRAP", "LOCUST_RUNS_DIR", "--json"):
        assert word in text
