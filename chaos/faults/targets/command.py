"""A target that a pair of the user's commands breaks and heals: systemctl, kubectl, a script.

What is broken, only the user knows; the fault only says what the probes must see. Nothing here needs gevent, and all
that a repetition needs is in the `TargetSpec`, so another process can heal as well.
"""

import logging
import shlex
import shutil
import uuid
from pathlib import Path
from typing import Final

from chaos.faults.fault import Fault, Undo
from chaos.faults.registry import FAULTS
from chaos.faults.targets import ActTimedOut, TargetError, TargetSpec
from chaos.faults.targets.running_command import ACT, Command, CommandJournal, RunningCommand, run
from stack.process import wait_until

log = logging.getLogger("chaos")
KIND: Final = "command"
CHECK_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.1


class CommandTarget:
    """Something that a pair of commands breaks and heals.

    Args:
        spec: kind `command`; its parameters are the commands by `break`, `heal` and perhaps `check`, `shell` (yes: run
            by `sh -c`), `folder`, and `probed` (where the component is probed).
        journal: takes the commands as they begin; None: nothing is recorded.
    """

    def __init__(self, spec: TargetSpec, journal: CommandJournal | None = None) -> None:
        given = spec.parameters
        self.spec = spec
        self._commands = {name: given[name] for name in ("break", "heal", "check") if given.get(name)}
        self._shell = given.get("shell") == "yes"
        self._folder = Path(given.get("folder") or Path.cwd())
        self._journal = journal
        self._broken = False

    @property
    def component(self) -> str:
        return self.spec.component

    @property
    def identity(self) -> str:
        """The component where it is probed: commands that were corrected, or are run elsewhere, hit the same thing."""
        where = self.spec.parameters.get("probed")
        return f"{self.component} at {where}" if where else f"{self.component} of {self.describe()}"

    @property
    def faults(self) -> tuple[str, ...]:
        """Any: what the command really does is up to the user."""
        return tuple(FAULTS)

    def describe(self) -> str:
        return f"{self.component} (broken by `{self._commands['break']}`, healed by `{self._commands['heal']}`)"

    def is_up(self) -> bool:
        """Return what the check command says; without one, whether this object has not broken it itself.

        More than that only the probes can say.
        """
        if "check" not in self._commands:
            return not self._broken
        return self._run("check", CHECK_TIMEOUT_S, {"HARNESS_FAULT": ""})[0] == 0

    def prepare(self, fault: Fault) -> Undo:
        del fault
        return {"act": uuid.uuid4().hex}

    def apply(self, fault: Fault, undo: Undo, timeout_s: float) -> None:
        self._broken = True
        self._must("break", fault, timeout_s, str(undo.get("act", "")))

    def heal(self, fault: Fault, undo: Undo, timeout_s: float) -> None:
        """Run the heal command; see `Target.heal`.

        A break command that still runs is ended first, else it would break what is healed. A heal command that a
        process which has died left running is awaited instead of doubled; whether it healed, the probes say.
        """
        left = self._journal.running() if self._journal is not None else None
        if left is not None and left.still_runs():
            if left.step == "heal":
                self._await_heal(left, timeout_s)
                return
            left.end()
        self._must("heal", fault, timeout_s, str(undo.get("act", "")))
        self._broken = False

    def _await_heal(self, left: RunningCommand, timeout_s: float) -> None:
        log.warning("the heal command that was left running (process %d) is awaited", left.pid)
        if not wait_until(lambda: not left.still_runs(), timeout_s - left.age_s(), _POLL_S):
            left.end()
            raise ActTimedOut(
                f"the heal command that was left running (process {left.pid}) did not end within {timeout_s:g} s "
                "(--command-timeout) and was ended by force, so how far it got is unknown"
            )
        self._broken = False

    def _must(self, step: str, fault: Fault, timeout_s: float, act: str) -> None:
        strengths = {name: f"{value:g}" for name, value in fault.effect.strengths.items()}
        given = {
            "HARNESS_FAULT": fault.name,
            **{f"HARNESS_FAULT_{name.upper()}": text for name, text in strengths.items()},
        }
        code, printed = self._run(step, timeout_s, {**given, ACT: act} if act else given)
        if code:
            ended = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
            raise TargetError(f"--{step}-command `{self._commands[step]}` {ended}{printed}")

    def _run(self, step: str, timeout_s: float, given: dict[str, str]) -> tuple[int, str]:
        line = self._commands[step]
        env = {"HARNESS_COMPONENT": self.component, **given}
        command = Command(
            step=step,
            line=line,
            words=("sh", "-c", line) if self._shell else tuple(shlex.split(line)),
            folder=self._folder,
            env=env,
            # Healing comes before writing: a full disk must leave nothing broken.
            must_be_recorded=step == "break",
        )
        journal = self._journal if step != "check" else None
        return run(command, timeout_s, None if journal is None else journal.note_running)


def open_command_target(
    spec: TargetSpec, journal: CommandJournal | None = None, *, left: bool = False
) -> CommandTarget:
    """Return the target that `spec` says; see `CommandTarget`.

    Args:
        left: it was left broken, so it is only healed: programs are not looked for, as that which broke it may be gone.

    Raises:
        TargetError: a command is missing, or there is no such program.
    """
    given = spec.parameters
    if spec.kind != KIND:
        raise TargetError(f"target {spec.kind} {spec.component}: it is no pair of commands")
    folder = Path(given.get("folder") or Path.cwd())
    for name in ("break", "heal"):
        if not given.get(name):
            raise TargetError(f"--{name}-command is missing: a target needs a pair of commands")
    for name in ("heal",) if left else ("break", "heal", "check"):
        if line := given.get(name):
            option = "--command-check" if name == "check" else f"--{name}-command"
            _check_line(option, line, None if left or given.get("shell") == "yes" else folder)
    return CommandTarget(spec, journal)


def _check_line(option: str, line: str, folder: Path | None) -> None:
    """Refuse a line that cannot be run; `folder` is None where its program is not looked for: a shell runs it, say."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise TargetError(f"{option} `{line}`: {str(error).lower()}") from None
    if not words:
        raise TargetError(f"{option} is blank: a target needs a pair of commands")
    if folder is not None and not _program(words[0], folder):
        raise TargetError(
            f"{option} `{line}`: there is no program {words[0]}; give its path, or --command-shell yes "
            "if a shell is meant to run it"
        )


def _program(name: str, folder: Path) -> str | None:
    # As the operating system looks it up: a name with a slash from the folder that the command runs in.
    return shutil.which(str(folder / name) if "/" in name else name)
