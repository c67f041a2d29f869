"""Stop: an orderly end of the target (PostgreSQL: fast shutdown); a container's stop signal, and SIGKILL after 30 s."""

from typing import TYPE_CHECKING, Final

from chaos.faults.fault import Act, Fault, Hit
from chaos.faults.targets import container_acts
from stack import process

if TYPE_CHECKING:
    from stack.component import ManagedProcess

# How long a process that was asked to end may stay silent before it counts as hanging.
_ANSWER_WAIT_S: Final = 5.0
_PROBE_S: Final = 1.0
# A process that is just ending may still give an answer.
_LAST_ANSWER_S: Final = 0.5


def _end_if_hanging(hit: "Hit[ManagedProcess]") -> None:
    """Kill a process that may have been asked to end, if it neither ends nor answers.

    One that answers, and still lives a moment later, was not asked and is left alone.
    """
    pid, started = int(hit.undo["pid"]), float(hit.undo["started"])

    def ended() -> bool:
        return not process.is_alive(pid, started)

    if ended():
        return
    wait_s = min(_ANSWER_WAIT_S, hit.timeout_s / 2)
    if process.wait_until(lambda: ended() or hit.thing.probe(_PROBE_S).ok, wait_s):
        process.wait_until(ended, _LAST_ANSWER_S)
    else:
        process.kill_tree(pid, started)


STOP: Final = Fault(
    name="stop",
    phrase="stop of the {target}",
    process=Act(do=lambda hit: hit.thing.stop(hit.timeout_s), undo=_end_if_hanging),
    container=Act(do=container_acts.stop, undo=container_acts.start, settle=container_acts.await_stop),
    ends_process=True,
)
