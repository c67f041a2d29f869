"""What the helper process answers to each question of the page."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from look.chart import Chart
from look.figure import figure
from reconcile.browse.heads import Heads, Report, read_report
from reconcile.browse.orders import Orders
from reconcile.history.history import History
from reconcile.judge.judge import Judgement
from reconcile.report.picture_file import Picture, read_picture
from reconcile.report.violation_kinds import KINDS
from reconcile.trace.trace_command import TraceProblem, read_judged, trace_text
from runlog.facts import RunFacts
from runlog.folder import RUN_ID, RunFolder
from runlog.judgement_status import judge_command

MOST_ROWS: Final = 200


class Problem(Exception):
    """A question that cannot be answered; the message is one sentence for people."""


class Answers:
    """Answers for the runs below `runs_dir`."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._heads = Heads(runs_dir)
        self._orders = Orders()
        self._judged: tuple[tuple[Path, float], tuple[History, Judgement]] | None = None

    def runs(self) -> list[dict[str, Any]]:
        """Return the table of runs, the newest first."""
        return [asdict(head) for head in self._heads.all()]

    def run(self, run: str) -> dict[str, Any]:
        """Return what was found in a run: verdict, counts, guards, lists with their sizes, picture, summary."""
        folder = self._folder(run)
        report = read_report(folder)
        if report is None:
            command = judge_command(RunFacts.read(folder).stack, folder)
            raise Problem(f"run {run} has not been judged; `{command}` judges it")
        picture = _picture(folder)
        return {
            "run_id": report.run_id,
            "verdict": report.verdict,
            "reason": report.reason,
            "scope": report.scope,
            "expect": report.expect,
            "met": report.expectation_met,
            "exit_code": report.exit_code,
            "scenario": report.scenario,
            "stack": report.stack,
            "variant": report.service_variant,
            "options": report.options,
            "counts": report.counts,
            "guards": {"passed": sum(g.passed is True for g in report.guards), "of": _applying(report)},
            "failed": [f"{g.name} ({g.kind}): {g.reason}" for g in report.guards if g.passed is False],
            "lists": [
                {"title": kind.title, "name": kind.path, "count": report.counts[kind.key]}
                for kind in KINDS
                if report.counts[kind.key]
            ],
            "replay": bool(report.counts["lost_events"]) and (folder.path / "lost-events.ndjson").is_file(),
            "cards": [] if picture is None else [asdict(card) for card in picture.cards],
            "figure": None if picture is None or picture.chart is None else figure(picture.chart),
            "summary": _summary(report),
        }

    def orders(self, run: str, name: str, wanted: str) -> dict[str, Any]:
        """Return the orders of a list that hold a text."""
        if name not in {kind.path for kind in KINDS}:
            raise Problem(f"{name}: there is no such list")
        try:
            return asdict(self._orders.search(self._folder(run), name, wanted, MOST_ROWS))
        except OSError:
            raise Problem(f"run {run} has no {name}") from None

    def trace(self, run: str, order: str) -> str:
        """Return the trace of one order as text."""
        folder = self._folder(run)
        stamp = folder.path, folder.report.stat().st_mtime if folder.report.is_file() else 0.0
        try:
            if self._judged is None or self._judged[0] != stamp:
                self._judged = stamp, read_judged(folder)
            return trace_text(*self._judged[1], order)
        except TraceProblem as problem:
            raise Problem(str(problem)) from None

    def compare(self, first: str, second: str) -> list[dict[str, Any]]:
        """Return two runs, their pictures on one scale."""
        found = [self.run(run) for run in (first, second)]
        pictures = [_picture(self._folder(run)) for run in (first, second)]
        charts = [None if picture is None else picture.chart for picture in pictures]
        drawn = [chart for chart in charts if chart is not None]
        for one, chart in zip(found, charts, strict=True):
            one["figure"] = None if chart is None else figure(_on_scale_of(chart, drawn, one["run_id"]))
        return found

    def _folder(self, run: str) -> RunFolder:
        folder = RunFolder(self._runs_dir / run)
        if not RUN_ID.fullmatch(run) or folder.path.is_symlink() or not folder.facts.is_file():
            raise Problem(f"{run}: there is no such run")
        return folder


def _picture(folder: RunFolder) -> Picture | None:
    """Return cards and picture of a run; None where there are none, or they are damaged."""
    try:
        return read_picture(folder)
    except (OSError, ValueError):
        return None


def _applying(report: Report) -> int:
    return sum(guard.passed is not None for guard in report.guards)


def _on_scale_of(chart: Chart, all_charts: list[Chart], run: str) -> Chart:
    """Return a chart with the time axis and the value axes of the largest among several."""
    seconds = max(each.seconds for each in all_charts)
    highest: dict[str, float] = {}
    for each in all_charts:
        for panel in each.panels:
            values = [value for line in panel.lines for value in line.values if value is not None]
            highest[panel.title] = max([*values, highest.get(panel.title, 0.0)])
    panels = tuple(replace(panel, at_least=highest[panel.title]) for panel in chart.panels)
    return replace(chart, name=f"run-{run}", seconds=seconds, panels=panels, now_s=chart.seconds)


def _summary(report: Report) -> str:
    """Return a few lines for a chat."""
    lines = [
        f"{report.verdict.upper()} run {report.run_id}: {report.reason}",
        f"{report.scenario}, {report.stack}" + (f", {report.service_variant}" if report.service_variant else ""),
        f"guards passed: {sum(g.passed is True for g in report.guards)} of {_applying(report)}; {report.scope}",
    ]
    return "\n".join(lines)
