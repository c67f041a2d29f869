"""Which rows and events are those of the run, for each of the three kinds of attribution.

`tagged`: the customer id that was sent says so. `exclusive`: no other client writes, so all rows and events since the
start are, except the canary orders of the harness. `acknowledged-only`: those whose order id an answer returned; an
attempt without an answer stays unresolved. In the last two a row or event carries no sequence number.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.ids import Bools, Words, among

TAGGED: Final = "tagged"
EXCLUSIVE: Final = "exclusive"
ACKNOWLEDGED_ONLY: Final = "acknowledged-only"


@dataclass(frozen=True, slots=True)
class Attribution:
    """How orders are attributed to the run.

    Attributes:
        kind: TAGGED, EXCLUSIVE or ACKNOWLEDGED_ONLY.
        canaries: IDS of the canary orders that the harness placed, which are no part of the run.
        acknowledged: IDS that answers returned, each once, in ascending order.
        names: texts of these that cannot be decoded from their bytes.
        sequences: for each of `acknowledged` the number of an attempt that it was returned to; None: not known.
    """

    kind: str
    canaries: NDArray[np.void]
    acknowledged: NDArray[np.void]
    names: dict[bytes, str] = field(default_factory=dict)
    sequences: Words | None = None

    def of_run(self, ids: NDArray[np.void]) -> Bools:
        """Return which of `ids` (any array with the words `hi` and `lo`) are of the run; not meant for TAGGED."""
        return among(ids, self.acknowledged) if self.kind == ACKNOWLEDGED_ONLY else ~among(ids, self.canaries)
