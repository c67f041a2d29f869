"""How reports write durations and begin sentences."""


def duration(value: float) -> str:
    """Return a duration for people: milliseconds below a second."""
    return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.1f} s"


def duration_if_known(value: float | None) -> str:
    """Return a duration for people, or `unknown`."""
    return "unknown" if value is None else duration(value)


def capital(text: str) -> str:
    """Return `text` with its first letter in upper case."""
    return text[:1].upper() + text[1:]
