"""Which options a report shows: those that mean something for the stack of the run."""

from runlog.facts import RunFacts
from settings.run_settings import OPTIONS


def shown_options(facts: RunFacts) -> dict[str, str]:
    """Return the options of the run without those that belong to another stack."""
    hidden = set()
    for option in OPTIONS:
        default = facts.options.get(option.dest, "") in {"", option.default}
        if not option.makes_sense("stack", facts.stack) or (facts.stack == "external" and option.ours and default):
            hidden |= {option.dest, option.name}
    return {name: text for name, text in facts.options.items() if name not in hidden}
