"""A target that is broken and mended by a pair of commands of the user's: systemctl, kubectl, a script.

What is broken, only the user knows; the fault's word says no more than what the probes must see. Nothing of this needs
gevent, and everything that a repetition needs stands in the `TargetSpec`, so another process can mend as well.
"""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import IO, Final

import psutil

from chaos.targets import FAULTS, TargetError, TargetSpec, Undo
from redaction.patterns import without_secrets
from runlog.options import OPTIONS

KIND: Final = "command"
CHECK_TIMEOUT_S: Final = 10.0
# In the environment of a break command: known by it, whoever started it.
ACT: Final = "HARNESS_ACT"
# What is kept of a command's output for messages: its first and last lines.
_LINES: Final = 3
_LONGEST_LINE: Final = 200
_MOST_READ: Final = 64 * 1024


class CommandTarget:
    """Something that a pair of commands breaks and mends.

    Args:
        component: `broker`, `database` or `service`.
        commands: the command lines by `break`, `heal` and, if there is one, `check`.
        shell: run by `sh -c`; else split into words and run as they are.
        folder: where they are run.
    """

    def __init__(self, component: str, commands: dict[str, str], *, shell: bool, folder: Path) -> None:
        self._component = component
        self._commands = commands
        self._shell = shell
        self._folder = folder
        self._broken = False

    @property
    def component(self) -> str:
        """The component."""
        return self._component

    @property
    def spec(self) -> TargetSpec:
        """What `open_command_target` opens the same target from, in any process."""
        given = {**self._commands, "shell": "yes" if self._shell else "no", "folder": str(self._folder)}
        return TargetSpec(KIND, self._component, given)

    @property
    def identity(self) -> str:
        """The pair of commands: whoever has the same breaks the same."""
        return f"command {self._commands['break']} | {self._commands['heal']} in {self._folder}"

    @property
    def faults(self) -> tuple[str, ...]:
        """Any: what the command really does is the user's business."""
        return FAULTS

    def describe(self) -> str:
        """Return the component and the commands."""
        return f"{self._component} (broken by `{self._commands['break']}`, mended by `{self._commands['heal']}`)"

    def is_up(self) -> bool:
        """Return what the check command says; without one, whether we have not just broken it ourselves.

        More than that only the probes can tell.
        """
        if not self._commands.get("check"):
            return not self._broken
        return self._run("check", "", CHECK_TIMEOUT_S)[0] == 0

    def prepare(self, fault: str) -> Undo:
        """Return the word by which a break command that outlives its watchdog is known; see `Target.prepare`."""
        del fault
        return {"act": uuid.uuid4().hex}

    def apply(self, fault: str, undo: Undo, timeout_s: float) -> None:
        """Run the break command; see `Target.apply`."""
        self._broken = True
        self._must("break", fault, timeout_s, str(undo.get("act", "")))

    def heal(self, fault: str, undo: Undo, timeout_s: float) -> None:
        """End a break command that still runs, else it would break what is mended; run the heal command.

        See `Target.heal`.
        """
        _end_unfinished(str(undo.get("act", "")))
        self._must("heal", fault, timeout_s)
        self._broken = False

    def _must(self, name: str, fault: str, timeout_s: float, act: str = "") -> None:
        code, said = self._run(name, fault, timeout_s, act)
        if code:
            ended = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
            raise TargetError(f"--{name}-command `{self._commands[name]}` {ended}{said}")

    def _run(self, name: str, fault: str, timeout_s: float, act: str = "") -> tuple[int, str]:
        """Run one command and return its exit code and the first and last lines that it printed.

        Raises:
            TargetError: it cannot be run, or does not end in time; then its process group is ended by force.
        """
        line = self._commands[name]
        option = "--command-check" if name == "check" else f"--{name}-command"
        # A file, not a pipe: what the command leaves running in the background must not keep us waiting.
        with tempfile.TemporaryFile() as output:
            try:
                process = subprocess.Popen(
                    ["sh", "-c", line] if self._shell else shlex.split(line),
                    cwd=self._folder,
                    env=_environment(self._component, fault, act),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise TargetError(
                    f"{option} `{line}` cannot be run: {(error.strerror or str(error)).lower()}"
                ) from None
            try:
                code = process.wait(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                _end_group(process)
                raise TargetError(
                    f"{option} `{line}` did not end within {timeout_s:g} s and was killed, nobody knows how far it got"
                    + _told(output)
                ) from None
            return code, _told(output)


def open_command_target(spec: TargetSpec) -> CommandTarget:
    """Return the target that `spec` says; its parameters are `break`, `heal`, `check`, `shell` (yes, no) and `folder`.

    Raises:
        TargetError: a command is missing, or there is no such program.
    """
    given = spec.parameters
    if spec.kind != KIND:
        raise TargetError(f"target {spec.kind} {spec.component}: it is no pair of commands")
    commands = {name: given[name] for name in ("break", "heal", "check") if given.get(name)}
    shell = given.get("shell") == "yes"
    folder = Path(given.get("folder") or Path.cwd())
    for name in ("break", "heal"):
        if name not in commands:
            raise TargetError(f"--{name}-command is missing: a target needs a pair of commands")
    for name, line in commands.items():
        option = "--command-check" if name == "check" else f"--{name}-command"
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise TargetError(f"{option} `{line}`: {str(error).lower()}") from None
        if not words:
            raise TargetError(f"{option} is blank: a target needs a pair of commands")
        if not shell and not _program(words[0], folder):
            raise TargetError(
                f"{option} `{line}`: there is no program {words[0]}; give its path, or --command-shell yes "
                "if a shell is meant to run it"
            )
    return CommandTarget(spec.component, commands, shell=shell, folder=folder)


def _program(name: str, folder: Path) -> str | None:
    # As the operating system looks it up: a name with a slash from the folder that the command runs in.
    return shutil.which(str(folder / name) if "/" in name else name)


def _environment(component: str, fault: str, act: str) -> dict[str, str]:
    """Return ours without our own secrets, and with what is to be done to what."""
    secret = {option.env for option in OPTIONS if option.secret}
    kept = {name: value for name, value in os.environ.items() if name not in secret}
    return {**kept, "HARNESS_COMPONENT": component, "HARNESS_FAULT": fault, **({ACT: act} if act else {})}


def _end_unfinished(act: str) -> None:
    """End the break command of `act` with its process group, if it still runs: its watchdog was killed meanwhile.

    What it has left running on purpose is in its group too, but no longer led by it, and is let be.
    """
    for each in psutil.process_iter() if act else ():
        with contextlib.suppress(psutil.Error, OSError):  # ended meanwhile, or somebody else's
            if os.getsid(each.pid) == each.pid and each.environ().get(ACT) == act:
                os.killpg(each.pid, signal.SIGKILL)
                psutil.wait_procs([each], timeout=CHECK_TIMEOUT_S)


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended at this very moment
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _told(output: IO[bytes]) -> str:
    """Return the first and last lines of `output` as the end of a sentence, empty when there is nothing."""
    size = output.seek(0, os.SEEK_END)
    output.seek(0)
    head = output.read(_MOST_READ)
    output.seek(max(0, size - _MOST_READ))
    tail = output.read(_MOST_READ)
    first, last = _lines(head), _lines(tail)
    shown = first if len(first) <= 2 * _LINES and size <= _MOST_READ else [*first[:_LINES], "...", *last[-_LINES:]]
    return ": " + " / ".join(shown) if shown else ", and printed nothing"


def _lines(text: bytes) -> list[str]:
    lines = [" ".join(line.split()) for line in text.decode("utf-8", "replace").splitlines()]
    printable = ["".join(c for c in line if c.isprintable())[:_LONGEST_LINE] for line in lines]
    return [without_secrets(line) for line in printable if line]
