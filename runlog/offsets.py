"""`offsets.jsonl`: the topic's end offsets as the monitor observed them, ten to twenty times a second.

Record timestamps are the producer's and prove nothing. An end offset, asked and answered at known times of the run's
clock, brackets when each event was appended.
One JSON object a line: `asked` and `answered` in epoch seconds, `ends` as {partition: next offset} or `error` as text.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from files.json_lines import read_whole_lines


@dataclass(frozen=True, slots=True)
class Observation:
    """One request to the broker for the topic's end offsets.

    Attributes:
        asked: epoch seconds when the request was sent.
        answered: epoch seconds when the answer, or the failure, was known.
        ends: next offset by partition; None when there was no answer.
        error: why there was no answer, in a few words.
    """

    asked: float
    answered: float
    ends: dict[int, int] | None = None
    error: str | None = None

    @property
    def ok(self) -> bool:
        return self.ends is not None

    def record(self) -> dict[str, object]:
        """Return the observation as the object on its line."""
        record: dict[str, object] = {"asked": round(self.asked, 6), "answered": round(self.answered, 6)}
        if self.ends is not None:
            return record | {"ends": {str(partition): end for partition, end in self.ends.items()}}
        return record | {"error": self.error or "no answer"}


def read_observations(path: Path) -> list[Observation]:
    """Return the observations of a file in order; incomplete lines are left out.

    Raises:
        FileNotFoundError: there is none.
        ValueError: a whole line is no observation.
    """
    return read_whole_lines(path, msgspec.json.Decoder(Observation).decode)
