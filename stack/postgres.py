"""The database: real PostgreSQL 18 from a wheel, on 127.0.0.1 only, as a process that outlives its starter.

It is a throw-away database. `fsync` is off: that loses data only when the machine crashes, not when processes are
killed (each commit is still written to the kernel's page cache).
"""

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
from stack.postgres_layout import PostgresLayout, find_layout
from stack.state_file import DATABASE_ACCOUNT, DATABASE_NAME
from stack.state_store import StateStore

_INITDB_TIMEOUT_S = 60.0
# synchronous_commit stays on: without it, a commit stays in the server's memory for up to 0.6 s, and a SIGKILL loses
# it.
_CONFIGURATION = f"""
listen_addresses = '{HOST}'
unix_socket_directories = ''  # not needed, and its path may be too long for the kernel
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
    """PostgreSQL. `stop` is its fast shutdown (SIGINT), which ends sessions and does not wait for them."""

    name: ClassVar[str] = "database"
    title: ClassVar[str] = "PostgreSQL"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT

    def __init__(self, store: StateStore) -> None:
        super().__init__(store)

    def _layout(self) -> PostgresLayout:
        return find_layout(self._store.home, self._store.data_path(self.name))

    def prepare(self) -> Iterator[None]:
        """Create the data folder and the orders database once; the folder gets its name when it is complete."""
        layout = self._layout()
        if (layout.data / "PG_VERSION").exists():
            return
        layout.install()
        fresh = layout.data.with_name("database.new")
        shutil.rmtree(fresh, ignore_errors=True)
        layout.make_folder(fresh)
        password = fresh.with_name("database.password")
        layout.write_private(password, f"{DATABASE_ACCOUNT}\n")
        try:
            arguments = (
                *("-D", str(fresh), "-U", DATABASE_ACCOUNT, f"--pwfile={password}", "--auth=scram-sha-256"),
                *("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
                *("--no-data-checksums", "--no-sync", "--no-instructions"),
            )
            launch = self._command(layout, "initdb", arguments)
            yield from spawn.run_to_end(launch, "creating PostgreSQL's data folder", _INITDB_TIMEOUT_S)
        finally:
            password.unlink(missing_ok=True)
        with (fresh / "postgresql.conf").open("a", encoding="utf-8") as stream:
            stream.write(_CONFIGURATION)
        single = self._command(layout, "postgres", ("--single", "-D", str(fresh), "postgres"))
        statement = f"CREATE DATABASE {DATABASE_NAME}\n".encode()
        yield from spawn.run_to_end(single, "creating the orders database", _INITDB_TIMEOUT_S, statement)
        fresh.rename(layout.data)

    def before_start(self) -> None:
        """End the sessions of a dead server, and remove its pid file: another process may have its pid by now.

        Sessions whose server died while all were paused stay paused: a new server does not start beside them, and
        one that is woken would write beside it.
        """
        data = self._layout().data
        orphans.end(
            orphan for orphan in orphans.find(self._store.home, [data], lambda: []) if orphan.component == self.name
        )
        with suppress(FileNotFoundError):
            (data / "postmaster.pid").unlink()

    def launch(self, port: int, extra: dict[str, object]) -> process.Launch:
        layout = self._layout()
        if not (layout.data / "PG_VERSION").exists():
            raise StackError(f"PostgreSQL's data folder {layout.data} is gone: run 'python -m stack up'")
        return self._command(layout, "postgres", ("-D", str(layout.data), "-p", str(port)))

    def probe(self, timeout_s: float) -> Health:
        state = self._store.load()
        if state is None or self.name not in state.components:
            return Health(False, "PostgreSQL was never started")
        return check_sql(state.database_url, timeout_s)

    @property
    def data_folder(self) -> Path:
        """In the stack's home, or outside it when the server's user cannot enter the home."""
        return self._layout().data

    def remove_data(self) -> None:
        """Delete the data folder, also outside the stack's home."""
        layout = self._layout()
        shutil.rmtree(layout.data, ignore_errors=True)
        layout.remove()

    def _command(self, layout: PostgresLayout, program: str, arguments: tuple[str, ...]) -> process.Launch:
        return process.Launch(
            argv=(str(layout.programs / program), *arguments),
            cwd=Path("/"),  # which the unprivileged user may enter
            log_path=self.log_path,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **orphans.tag(self._store.home, self.name)},
            user=layout.user,
            group=layout.group,
        )
