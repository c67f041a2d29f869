"""`python -m reconcile RUN`, `python -m reconcile show RUN ORDER_ID`, `python -m reconcile audit ...`.

`python -m reconcile check` is for preflight: it reads one JSON request on standard input (`reconcile.check_command`).

Only what the command at hand needs is loaded: an audit of a small table takes less time than loading the reports would.
"""

import sys
import traceback
from collections.abc import Sequence

from files.output_streams import let_output_fail
from runlog.exit_codes import USAGE_OR_CRASH


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name, and return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] == ["audit"]:
        from reconcile.audit.audit_command import main as audit

        return audit(given[1:])
    if given == ["check"]:
        from reconcile.check_command import main as check

        return check()
    if given[:1] == ["show"]:
        from reconcile.trace.trace_command import main as show

        return show(given[1:])
    from reconcile.command import main as judge

    return judge(given)


def _run() -> int:
    """Run the command; a bug of ours must not end with 1, which would say "not as expected"."""
    let_output_fail()
    try:
        return main()
    except Exception as error:
        traceback.print_exc()
        raise SystemExit(USAGE_OR_CRASH) from error


if __name__ == "__main__":
    sys.exit(_run())
