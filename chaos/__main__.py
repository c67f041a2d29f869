"""`python -m chaos`: what is broken at this moment, and mending it from another terminal.

Exit codes: 0 nothing is broken (any more), 2 usage error, 3 `status`: something is, 4 it could not be restored.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from chaos.restoring import Place, places, restore
from chaos.targets import TargetError
from health.spec import ProbeProtocol, ProbeSpec
from redaction.parser import CarefulParser
from redaction.patterns import shows_secret
from runlog import exitcodes
from runlog.duration import parse_duration
from runlog.properties import PropertiesProblem, read_properties
from stack.embedded import EmbeddedStack
from stack.errors import StackError


def parser() -> CarefulParser:
    """Build the command line's parser."""
    top = CarefulParser(
        prog="python -m chaos",
        description="What a run has broken and not yet proven mended, on the stack of this checkout and elsewhere.",
        epilog="Exit codes: 0 nothing is broken (any more), 2 usage, 3 (status) something is, 4 not restored.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    status = commands.add_parser("status", help="say what stands open in the journals; 0 if nothing does, else 3")
    status.add_argument("--json", action="store_true", help="print one JSON array (no secret in it)")
    mend = commands.add_parser("restore", help="mend it, whoever broke it; a run that goes on breaks nothing more")
    mend.add_argument("--timeout", default="60s", metavar="DURATION", help="longest wait for it to serve (default 60s)")
    mend.add_argument(
        "--kafka-bootstrap", metavar="HOST:PORT", help="where the broker is asked (LOCUST_KAFKA_BOOTSTRAP)"
    )
    mend.add_argument("--kafka-config", metavar="FILE", help="its client properties (LOCUST_KAFKA_CONFIG)")
    mend.add_argument("--database-url", metavar="URL", help="better as LOCUST_DATABASE_URL: where PostgreSQL is asked")
    mend.add_argument("--health-url", metavar="URL", help="where the service is asked")
    return top


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    top = parser()
    arguments = top.parse_args(argv)
    if arguments.command == "status":
        return _status(arguments.json)
    try:
        timeout_s = parse_duration(arguments.timeout)
        client = read_properties(Path(given)) if (given := _given(arguments, "kafka_config")) else {}
    except PropertiesProblem as error:
        top.error(str(error))
    except ValueError as error:
        top.error(f"--timeout {arguments.timeout}: {error}")
    if arguments.database_url and shows_secret(arguments.database_url):
        sys.stderr.write(
            "warning: a password in --database-url shows in the list of processes; set LOCUST_DATABASE_URL\n"
        )
    found = places()
    if not found:
        _say("nothing is broken: no journal stands open")
    code = exitcodes.AS_EXPECTED
    for place in found:
        try:
            _say(restore(place, _probe(place, arguments, client), timeout_s))
        except TargetError as failure:
            sys.stderr.write(f"NOT RESTORED: {failure}\n")
            code = exitcodes.NOT_READY
    return code


def _status(as_json: bool) -> int:
    found = places()
    if as_json:
        _say(json.dumps([_document(place) for place in found], indent=2))
    else:
        for place in found:
            _say(f"{place.describe()}\n  `python -m chaos restore` mends it")
        if not found:
            _say("nothing is broken: no journal stands open")
    return exitcodes.INCONCLUSIVE if found else exitcodes.AS_EXPECTED


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


def _probe(place: Place, arguments: Any, client: dict[str, str]) -> ProbeSpec | None:
    """How the target of `place` is asked: its stack knows, else the options say."""
    if place.fault is None:
        return None
    component = place.fault.target.component
    if place.fault.target.kind == "process":
        home = place.fault.target.parameters.get("home", "")
        try:
            state = EmbeddedStack(Path(home)).status() if home else None
        except StackError as error:
            raise TargetError(str(error)) from None
        if state is None:
            return None
        return {
            "broker": ProbeSpec("kafka", state.kafka_bootstrap),
            "database": ProbeSpec("sql", state.database_url),
            "service": ProbeSpec("http", f"{state.service_url}/actuator/health"),
        }.get(component)
    asked: dict[str, tuple[str, ProbeProtocol]] = {
        "broker": ("kafka_bootstrap", "kafka"),
        "database": ("database_url", "sql"),
        "service": ("health_url", "http"),
    }
    if component not in asked:
        return None
    name, protocol = asked[component]
    address = _given(arguments, name)
    return ProbeSpec(protocol, address, client if protocol == "kafka" else {}) if address else None


def _given(arguments: Any, name: str) -> str:
    return getattr(arguments, name) or os.environ.get(f"LOCUST_{name.upper()}", "")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
