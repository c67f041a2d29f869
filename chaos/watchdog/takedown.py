"""Ends what a harness had brought up, in its stead: the data stays, so that the run can be judged later.

A stack that another harness has taken over meanwhile, or that was there before, is left alone.
"""

import logging
import os
import time
from pathlib import Path
from typing import Final

import psutil

from chaos.watchdog.orders import TakeDown
from stack.embedded import EmbeddedStack
from stack.lease import LEASE, Lease, LeaseTaken

log = logging.getLogger("watchdog")

LEASE_WAIT_S: Final = 5.0
OWNER: Final = "locust:{pid}"


def take_down(order: TakeDown) -> None:
    """End what `order` names, if it is still the dead harness's.

    Raises:
        StackError: it does not go down.
    """
    if order.kind == "embedded":
        _embedded(EmbeddedStack(Path(order.parameters["home"])), order.owner)


def _embedded(stack: EmbeddedStack, owner: str) -> None:
    lease = Lease(stack.home / LEASE)
    deadline = time.monotonic() + LEASE_WAIT_S
    while True:
        try:
            lease.take()
            break
        except LeaseTaken:
            if time.monotonic() >= deadline:
                log.info("the stack is in use by another harness: it is left alone")
                return
            time.sleep(0.1)
    try:
        state = stack.status()
        if state is None or state.owner == owner or has_died(state.owner):
            stack.down()
            log.info("the stack is down; its data stays in %s", stack.home)
        else:
            log.info("the stack was brought up by %s: it stays", state.owner)
    finally:
        lease.give_back()


def owner_name() -> str:
    """Return the name under which this process brings things up."""
    return OWNER.format(pid=os.getpid())


def has_died(owner: str) -> bool:
    """Return whether `owner` is a Locust that has ended without taking down what it had brought up."""
    kind, _, pid = owner.partition(":")
    return kind == OWNER.partition(":")[0] and not (pid.isdigit() and psutil.pid_exists(int(pid)))


def is_watchdog(pid: str) -> bool:
    """Return whether the process with this id, as text, is a watchdog."""
    try:
        return pid.isdigit() and "chaos.watchdog" in psutil.Process(int(pid)).cmdline()
    except psutil.Error:
        return False
