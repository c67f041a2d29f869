"""`python -m chaos.monitor`: the monitor process."""

import sys

from chaos.monitor.monitor import main

sys.exit(main())
