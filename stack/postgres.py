"""The database: real PostgreSQL 18 from a wheel, on 127.0.0.1 only, as a process that outlives whoever started it.

It is a throw-away database. `fsync` is off: that loses nothing when processes are killed (each commit is still
written to the kernel's page cache), only when the machine itself crashes.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from health.check import Health, check_sql
from stack import orphans, process, spawn
from stack.component import ManagedProcess
from stack.errors import StackError
from stack.ports import HOST
from stack.postgres_place import Place, find_place
from stack.state_file import DATABASE_ACCOUNT, DATABASE_NAME
from stack.state_store import StateStore

_INITDB_TIMEOUT_S = 60.0
# synchronous_commit stays on: switched off, a commit would wait in the server's own memory for up to 0.6 s and a
# SIGKILL would lose it.
_CONFIGURATION = f"""
listen_addresses = '{HOST}'
unix_socket_directories = ''  # a socket's path may be too long for the kernel, and nobody needs one
max_connections = 200
fsync = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
jit = off
dynamic_shared_memory_type = mmap  # /dev/shm may be tiny in a container, and keeps files after a SIGKILL
log_checkpoints = off
log_timezone = 'UTC'
timezone = 'UTC'
"""


class Database(ManagedProcess):
    """PostgreSQL. `stop` is its fast shutdown (SIGINT): sessions are ended, not waited for."""

    name: ClassVar[str] = "database"
    title: ClassVar[str] = "PostgreSQL"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT

    def __init__(self, store: StateStore) -> None:
        super().__init__(store)

    def _place(self) -> Place:
        return find_place(self._store.home, self._store.data_path(self.name))

    def prepare(self) -> Iterator[None]:
        """Make the data folder and the orders database once; the folder gets its name when it is complete."""
        place = self._place()
        if (place.data / "PG_VERSION").exists():
            return
        place.install()
        fresh = place.data.with_name("database.new")
        shutil.rmtree(fresh, ignore_errors=True)
        place.make_folder(fresh)
        word = fresh.with_name("database.word")
        place.write_private(word, f"{DATABASE_ACCOUNT}\n")
        try:
            arguments = (
                *("-D", str(fresh), "-U", DATABASE_ACCOUNT, f"--pwfile={word}", "--auth=scram-sha-256"),
                *("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
                *("--no-data-checksums", "--no-sync", "--no-instructions"),
            )
            launch = self._command(place, "initdb", arguments)
            yield from spawn.run_to_end(launch, "making PostgreSQL's data folder", _INITDB_TIMEOUT_S)
        finally:
            word.unlink(missing_ok=True)
        with (fresh / "postgresql.conf").open("a", encoding="utf-8") as stream:
            stream.write(_CONFIGURATION)
        single = self._command(place, "postgres", ("--single", "-D", str(fresh), "postgres"))
        statement = f"CREATE DATABASE {DATABASE_NAME}\n".encode()
        yield from spawn.run_to_end(single, "creating the orders database", _INITDB_TIMEOUT_S, statement)
        fresh.rename(place.data)

    def before_start(self) -> None:
        """End what a dead server has left, and remove its pid file, lest its pid be taken for a running server.

        Sessions whose server died while all were paused stay paused: with them there no new server comes up, and
        one that wrote on would write beside it.
        """
        data = self._place().data
        orphans.end(
            stray for stray in orphans.find(self._store.home, [data], lambda: []) if stray.component == self.name
        )
        with suppress(FileNotFoundError):
            (data / "postmaster.pid").unlink()

    def launch(self, port: int, extra: dict[str, object]) -> process.Launch:
        """The server's command on `port`."""
        place = self._place()
        if not (place.data / "PG_VERSION").exists():
            raise StackError(f"PostgreSQL's data folder {place.data} is gone: run 'python -m stack up'")
        return self._command(place, "postgres", ("-D", str(place.data), "-p", str(port)))

    def probe(self, timeout_s: float) -> Health:
        """A query in the orders database."""
        state = self._store.load()
        if state is None or self.name not in state.components:
            return Health(False, "PostgreSQL was never started")
        return check_sql(state.database_url, timeout_s)

    @property
    def data_folder(self) -> Path:
        """Where the data lies: in the stack's home, or outside it when the server's user cannot enter the home."""
        return self._place().data

    def remove_data(self) -> None:
        """Delete the data folder, also where it lies outside the stack's home."""
        place = self._place()
        shutil.rmtree(place.data, ignore_errors=True)
        place.remove()

    def _command(self, place: Place, program: str, arguments: tuple[str, ...]) -> process.Launch:
        return process.Launch(
            argv=(str(place.programs / program), *arguments),
            cwd=Path("/"),  # the unprivileged user may not enter ours
            log_path=self.log_path,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **orphans.mark(self._store.home, self.name)},
            user=place.user,
            group=place.group,
        )
