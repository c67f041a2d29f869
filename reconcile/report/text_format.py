"""How reports write durations and moments, and begin sentences."""

from runlog.clock import iso_utc


def duration(value: float) -> str:
    """Return a duration for people: milliseconds below a second."""
    return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.1f} s"


def duration_if_known(value: float | None) -> str:
    """Return a duration for people, or `unknown`."""
    return "unknown" if value is None else duration(value)


def capital(text: str) -> str:
    """Return `text` with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def moment(at: float | None, started_at: float) -> str:
    """Return a moment in seconds since the start, with the time of day, or `unknown`; both in epoch seconds."""
    if at is None:
        return "unknown"
    clock = iso_utc(at)
    return f"{at - started_at:.3f} s ({f'{clock[11:23]} UTC' if clock.endswith('Z') else clock})"
