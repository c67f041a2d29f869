"""Which options a report shows: those that mean something for the stack of the run."""

from typing import Final

from runlog.facts import RunFacts
from settings.options import OPTIONS

_OUR_SERVICE: Final = frozenset({"service-block-time", "delivery-timeout"})
"""Settings of our own service; for a service of the user's own their defaults say nothing about it."""


def shown_options(facts: RunFacts) -> dict[str, str]:
    """Return the options of the run without those that belong to another stack."""
    hidden = set()
    for option in OPTIONS:
        default = facts.options.get(option.dest, "") in {"", option.default}
        if facts.stack in option.not_for or (facts.stack == "external" and option.name in _OUR_SERVICE and default):
            hidden |= {option.dest, option.name}
    return {name: text for name, text in facts.options.items() if name not in hidden}
