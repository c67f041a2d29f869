"""TCP ports of the components: as given, or free ones below the kernel's ephemeral range.

Why below: while a broker is down, its clients connect to its port again and again. If that port were ephemeral, an
outgoing connection of any process (of the client itself, by TCP's simultaneous open) could occupy it, and the broker
could not restart on it.
"""

import random
import socket
from collections import deque
from collections.abc import Collection
from pathlib import Path

from stack.errors import PortTaken, StackError

HOST = "127.0.0.1"
_LOWEST_CHOSEN = 12_000
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_ATTEMPTS = 500
# A server takes seconds to listen on its chosen port. Until then this process holds the UDP port of the same number,
# which none of our servers uses, so that no other harness on this machine chooses it too.
_held: deque[socket.socket] = deque(maxlen=64)


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections in TIME_WAIT do not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def claim(port: int, option: str) -> int:
    """Return `port` if it is free; raises PortTaken, which names the option, otherwise."""
    if not is_free(port):
        raise PortTaken(
            f"{option} {port} is taken by another process: stop that process, "
            f"or give {option} another port (0 chooses a free one)"
        )
    return port


def choose(avoid: Collection[int] = ()) -> int:
    """Return a free port below the ephemeral range and not in `avoid`; raises StackError if none was found."""
    highest = 32_000
    if _EPHEMERAL_RANGE.exists():
        highest = min(highest, int(_EPHEMERAL_RANGE.read_text().split()[0]) - 1)
    lowest = min(_LOWEST_CHOSEN, max(1024, highest - 1000))
    for _ in range(_ATTEMPTS):
        port = random.randint(lowest, max(lowest, highest))
        if port not in avoid and is_free(port) and _hold(port):
            return port
    raise StackError(f"no free port between {lowest} and {highest} on {HOST} after {_ATTEMPTS} attempts: free some")


def _hold(port: int) -> bool:
    """Reserve a chosen port; False when a process (maybe this one) has reserved it."""
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        held.bind((HOST, port))
    except OSError:
        held.close()
        return False
    if len(_held) == _held.maxlen:
        _held.popleft().close()
    _held.append(held)
    return True
