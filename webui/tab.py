"""The CHAOS tab in Locust's own page: a small table of texts, with the address of the harness's page."""

from typing import Final

from chaos.live.counter import LiveCounts
from chaos.run.conductor import Conductor
from chaos.run.harness import Harness
from chaos.run.live_lines import age
from chaos.run.run_view import RunView, view_of

RUNNING: Final = "running"
STOPPED: Final = "stopped"
BETWEEN: Final = frozenset({"cleanup", "stopping"})
TAB: Final = {"title": "Chaos", "key": "chaos"}
TABLE: Final = {
    "key": TAB["key"],
    "structure": [{"key": "what", "title": "Chaos"}, {"key": "value", "title": ""}],
}


def state_shown(state: str, conductor: Conductor | None) -> str:
    """Return the state that Locust's own page shows: `running` until the target is healed and the run is judged.

    Locust calls a run stopped as soon as its users are. In the states between (`cleanup`, `stopping`) its page asks for
    nothing more, and would stay in them for good (Locust 2.47).
    """
    ending = conductor is not None and conductor.active
    return RUNNING if state in BETWEEN or (ending and state == STOPPED) else state


def rows(harness: Harness, address: str) -> list[dict[str, str]]:
    """Return the rows of the table.

    Args:
        address: of Locust's page, without a slash at its end.
    """
    conductor = harness.conductor
    lines = [("Page of the run", f"{address}/chaos")]
    if conductor is not None:
        lines += _of_run(view_of(conductor), harness.headline)
    return [{"what": what, "value": value} for what, value in lines]


def _of_run(view: RunView, headline: str) -> list[tuple[str, str]]:
    left = "" if view.seconds_left is None else f", {view.seconds_left:.0f} s to go"
    lines = [("Run", view.run_id or "not begun"), ("Phase", f"{view.phase.value}{left}")]
    if view.target is not None and view.state is not None:
        lines.append((f"The {view.target} is", f"{view.state.word.upper()}: {view.state.how}"))
    if view.uncounted is not None:
        lines.append(("Live numbers", f"none: {view.uncounted}"))
    elif view.snapshot is not None and view.exit_code is None:
        lines += _counted(view, view.snapshot.counts)
    if view.not_restored:
        lines.append(("NOT RESTORED", "the target is not proven healed; `python -m chaos restore` heals it"))
    if view.failure:
        lines.append(("Ended early", view.failure))
    if view.exit_code is not None:
        lines.append(("Result", "; ".join(filter(None, [headline, f"exit code {view.exit_code}"]))))
    return lines


def _counted(view: RunView, counts: LiveCounts) -> list[tuple[str, str]]:
    lines = [
        (view.asked.capitalize(), str(counts.answered)),
        (f"{view.asked.capitalize()} and in Kafka", f"{counts.with_event}{age(view.read_s)}"),
    ]
    if view.asked == "acknowledged":
        note = f"{age(view.counted_s)} (may still come; judged after the drain)"
        lines.append(("Acknowledged, not in Kafka", f"{counts.without_event}{note}"))
    return lines
