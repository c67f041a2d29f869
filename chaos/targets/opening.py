"""Opens the target that a `TargetSpec` names, in whatever process: harness, watchdog, `python -m chaos restore`.

Each kind is imported only when it is asked for: who breaks no container needs no Docker package.
"""

from chaos.targets import Target, TargetError, TargetSpec
from chaos.targets.nothing import NoTarget


def open_target(spec: TargetSpec) -> Target:
    """Return the target that `spec` names; nothing is touched.

    Raises:
        TargetError: there is no such kind, or a parameter of it is missing or wrong.
    """
    if spec.kind == "process":
        from chaos.targets.process import open_process_target

        return open_process_target(spec)
    if spec.kind == "container":
        try:
            from chaos.targets.container import open_container_target

            return open_container_target(spec)
        except ImportError as missing:
            raise TargetError(f"a container needs the package {missing.name}, which is not installed here") from None
    if spec.kind == "command":
        from chaos.targets.command import open_command_target

        return open_command_target(spec)
    if spec.kind == NoTarget.spec.kind:
        return NoTarget()
    raise TargetError(f"a target of the kind {spec.kind!r} is not known to this version")
