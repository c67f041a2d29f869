"""A run's folder: `runs/<run id>/`, private to the user, with a `latest` link beside it. Where things are in it."""

import contextlib
import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from files.paths import reason
from redaction.patterns import without_secrets

WITNESS_INDEX: Final = "witness.json"
# As `create_run_folder` names them.
RUN_ID: Final = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


class FolderError(Exception):
    """The runs folder cannot be used; the message is one sentence with the remedy."""


class _Inside:
    """The path of something in a run's folder."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, folder: "RunFolder", _: type) -> Path:
        return folder.path / self._name


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The paths of one run's files.

    Attributes:
        path: the folder itself; its name is the run id.
        facts: options, versions, command, clock anchor, run key, start of the topic.
        ledger, marks, offsets, probes: see `runlog.ledger`, `runlog.marks`, `runlog.offsets`, `runlog.probe_results`.
        witnesses: folder of the rows and events that were read from PostgreSQL and Kafka.
        witness_index: what of them is complete, and the names of their arrays.
        confirmation: the result of the verification of the violations.
        logs: folder of the logs of service, broker and database.
    """

    path: Path

    facts = _Inside("run.json")
    ledger = _Inside("ledger.bin")
    marks = _Inside("marks.jsonl")
    offsets = _Inside("offsets.jsonl")
    probes = _Inside("probes.jsonl")
    witnesses = _Inside("witnesses")
    witness_index = _Inside(f"witnesses/{WITNESS_INDEX}")
    confirmation = _Inside("witnesses/confirmation.json")
    logs = _Inside("logs")
    report = _Inside("report.json")

    @property
    def run_id(self) -> str:
        """The run's id, for example `20261123-073000-4f2a`."""
        return self.path.name


def create_run_folder(runs_dir: Path) -> RunFolder:
    """Create the folder of a new run and point `latest` at it.

    Raises:
        FolderError: the runs folder cannot be made or written.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    path = runs_dir / f"{stamp}-{secrets.token_hex(2)}"
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700)
        folder = RunFolder(path)
        folder.witnesses.mkdir(mode=0o700)
        folder.logs.mkdir(mode=0o700)
        folder.offsets.touch(mode=0o600)
        folder.probes.touch(mode=0o600)
        _point_latest(runs_dir, path.name)
    except OSError as error:
        raise FolderError(f"--runs-dir {runs_dir}: {reason(error)}; name a folder that can be written") from None
    return folder


def check_runs_dir(runs_dir: Path, need_bytes: int) -> None:
    """Check that a run could be written below `runs_dir`, leaving nothing behind.

    Args:
        runs_dir: the folder; made if missing.
        need_bytes: free space that the run may need at least.

    Raises:
        FolderError: it cannot be made, cannot be written, or has not enough space.
    """
    probe = runs_dir / f".probe-{os.getpid()}"
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"\0" * 4096)
        probe.unlink()
        space = os.statvfs(runs_dir)
    except OSError as error:
        with contextlib.suppress(OSError):
            probe.unlink()
        raise FolderError(f"--runs-dir {runs_dir}: {reason(error)}; name a folder that can be written") from None
    free = space.f_bavail * space.f_frsize
    if free < need_bytes:
        raise FolderError(
            f"--runs-dir {runs_dir}: only {free // 2**20} MiB are free, this run may need {need_bytes // 2**20} MiB; "
            "make room or name another folder"
        )


def find_run(text: str, runs_dir: Path) -> RunFolder:
    """Return the run that `text` names: a path, a run id below `runs_dir`, or `latest`.

    Raises:
        FolderError: there is no such run.
    """
    for candidate in (Path(text), runs_dir / text):
        if (candidate / "run.json").is_file():
            return RunFolder(candidate.resolve())
    raise FolderError(
        f"RUN {without_secrets(text)}: no such run here or below {runs_dir}; name a run's folder, its id, or `latest`"
    )


def runs_in(runs_dir: Path) -> list[RunFolder]:
    """Return the folders of runs directly below `runs_dir`, the newest first; links are left out.

    Raises:
        OSError: `runs_dir` cannot be read.
    """
    found = [
        RunFolder(path)
        for path in runs_dir.iterdir()
        if RUN_ID.fullmatch(path.name)
        and path.is_dir()
        and not path.is_symlink()
        and (path / "run.json").is_file()
        and not (path / "run.json").is_symlink()
    ]
    return sorted(found, key=lambda folder: folder.run_id, reverse=True)


def _point_latest(runs_dir: Path, name: str) -> None:
    link = runs_dir / f".latest-{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(name, target_is_directory=True)
    link.replace(runs_dir / "latest")
