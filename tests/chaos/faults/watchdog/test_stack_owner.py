"""Which process started a stack, and whether it has died: by process id and start time."""

import os
import subprocess
import sys

import pytest

from chaos.faults.watchdog.teardown import has_died, owner_name


def test_this_process_lives() -> None:
    assert not has_died(owner_name())


def test_another_process_with_the_same_id_is_not_the_owner() -> None:
    assert has_died(f"locust:{os.getpid()}:1.5")


@pytest.mark.process
def test_one_that_has_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait(timeout=30)
    assert has_died(f"locust:{child.pid}:1.5")
    assert has_died(f"locust:{child.pid}")


@pytest.mark.parametrize("owner", ["make up", "pytest"])
def test_an_owner_that_is_no_locust_counts_as_alive(owner: str) -> None:
    assert not has_died(owner)


def test_a_living_process_without_a_known_start_time_counts_as_alive() -> None:
    assert not has_died(f"locust:{os.getpid()}")


def test_half_a_name_is_no_owner() -> None:
    assert has_died("locust:")
