"""How pictures write moments, counts and durations; `figure.js` writes them the same way."""


def moment(second: float) -> str:
    """Return a moment of the time axis, which gives seconds or, where it is long, minutes and seconds."""
    if second < 600:
        return f"{second:g} s"
    minutes, rest = divmod(round(second), 60)
    return f"{minutes} min" if rest == 0 else f"{minutes}:{rest:02d} min"


def amount(value: float, unit: str) -> str:
    """Return a value in its unit: a count, or a duration in seconds."""
    if unit == "count":
        return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}") if value == int(value) else f"{value:g}"
    if value == 0:
        return "0"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
