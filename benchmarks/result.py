"""The result of a benchmark as plain values that JSON can hold: tables, aims and whether they were met."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts.

    Attributes:
        columns: headings.
        rows: one list of cells a row, as long as `columns`.
    """

    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, slots=True)
class Aim:
    """An aim, and what was measured.

    Attributes:
        aim: in words, with its unit.
        found: what was measured, with its unit.
        met: whether the aim was met; None for a measurement without an aim.
        bound: what limits the measurement.
    """

    aim: str
    found: str
    met: bool | None
    bound: str = ""


@dataclass(slots=True)
class Result:
    """The result of one benchmark.

    Attributes:
        name: as `--only` takes it.
        title: heading.
        method: how it was measured, one paragraph.
        tables: the figures.
        aims: with what was measured.
        figures: the raw numbers (JSON values).
        machine: where, when and with what it ran; `python -m benchmarks` sets it.
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
        """Return the result that `as_json` returned.

        Raises:
            TypeError: it is of another version.
        """
        tables = [Table(**table) for table in value["tables"]]
        aims = [Aim(**aim) for aim in value["aims"]]
        return cls(**{**value, "tables": tables, "aims": aims})
