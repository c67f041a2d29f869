"""Who controls the runs of this process: the browser that pressed Start, until another takes control. Pure."""

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
        if self._token is None or token is None:
            return False
        return hmac.compare_digest(self._token.encode(), token.encode(errors="replace"))

    def may_act(self, token: str | None, *, running: bool) -> bool:
        """Return whether the caller may act: while no run goes on, no token is needed."""
        return not running or self.holds(token)
