"""PostgreSQL never runs as root, and a closed checkout does not stop it."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from health.check import check_sql
from stack import postgres_layout
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.postgres_layout import PostgresLayout, find_layout, reachable

AS_ROOT = os.geteuid() == 0


def test_reachable_looks_at_every_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    inner = closed / "inner"
    inner.mkdir(parents=True)
    me, group = os.geteuid(), os.getegid()
    assert reachable(inner, me, group)
    closed.chmod(0o700)
    assert not reachable(inner, 65_534, 65_534)
    assert not reachable(closed / "not" / "there", 65_534, 65_534)
    closed.chmod(0o600)
    assert not reachable(inner, me, group)
    closed.chmod(0o700)


def test_ordinary_users_keep_everything_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    place = find_layout(tmp_path, tmp_path / "data" / "database")
    assert (place.data, place.user, place.outside) == (tmp_path / "data" / "database", None, None)


@pytest.mark.real
def test_database_runs_from_a_closed_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root, neither data nor programs can stay in the closed folder; as another user, both do."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    package = postgres_layout.wheel_programs().parents[1]
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.is_dir():
            shutil.copytree(folder, closed / folder.name, symlinks=True)
    monkeypatch.setattr(postgres_layout, "wheel_programs", lambda: closed / package.name / "pginstall" / "bin")
    stack = EmbeddedStack(closed / "stack")
    try:
        state = stack.up(owner="test", with_service=False)
        argv = state.components["database"].argv
        assert check_sql(state.database_url, 5).ok
        place = find_layout(stack.home, closed / "stack" / "data" / "database")
        assert argv[0] == str(place.programs / "postgres")
        assert (place.outside is not None) == AS_ROOT
        if place.outside is not None:
            assert place.data.stat().st_uid == place.user != 0
            assert stat.S_IMODE(place.data.stat().st_mode) == 0o700
    finally:
        stack.clean()
    assert place.outside is None or not place.outside.exists()
    assert not (closed / "stack").exists()


def test_foreign_folder_is_not_used(tmp_path: Path) -> None:
    """Anybody can put a link where our folder below the temporary one would be."""
    link = tmp_path / "locust-chaos-harness-0"
    link.symlink_to(tmp_path)
    place = PostgresLayout(programs=postgres_layout.wheel_programs(), data=link / "database", outside=link)
    with pytest.raises(StackError, match="not a folder of ours"):
        place.install()
    place.remove()
    assert tmp_path.is_dir()
