"""`python -m chaos`: what is broken at this moment, healing it from another terminal, and closing a journal by hand.

Exit codes: 0 nothing is broken (any more), 2 usage error, 3 something is (`status`, `forget` without `--yes`), 4 not
restored, not proven, or not forgotten, 130 interrupted (Ctrl-C).
"""

import json
import os
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from chaos.faults.forget import forget, why_not
from chaos.faults.limits import Limits
from chaos.faults.restore import NotClosed, Place, places, restore
from chaos.faults.targets import TargetError
from chaos.faults.watchdog.healing import NotProvenBack
from files.output_streams import complain, let_output_fail, say
from health.spec import SecretSource
from redaction.parser import CarefulParser, warn_of_password
from runlog import exit_codes
from settings.duration import parse_duration
from settings.external import ExternalSettings
from stores.variables import without_client_variables

NOTHING = "nothing is broken: no journal is open"


def parser() -> CarefulParser:
    top = CarefulParser(
        prog="python -m chaos",
        description="What a run has broken and not yet proven healed, on the stack of this checkout and elsewhere.",
        epilog="Exit codes: 0 nothing is broken (any more), 2 usage, 3 something is (status, forget without --yes), "
        "4 not restored, not proven, or not forgotten.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    status = commands.add_parser(
        "status",
        help="show what is broken, by which run, and which watchdog owns it; exit code 0 if nothing is broken, else 3",
    )
    status.add_argument("--json", action="store_true", help="print one JSON array (no secret in it)")
    heal = commands.add_parser(
        "restore",
        help="heal what any run left broken, and prove it back; a run that goes on breaks nothing more",
        description="Heals what a run left broken and proves the target back, by the probe that had proven "
        "the fault. The journal says how; secrets are read again from LOCUST_DATABASE_URL, LOCUST_HEADER, or the files "
        "that the run was given.",
    )
    heal.add_argument("--timeout", metavar="DURATION", help="longest wait for the proof (default: as in the run)")
    heal.add_argument(
        "--command-timeout", metavar="DURATION", help="longest time of one heal command (default: as in the run)"
    )
    heal.add_argument(
        "--database-url", metavar="URL", help="PostgreSQL that the proof asks; better set as LOCUST_DATABASE_URL"
    )
    heal.add_argument(
        "--kafka-config", metavar="FILE", help="client properties for the proof, if the run's own file is gone"
    )
    close = commands.add_parser(
        "forget",
        help="close a journal that can neither be healed nor proven; heals nothing",
        description="Closes the journal of a target without healing or proving anything: for a target that is gone, "
        "or that was corrected by hand and cannot be probed any more. Refused while a watchdog owns the "
        "target or a run uses it.",
    )
    close.add_argument(
        "--journal",
        metavar="FOLDER",
        help="folder of the journal to close, if several are open (`status --json` lists them)",
    )
    close.add_argument(
        "--yes", action="store_true", help="close it; without --yes the target is named and nothing is closed"
    )
    return top


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    top = parser()
    arguments = top.parse_args(argv)
    if arguments.command == "status":
        return _status(arguments.json)
    if arguments.command == "forget":
        return _forget(top, arguments)
    try:
        return _restore(top, arguments)
    except KeyboardInterrupt:
        complain(
            "interrupted: a heal command that was started goes on; the next `python -m chaos restore` waits for it"
        )
        return exit_codes.SIGINT


def _status(as_json: bool) -> int:
    found = places()
    if as_json:
        say(json.dumps([_document(place) for place in found], indent=2))
    else:
        for place in found:
            hint = "\n  `python -m chaos restore` heals it" if place.fault is not None else ""
            if place.heals_by_itself:
                hint = "\n  it heals it now: ask again in a moment; `python -m chaos restore` heals what is left then"
            say(place.describe() + hint)
        if not found:
            say(NOTHING)
    return exit_codes.INCONCLUSIVE if found else exit_codes.AS_EXPECTED


def _restore(top: CarefulParser, arguments: Any) -> int:
    given = {"proof": _seconds(top, arguments, "timeout"), "command": _seconds(top, arguments, "command_timeout")}
    environment = dict(os.environ)
    if arguments.database_url:
        environment[ExternalSettings.database_url.env] = arguments.database_url
    warn_of_password(arguments.database_url)
    found = places()
    if not found:
        say(NOTHING)
    code = exit_codes.AS_EXPECTED
    for place in [_with_config(place, arguments.kafka_config) for place in found]:
        limits = replace(place.fault.limits, **_set(given)) if place.fault else Limits()
        try:
            # A system of the user's own may be reached by variables of its client; none of them is for our own stacks.
            with without_client_variables() if _is_ours(place) else nullcontext():
                say(restore(place, limits, environment, complain))
        except NotProvenBack as unknown:
            complain(f"NOT PROVEN: {unknown}")
            code = exit_codes.NOT_READY
        except NotClosed as stays:
            complain(f"NOT CLOSED: {stays}")
            code = exit_codes.NOT_READY
        except TargetError as failure:
            complain(f"NOT RESTORED: {failure}")
            code = exit_codes.NOT_READY
    return code


def _is_ours(place: Place) -> bool:
    """Whether the target belongs to a stack of our own, embedded or compose."""
    recipe = place.fault.recipe if place.fault else None
    return recipe is not None and bool(recipe.stack_home or recipe.credentials == SecretSource("stack"))


def _set(given: dict[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in given.items() if value is not None}


def _with_config(place: Place, config: str | None) -> Place:
    """Return `place` with another file of client properties, where Kafka is asked and one was given."""
    fault = place.fault
    if not config or fault is None or fault.recipe is None or fault.recipe.protocol != "kafka":
        return place
    recipe = replace(fault.recipe, kafka_config=str(Path(config).absolute()), folder=str(Path.cwd()))
    return replace(place, fault=replace(fault, recipe=recipe))


def _forget(top: CarefulParser, arguments: Any) -> int:
    found = places()
    if arguments.journal:
        wanted = Path(arguments.journal).absolute()
        found = [place for place in found if place.folder.absolute() == wanted]
        if not found:
            top.error(f"--journal {arguments.journal}: no journal is open there; see `python -m chaos status --json`")
    if not found:
        say(NOTHING)
        return exit_codes.AS_EXPECTED
    if len(found) > 1:
        for place in found:
            say(f"{place.folder}: {place.describe()}")
        top.error("several journals are open: name one of these folders with --journal")
    (place,) = found
    if (reason := why_not(place)) is not None:
        complain(f"NOT FORGOTTEN: {place.describe()}: {reason}")
        return exit_codes.NOT_READY
    if not arguments.yes:
        say(f"{place.describe()}\n  `python -m chaos forget --yes` closes its journal; it heals and proves nothing")
        return exit_codes.INCONCLUSIVE
    try:
        say(forget(place))
    except TargetError as failure:
        complain(f"NOT FORGOTTEN: {failure}")
        return exit_codes.NOT_READY
    return exit_codes.AS_EXPECTED


def _document(place: Place) -> dict[str, Any]:
    fault = place.fault
    return {
        "journal": str(place.folder),
        "run_id": fault.run_id if fault else None,
        "fault": fault.fault if fault else None,
        "target": fault.target.component if fault else None,
        "described": fault.described if fault else None,
        "since": fault.at if fault else None,
        "harness": fault.pid if fault else None,
        "watchdog": place.watchdog,
        "problem": place.problem,
    }


def _seconds(top: CarefulParser, arguments: Any, name: str) -> float | None:
    text = getattr(arguments, name)
    if text is None:
        return None
    try:
        if (seconds := parse_duration(text)) < 1:
            raise ValueError("it must be at least 1s")
        return seconds
    except ValueError as error:
        top.error(f"--{name.replace('_', '-')} {text}: {error}")


if __name__ == "__main__":
    let_output_fail()
    sys.exit(main())
