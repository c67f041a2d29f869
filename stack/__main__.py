"""`python -m stack`: fetch the broker's jars, start or stop the embedded stack, show its status, clean up.

Exit codes: 0 done (for `status`: every component that was asked for is up and healthy), 2 usage error, 3 `status`: not
fully up, 4 something could not be fetched, started or stopped, 130 or 143 interrupted.
"""

import argparse
import signal
import sys
from dataclasses import fields
from types import FrameType

from files.output_streams import let_output_fail, say
from redaction.parser import CarefulParser, warn_of_password
from stack import kafka_archive, run_cleanup
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.lease import LEASE, Lease, LeaseTaken
from stack.settings import PROXIED, VARIANTS, ServiceSettings, StackSettings
from stack.status import as_document, as_json, as_text
from stack.with_stack import run_with
from stores.variables import ignore_client_variables

EXIT_OK, EXIT_USAGE, EXIT_NOT_UP, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_TERMINATED = 0, 2, 3, 4, 130, 143
_DEFAULT = ServiceSettings()


def show_progress(step: str, state: str, seconds: float | None) -> None:
    say(f"{step:<14} {state}" + ("" if seconds is None else f" {seconds:.1f} s"))


def parser() -> argparse.ArgumentParser:
    top = CarefulParser(
        prog="python -m stack",
        description="The embedded stack: real PostgreSQL, real Apache Kafka and the order service, on 127.0.0.1.",
        epilog="Exit codes: 0 done, 2 usage, 3 (status) not fully up, 4 failed, 130/143 interrupted. "
        "Environment: HARNESS_STACK_HOME=FOLDER puts state, data and logs there instead of .stack.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("fetch", help="download Kafka's jars once, verify them, make the class archive")
    down = commands.add_parser("down", help="stop every component; data stays")
    clean = commands.add_parser(
        "clean",
        help="down, then delete data and logs; with RUN: delete only the rows of that run",
        description="Without RUN: take the stack down and delete its data and logs. With RUN: delete the rows of that "
        "run (and the check orders that it placed) from its database, and nothing else.",
        allow_abbrev=False,
    )
    run_cleanup.add_arguments(clean)
    status = commands.add_parser(
        "status", help="show what runs, where, and its health; exit code 0 if all that was asked for is up, else 3"
    )
    status.add_argument("--json", action="store_true", help="print one JSON object (no secret in it)")
    with_ = commands.add_parser(
        "with",
        help="run a command while PostgreSQL and Kafka are up; its environment says where",
        description="Start PostgreSQL and Kafka if they are down, run COMMAND with LOCUST_DATABASE_URL and "
        "LOCUST_KAFKA_BOOTSTRAP in its environment, and stop them again; a stack that was up before stays up. The exit "
        "code is that of COMMAND, 127 if it cannot be started.",
    )
    with_.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND", help="the command and its arguments")
    up = commands.add_parser("up", help="start what is missing, and wait until everything answers")
    for command in (up, down, clean):
        more = "; with RUN: also when it was not judged completely" if command is clean else ""
        command.add_argument("--force", action="store_true", help=f"also while a running harness uses the stack{more}")
    for name in ("service", "database", "kafka"):
        up.add_argument(f"--{name}-port", type=int, default=0, metavar="PORT", help="TCP port (default: a free one)")
    up.add_argument(
        "--proxy",
        choices=PROXIED,
        default="",
        help="component that is reached through the TCP proxy, as partition, latency and reset need it",
    )
    up.add_argument("--without-service", action="store_true", help="only PostgreSQL and Kafka")
    up.add_argument("--service-variant", dest="variant", choices=VARIANTS, default=_DEFAULT.variant)
    up.add_argument("--service-chaos", dest="chaos", action="store_true", help="offer the phantom endpoint")
    numbers = {
        "pool_size": "database connections",
        "pool_wait": "longest wait for a connection, seconds",
        "block_time": "longest time a send blocks, seconds",
        "confirm_wait": "longest wait of awaited and raised for a confirmed event, seconds; 0: its delivery timeout",
    }
    for name, text in numbers.items():
        default = getattr(_DEFAULT, name)
        flag = f"--service-{name.replace('_', '-')}"
        up.add_argument(flag, dest=name, type=type(default), default=default, help=f"{text} (default {default:g})")
    up.add_argument("--service-publish-failure", dest="publish_failure", choices=("201", "500"), default="201")
    up.add_argument(
        "--delivery-timeout",
        type=float,
        default=_DEFAULT.delivery_timeout,
        help=f"the producer's, seconds (default {_DEFAULT.delivery_timeout:g})",
    )
    up.add_argument("--topic", default=_DEFAULT.topic, help=f"topic of the events (default {_DEFAULT.topic})")
    return top


def _up(arguments: argparse.Namespace) -> int:
    try:
        service = ServiceSettings(**{item.name: getattr(arguments, item.name) for item in fields(ServiceSettings)})
        settings = StackSettings(
            service_port=arguments.service_port,
            database_port=arguments.database_port,
            kafka_port=arguments.kafka_port,
            service=service,
            proxy=arguments.proxy,
        )
        if arguments.proxy == "service" and arguments.without_service:
            raise ValueError(
                "--proxy service --without-service: there is no service behind the proxy; leave out one of the two"
            )
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    stack = EmbeddedStack(progress=show_progress)
    _respect_lease(stack, arguments)
    stack.up(settings, owner="python -m stack up", with_service=not arguments.without_service)
    say(as_text(as_document(stack)))
    return EXIT_OK


def _respect_lease(stack: EmbeddedStack, arguments: argparse.Namespace) -> None:
    """Raise LeaseTaken if a running harness uses the stack: a change would invalidate its measurement."""
    holder = Lease(stack.home / LEASE).holder()
    if holder and not getattr(arguments, "force", False):
        forced = f"run 'python -m stack {arguments.command} --force' to do it anyway"
        other = "set HARNESS_STACK_HOME to another folder" if arguments.command == "with" else forced
        raise LeaseTaken(
            f"a running harness (process {holder}) uses the stack in {stack.home}: wait until it has ended, or {other}"
        )


def _status(arguments: argparse.Namespace) -> int:
    document = as_document(EmbeddedStack())
    say(as_json(document) if arguments.json else as_text(document))
    return EXIT_OK if document["up"] else EXIT_NOT_UP


def _fetch(_: argparse.Namespace) -> int:
    kafka_archive.ensure(progress=show_progress)
    say("kafka jars     verified")
    return EXIT_OK


def _with(arguments: argparse.Namespace) -> int:
    if not arguments.words:
        sys.stderr.write("with: COMMAND is missing, for example python -m reconcile latest\n")
        return EXIT_USAGE
    stack = EmbeddedStack(progress=show_progress)
    _respect_lease(stack, arguments)
    return run_with(stack, arguments.words)


def run(arguments: argparse.Namespace) -> int:
    """Carry out one command and return its exit code; raises StackError when it fails."""
    if getattr(arguments, "run", None) is None:
        # `clean RUN` may clean a database of the user's own, which those variables describe.
        ignore_client_variables()
    act = {"up": _up, "status": _status, "fetch": _fetch, "with": _with}.get(arguments.command)
    if act is not None:
        return act(arguments)
    stack = EmbeddedStack(progress=show_progress)
    if arguments.command == "clean":
        if arguments.run is not None:
            warn_of_password(arguments.database_url)
            run_cleanup.clean_run(arguments, stack, say, lambda: _respect_lease(stack, arguments))
            return EXIT_OK
        run_cleanup.check_without_run(arguments)
    _respect_lease(stack, arguments)
    if stack.status() is None and not stack.orphans():
        say("nothing runs")
    if arguments.command == "clean":
        stack.clean()
    else:
        stack.down()
    return EXIT_OK


def _on_terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit(EXIT_TERMINATED)  # so that what `up` has started is stopped on the way out


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _on_terminate)
    try:
        return run(arguments)
    except run_cleanup.WrongOption as error:
        sys.stderr.write(f"clean: {error}\n")
        return EXIT_USAGE
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what this call had started is stopped\n")
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    let_output_fail()
    sys.exit(main())
