"""`python -m chaos.monitor`: the monitor process."""

import sys

from chaos.monitor.monitor import main
from files.output_streams import let_output_fail

if __name__ == "__main__":
    # A harness that was killed reads no more; then standard input ends, and so does the monitor.
    let_output_fail()
    sys.exit(main())
