"""`python -m chaos.live`: the live counter."""

import sys

from chaos.live.reader import main
from files.output_streams import let_output_fail

if __name__ == "__main__":
    # A harness that was killed reads no more; then standard input ends, and so does this process.
    let_output_fail()
    sys.exit(main())
