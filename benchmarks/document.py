"""Renders the results of all benchmarks as one page of Markdown. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.result import Aim, Result, Table

HEAD = """\
# Benchmarks

Written by `make bench`; `benchmarks/results.json` has the same numbers for programs. Both sides of each comparison ran
in the same session on the same machine: compare the ratios; the seconds are those of one machine on one day.
"""


def render(results: Sequence[Result]) -> str:
    """Return the page."""
    return "\n".join([HEAD, *(_section(result) for result in results)])


def table(content: Table) -> str:
    """Return a table in Markdown, columns aligned so that it also reads well as plain text."""
    lines = [content.columns, *content.rows]
    widths = [max(3, *(len(line[index]) for line in lines)) for index in range(len(content.columns))]
    cells = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    rule = " | ".join("-" * width for width in widths)
    return "\n".join(f"| {line} |" for line in [cells[0], rule, *cells[1:]]) + "\n"


def aims(content: Sequence[Aim]) -> str:
    """Return the aims as a table."""
    rows = [[aim.aim, aim.found, _met(aim)] for aim in content]
    return table(Table(["aim", "found", "result"], rows))


def _met(aim: Aim) -> str:
    if aim.met is None:
        return f"no aim; {aim.bound}"
    return "met" if aim.met else f"**missed**: {aim.bound or 'see below'}"


def _section(result: Result) -> str:
    machine = "; ".join(f"{name}: {value}" for name, value in result.machine.items())
    parts = [f"## {result.title}\n", result.method + "\n", aims(result.aims), *map(table, result.tables)]
    return "\n".join([*parts, f"Measured with {machine}.\n"])
