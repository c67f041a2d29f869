"""What a benchmark finds, as plain values that survive JSON: tables, aims with whether they were met, remarks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """A table; each cell is text, ready to be read.

    Attributes:
        columns: headings.
        rows: one list of cells a row, as long as `columns`.
    """

    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, slots=True)
class Aim:
    """What was wanted, and what came.

    Attributes:
        aim: what was wanted, with its unit.
        found: what was measured, with its unit.
        met: whether that is as wanted; None where nothing was wanted and it is only told.
        bound: what limits it, where it was missed.
    """

    aim: str
    found: str
    met: bool | None
    bound: str = ""


@dataclass(slots=True)
class Result:
    """One benchmark's findings.

    Attributes:
        name: as `--only` takes it.
        title: heading.
        method: how it was measured, one paragraph.
        tables: the figures.
        aims: what was wanted.
        figures: the raw numbers, for machines (JSON values).
        machine: where, when and with what: filled in by the runner.
    """

    name: str
    title: str
    method: str
    tables: list[Table]
    aims: list[Aim]
    figures: dict[str, Any]
    machine: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON value."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Result:
        """Return what `as_json` gave.

        Raises:
            TypeError: it is of another version.
        """
        tables = [Table(**table) for table in value["tables"]]
        aims = [Aim(**aim) for aim in value["aims"]]
        return cls(**{**value, "tables": tables, "aims": aims})
