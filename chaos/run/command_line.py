"""Our options in Locust's parser and web form, and the refusal of Locust's own options that do not apply.

Locust runs the parser listener again on every load of its page and swallows exceptions in it, so `add_options` is pure
and does nothing but declare. Values are checked in one place for all ways in: `settings.run_settings`.
"""

import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from chaos.faults.registry import CONTAINER_FAULTS
from chaos.run.web_access import plain_name
from files.safe_files import encodable, is_encodable
from health.postgres_url import UrlError, read_url
from runlog import exit_codes
from settings.external import ExternalSettings
from settings.option_sources import with_sources
from settings.run_settings import OPTIONS, Settings, SettingsError, in_form_order, make_settings, names_secret
from settings.service_files import read_service_files

# Locust's own options that a shape ignores, and ours that replace them.
INSTEAD: Final = {
    "num_users": ("-u/--users", "--rate"),
    "spawn_rate": ("-r/--spawn-rate", "--rate"),
    "run_time": ("-t/--run-time", "--baseline, --outage and --recovery"),
}
DISTRIBUTED: Final = {"master": "--master", "worker": "--worker", "processes": "--processes"}


def add_options(parser: Any) -> None:
    """Declare all options to Locust's `parser`, and its safer defaults.

    They are added to the parser itself: options of a group never show in the web form (Locust 2.47).
    """
    for option in in_form_order():  # Locust's own form has this order
        if option.is_flag:
            how: dict[str, Any] = {"action": "store_true"}
        elif option.repeatable:
            # A default would be the first of the list, and be sent to the browser.
            how = {"type": str, "action": "append"}
        else:
            how = {"type": str, "default": option.default}
        if option.default in option.choices:
            how["choices"] = list(option.choices)
        unit = f" [{option.kind.unit}]" if option.kind.unit not in ("", "text", "choice") else ""
        # Not in the form: what cannot change while Locust runs, and commands and addresses, which are not for a person
        # who only sees the page.
        parser.add_argument(
            option.flag,
            env_var=option.env,
            help=option.full_help + unit,
            include_in_web_ui=not (option.fixed or option.secret),
            **how,
        )
    parser.set_defaults(web_host="127.0.0.1", master_bind_host="127.0.0.1")
    _name_sources(parser)
    for action in getattr(parser, "_actions", ()):
        if action.dest == "processes":
            action.type = _one_process


def _name_sources(parser: Any) -> None:
    """Name the environment variable in the parser's refusals, also of Locust's own options."""
    refuse: Callable[[str], None] | None = getattr(parser, "error", None)
    if refuse is None:
        return

    def error(message: str) -> None:
        found = [(action.option_strings, getattr(action, "env_var", None)) for action in parser._actions]
        refuse(with_sources(message, known=[(tuple(flags), env) for flags, env in found if flags and env]))

    parser.error = error


def _one_process(text: str) -> int:
    """Refuse `--processes` while it is parsed: Locust forks right afterwards, and children would wait for a master."""
    del text
    sys.stderr.write(f"error: {with_sources('--processes: this harness runs in one process; leave it out')}\n")
    raise SystemExit(exit_codes.USAGE_OR_CRASH)


def texts_of(parsed: Namespace | Mapping[str, object]) -> dict[str, str]:
    """Return our options that were given, as texts.

    One that was given several times is one text with a value a line, as in its environment variable.
    """
    values = vars(parsed) if isinstance(parsed, Namespace) else parsed
    given = {option.dest: values.get(option.dest) for option in OPTIONS}
    return {
        dest: "\n".join(map(str, value)) if isinstance(value, list) else str(value)
        for dest, value in given.items()
        if value is not None
    }


def secrets_shown(arguments: Sequence[str]) -> list[str]:
    """Return the flags of options among `arguments` whose secret values all users of this machine can read."""
    shown = []
    for place, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        value = value if equals else next(iter(arguments[place + 1 : place + 2]), "")
        shown += [flag] if names_secret(flag) and not value.startswith("@") else []
    return list(dict.fromkeys(shown))


def read_settings(parsed: Namespace) -> Settings:
    """Return the settings that Locust's parsed options ask for.

    Raises:
        SettingsError: one of them is wrong, or one of Locust's own makes no sense here.
    """
    for name, (flag, ours) in INSTEAD.items():
        value = getattr(parsed, name, None)
        if value is not None:
            raise SettingsError(f"{flag} {value}: the plan of the run decides that; use {ours} instead")
    for name, flag in DISTRIBUTED.items():
        if getattr(parsed, name, None):
            raise SettingsError(f"{flag}: this harness runs in one process; leave it out")
    _check_texts(parsed)
    settings = settings_of_run(parsed)
    runs_dir = str(Path(settings.runs_dir).absolute())
    if not is_encodable(runs_dir):
        raise SettingsError(
            f"--runs-dir {settings.runs_dir}: {encodable(runs_dir)} is not valid UTF-8; name another folder"
        )
    host = getattr(parsed, "host", None)
    if host and settings.stack in ("embedded", "compose"):
        raise SettingsError(f"--host {host}: the {settings.stack} stack has its own order service; leave --host out")
    for name in settings.allowed_host:
        if plain_name(name) is None:
            raise Settings.allowed_host.wrong(name, "it must be a host name or an address, for example shop.test")
    if settings.external is not None:
        _check_database_url(read_service_files(settings.external, settings.attribution).database_url)
    return settings


def _check_database_url(text: str) -> None:
    """Refuse a text that is no connection string of PostgreSQL, before a connection is tried."""
    try:
        read_url(text)
    except UrlError as error:
        raise ExternalSettings.database_url.wrong(text, str(error)) from None


def _check_texts(parsed: Namespace) -> None:
    """Refuse bytes that are no text: history, journal and report hold the options, and all are UTF-8."""
    texts = texts_of(parsed)
    for option in OPTIONS:
        if not is_encodable(text := texts.get(option.dest, "")):
            raise option.wrong(encodable(text), "it is not valid UTF-8; give a name in UTF-8")


def check_form(form: Mapping[str, str], parsed: Namespace, service_url: str) -> str | None:
    """Return in one sentence what is wrong with a start form of the web UI; None if nothing is."""
    try:
        settings_of_form(form, parsed, service_url)
    except SettingsError as error:
        return str(error)
    return None


def settings_of_form(form: Mapping[str, str], parsed: Namespace, service_url: str) -> Settings:
    """Return the settings of a run with what a form of the web UI changes; no option is changed.

    Raises:
        SettingsError: what is wrong, in one sentence.
    """
    host = form.get("host", "").rstrip("/")
    if host and host != service_url.rstrip("/"):
        raise SettingsError(f"Host {host}: orders go to the order service of this stack, {service_url}")
    if form.get("run_time"):
        raise SettingsError(
            f"Run time {form['run_time']}: the plan of the run decides that; use baseline, outage and recovery"
        )
    now = texts_of(parsed)
    for option in OPTIONS:
        changed = form.get(option.dest, now.get(option.dest)) != now.get(option.dest)
        # Locust takes a repeatable one apart at each comma.
        if (option.fixed and changed) or (option.repeatable and option.dest in form):
            raise SettingsError(
                f"{option.flag}: it is fixed while Locust runs; end Locust and start it with another one"
            )
    given = {option.dest: form[option.dest] for option in OPTIONS if option.dest in form}
    settings = _checked_settings({**now, **given}, parsed)
    if settings.external is not None:
        read_service_files(settings.external, settings.attribution)
    return settings


def settings_of_run(parsed: Namespace) -> Settings:
    """Return the settings of a run that starts now, after the form has changed `parsed`.

    Raises:
        SettingsError: one of ours is wrong.
    """
    return _checked_settings(texts_of(parsed), parsed)


def _checked_settings(texts: Mapping[str, object], parsed: Namespace) -> Settings:
    """Return the settings that `texts` say, for a fault that their target can have. Raises SettingsError."""
    settings = make_settings(texts, getattr(parsed, "host", None))
    external = settings.external
    in_container = settings.stack == "compose" or (external is not None and external.target_container)
    if settings.injects_faults and in_container and settings.fault not in CONTAINER_FAULTS:
        able = ", ".join(CONTAINER_FAULTS)
        raise Settings.fault.wrong(settings.fault, f"it cannot be done to a container; choose from {able}")
    return settings
