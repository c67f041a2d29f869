"""Errors about options that came from the environment, named by their variable: the user never gave the flag.

The command line wins over the environment, so a variable counts only where its flag is not given.
"""

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from files.safe_files import encodable
from settings.errors import shown_value
from settings.run_settings import OPTIONS

# Locust's own options that the harness refuses or reads.
_LOCUSTS: Final = {
    ("-u", "--users"): "LOCUST_USERS",
    ("-r", "--spawn-rate"): "LOCUST_SPAWN_RATE",
    ("-t", "--run-time"): "LOCUST_RUN_TIME",
    ("-H", "--host"): "LOCUST_HOST",
    ("--master",): "LOCUST_MODE_MASTER",
    ("--worker",): "LOCUST_MODE_WORKER",
    ("--processes",): "LOCUST_PROCESSES",
}
_SECRET: Final = frozenset(option.flag for option in OPTIONS if option.secret)


def with_sources(
    message: str,
    arguments: Sequence[str] | None = None,
    environment: Mapping[str, str] | None = None,
    known: Iterable[tuple[Sequence[str], str]] = (),
) -> str:
    """Return `message` with the environment variables from which the options that it names came.

    Args:
        message: `--option VALUE: what is wrong`, or as argparse phrases it.
        arguments: the command line; None: that of this process.
        environment: None: that of this process.
        known: further options: the flags and the variable of each.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    environment = os.environ if environment is None else environment
    ours = [((option.flag,), option.env) for option in OPTIONS]
    others = []
    for flags, variable in dict([*known, *_LOCUSTS.items(), *ours]).items():
        flag = flags[-1]
        if variable not in environment or not _mentions(message, flag) or _is_given(flags, arguments):
            continue
        renamed = _begin_with_variable(message, flag, variable, environment[variable])
        if renamed is None:
            others.append(f"{flag} is set by {variable}")
        else:
            message = renamed
    return f"{message} ({', '.join(others)})" if others else message


def _begin_with_variable(message: str, flag: str, variable: str, text: str) -> str | None:
    """Return a message that begins with `flag` with the variable in its place; None for any other message."""
    begin = re.match(rf"(argument )?(-\w/)?{re.escape(flag)}(?=[: ])", message)
    if begin is None:
        return None
    rest, shown = message[begin.end() :], shown_value(encodable(text.strip()), secret=flag in _SECRET)
    rest = rest.removeprefix(f" {shown}")
    if not rest.startswith(":"):
        return None
    return f"{variable}={shown} (environment){rest}"


def _mentions(message: str, flag: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", message.replace("/--", " --")) is not None


def _is_given(flags: Sequence[str], arguments: Sequence[str]) -> bool:
    for argument in arguments:
        name = argument.partition("=")[0]
        if name in flags or any(flag.startswith(name) for flag in flags if len(name) > 2 and name.startswith("--")):
            return True
        if len(argument) > 2 and argument[:2] in flags:  # -u5
            return True
    return False
