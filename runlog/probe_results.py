"""`probes.jsonl`: every answer of the target of the fault to the monitor, on a kept connection and on new ones.

One JSON object a line: `asked` and `answered` in epoch seconds, `connection`, `how`, and `detail` where there is one
(`health.replies.ProbeResult`).
"""

from pathlib import Path

import msgspec

from files.json_lines import read_whole_lines
from health.replies import ProbeResult


def probe_record(result: ProbeResult) -> dict[str, object]:
    """Return a probe result as the object on its line."""
    record: dict[str, object] = {"asked": round(result.asked, 6), "answered": round(result.answered, 6)}
    record |= {"connection": result.connection, "how": result.how}
    return record if result.detail is None else record | {"detail": result.detail}


def read_probe_results(path: Path) -> list[ProbeResult]:
    """Return the probe results in a file in order; incomplete lines are left out.

    Raises:
        FileNotFoundError: there is none.
        ValueError: a whole line is no probe result.
    """
    return read_whole_lines(path, msgspec.json.Decoder(ProbeResult).decode)
