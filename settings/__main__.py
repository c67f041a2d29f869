"""`make options`: every option with default, unit, choices, environment variable and an example.

Locust's `--help` is printed before the locustfile is read and never lists a locustfile's own options (Locust 2.47).
"""

import sys
from itertools import groupby

from files.output_streams import let_output_fail
from settings.options import OPTIONS, Option


def describe(option: Option) -> str:
    """Return `option` as a few lines for people."""
    if option.is_flag:
        return f"  {option.flag}\n      {option.help}\n      off; {option.env}=1\n"
    value = "|".join(option.choices) or option.unit.upper() or "TEXT"
    default = f"default {option.default}" if option.default else "not set"
    example = f", for example {option.example}" if option.example else ""
    return f"  {option.flag} {value}\n      {option.help}\n      {default}{example}; {option.env}\n"


def main() -> int:
    """Print all options by group; return the exit code."""
    out = [
        "Options of `locust` in this folder: on the command line, as keys of locust.conf (without the dashes),\n"
        "or as environment variables. Durations are seconds or like 90s, 2m, 1m30s.\n"
    ]
    for group, options in groupby(OPTIONS, key=lambda option: option.group):
        out.append(f"\n{group}\n")
        out.extend(describe(option) for option in options)
    sys.stdout.write("".join(out))
    return 0


if __name__ == "__main__":
    let_output_fail()
    sys.exit(main())
