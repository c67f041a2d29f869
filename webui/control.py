"""Who controls the runs of this process: whoever pressed Start, until someone else takes control. Pure."""

import hmac
import secrets

BYTES = 24


class Control:
    """One token; its holder may act while a run goes on."""

    def __init__(self) -> None:
        self._token: str | None = None

    def take(self) -> str:
        """Give control to the caller; the holder before loses it."""
        self._token = secrets.token_urlsafe(BYTES)
        return self._token

    def holds(self, token: str | None) -> bool:
        """Return whether `token` is that of the holder."""
        return self._token is not None and token is not None and hmac.compare_digest(self._token, token)

    def may_act(self, token: str | None, *, running: bool) -> bool:
        """Return whether the caller may act: nobody has to hold anything while no run goes on."""
        return not running or self.holds(token)
