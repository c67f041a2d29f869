"""What faults do to the TCP proxy in a target's way (`stack.proxy`), and how that is undone."""

from typing import TYPE_CHECKING, cast

from chaos.faults.fault import Hit
from stack.proxy_mode import PLAIN, ProxyMode

if TYPE_CHECKING:
    from stack.component import ManagedProcess
    from stack.proxy import Proxy


def degrade(hit: "Hit[ManagedProcess]", mode: ProxyMode) -> None:
    """Set the proxy's mode; it has confirmed it when this returns. Raises StackError."""
    cast("Proxy", hit.thing).apply(mode)


def restore(hit: "Hit[ManagedProcess]") -> None:
    """Let the proxy carry all bytes at once again; one that was started since is plain already. Raises StackError."""
    record = hit.thing.record
    if record is not None and record.pid == hit.undo["pid"] and hit.thing.is_alive():
        cast("Proxy", hit.thing).apply(PLAIN)
