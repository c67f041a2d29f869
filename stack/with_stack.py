"""Runs a command while the embedded stack's database and broker are up, and stops them again if nothing ran before."""

import os
import subprocess
import sys
from collections.abc import Sequence

from stack.embedded import EmbeddedStack
from stack.lease import LEASE, Lease
from stack.settings import StackSettings


def run_with(stack: EmbeddedStack, command: Sequence[str]) -> int:
    """Run `command` with the addresses of the stack in its environment, and return its exit code.

    Raises:
        StackError: the stack cannot be started or stopped.
    """
    # A record outlives the machine's restart: what counts is what runs.
    was_up = any(component.is_alive() for component in stack.components)
    state = stack.up(StackSettings(), owner="python -m stack with", with_service=False)
    addresses = {"LOCUST_DATABASE_URL": state.database_url, "LOCUST_KAFKA_BOOTSTRAP": state.kafka_bootstrap}
    try:
        return subprocess.run(command, env={**os.environ, **addresses}, check=False).returncode
    except OSError as error:
        sys.stderr.write(f"with: {command[0]}: {error.strerror}\n")
        return 127
    finally:
        if not was_up and (holder := Lease(stack.home / LEASE).holder()):
            sys.stderr.write(f"with: the stack stays up: a harness (process {holder}) uses it now\n")
        elif not was_up:
            stack.down()
