"""Containers of a test as targets, and healing from another process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from chaos.faults.fault import Fault
from chaos.faults.registry import CONTAINER_FAULTS
from chaos.faults.targets import TargetSpec
from chaos.faults.targets.container import ContainerTarget, open_container_target
from stack import engine
from tests.e2e.harness import CHECKOUT

ABLE = list(CONTAINER_FAULTS)


def named(one: Any) -> ContainerTarget:
    return open_container_target(TargetSpec("container", "broker", {"name": one.name}))


def labels(project: str, service: str = "redpanda") -> dict[str, str]:
    return {engine.PROJECT_LABEL: project, engine.SERVICE_LABEL: service}


def by_labels(project: str) -> ContainerTarget:
    return open_container_target(TargetSpec("container", "broker", {"project": project, "service": "redpanda"}))


def status(one: Any) -> str:
    one.reload()
    return str(one.status)


def heal_elsewhere(spec: TargetSpec, fault: Fault, undo: dict[str, Any]) -> None:
    """Undo in a process that has nothing but what the journal keeps, and no gevent."""
    code = (
        "import json, sys\nfrom chaos.faults.registry import FAULTS\nfrom chaos.faults.targets import TargetSpec\n"
        "from chaos.faults.targets.container import open_container_target\n"
        "spec, fault, undo = json.loads(sys.stdin.read())\n"
        "open_container_target(TargetSpec(*spec)).heal(FAULTS[fault], undo, 30)\nassert 'gevent' not in sys.modules\n"
    )
    given = json.dumps([[spec.kind, spec.component, spec.parameters], fault.name, undo])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        input=given.encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
