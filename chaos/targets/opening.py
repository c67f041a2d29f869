"""Opens the target that a `TargetSpec` names, in whatever process: harness, watchdog, `python -m chaos restore`.

Each kind is imported only when it is asked for: who breaks no container needs no Docker package.
"""

from chaos.targets import Target, TargetError, TargetSpec


def open_target(spec: TargetSpec) -> Target:
    """Return the target that `spec` names; nothing is touched.

    Raises:
        TargetError: there is no such kind, or a parameter of it is missing or wrong.
    """
    if spec.kind == "process":
        from chaos.targets.process import open_process_target

        return open_process_target(spec)
    if spec.kind == "container":
        from chaos.targets.container import open_container_target

        return open_container_target(spec)
    raise TargetError(f"a target of the kind {spec.kind!r} is not known to this version")
