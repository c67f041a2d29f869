"""`make options`: every option with its values, default, environment variable and an example, in Markdown.

`python -m settings > docs/options.md` writes the page of the docs. Locust's `--help` is printed before the locustfile
is read and never lists a locustfile's own options (Locust 2.47).
"""

import sys
import textwrap
from itertools import groupby
from typing import Any

from files.output_streams import let_output_fail
from settings.option import Option
from settings.run_settings import OPTIONS

_HEAD = """\
# Options

Options of `locust` in this folder: on the command line, as keys of `locust.conf` (without the dashes), or as
environment variables. Durations are seconds or like `90s`, `2m`, `1m30s`, `500ms`. This page is what `make options`
prints.
"""


def page() -> str:
    lines = [_HEAD]
    for group, options in groupby(OPTIONS, key=lambda option: option.group):
        lines += [f"\n## {group}\n\n", *map(_entry, options)]
    return "".join(lines)


def _entry(option: Option[Any]) -> str:
    value = "" if option.is_flag else f" {'|'.join(option.choices) or option.kind.unit.upper()}"
    default = "off" if option.is_flag else f"default `{option.default}`" if option.default else "not set"
    facts = [option.kind.bounds, f"without it: {option.without}" if option.without else default]
    facts += [f"for example `{option.example}`"] if option.example else []
    conditions = [f"--{name} {'|'.join(values)}" for name, values in option.only_with.items()]
    facts += [f"only with `{condition}`" for condition in conditions if condition not in option.group]
    facts += ["secret"] if option.secret else []
    lines = f"- `{option.flag}{value}`: {option.help}. *{' · '.join(filter(None, facts))} · `{option.env}`*"
    return textwrap.fill(lines, 120, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False) + "\n"


def main() -> int:
    sys.stdout.write(page())
    return 0


if __name__ == "__main__":
    let_output_fail()
    sys.exit(main())
