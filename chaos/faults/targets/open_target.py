"""Opens the target that a `TargetSpec` names, in whatever process: harness, watchdog, `python -m chaos restore`.

Each kind is imported only when it is needed: without a container target no Docker package is needed.
"""

from typing import TYPE_CHECKING

from chaos.faults.targets import Target, TargetError, TargetSpec
from chaos.faults.targets.no_target import NoTarget

if TYPE_CHECKING:
    from chaos.faults.targets.running_command import CommandJournal


def open_target(spec: TargetSpec, journal: "CommandJournal | None" = None, left: bool = False) -> Target:
    """Return the target that `spec` names; nothing is touched.

    Args:
        journal: takes the commands that it runs, and knows those that an earlier process has started; None where the
            target is only looked at.
        left: it was left broken, so it is only healed: what only breaking needs may be gone by now.

    Raises:
        TargetError: there is no such kind, or a parameter of it is missing or wrong.
    """
    if spec.kind == "process":
        from chaos.faults.targets.process import open_process_target

        return open_process_target(spec)
    if spec.kind == "container":
        try:
            from chaos.faults.targets.container import open_container_target

            return open_container_target(spec)
        except ImportError as missing:
            raise TargetError(f"a container needs the package {missing.name}, which is not installed here") from None
    if spec.kind == "command":
        from chaos.faults.targets.command import open_command_target

        return open_command_target(spec, journal, left=left)
    if spec.kind == NoTarget.spec.kind:
        return NoTarget()
    raise TargetError(f"a target of the kind {spec.kind!r} is not known to this version")
