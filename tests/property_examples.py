"""How many examples a property is tried with.

Each test names the number for a whole search; EXAMPLES_PERCENT scales it: few where thousands of changed cores are put
before the tests in turn (`make mutate`), more than the whole by night.
"""

import os
from typing import Final

PERCENT: Final = int(os.environ.get("EXAMPLES_PERCENT", "100"))


def examples(number: int) -> int:
    """Return how many of `number` examples to try."""
    return max(10, number * PERCENT // 100)
