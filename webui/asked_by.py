"""Whether a request that changes something comes from the harness's own page, another page, or no browser at all."""

from typing import Final

from werkzeug.datastructures import Headers

from chaos.run.web_access import is_foreign

_OWN_SITES: Final = frozenset({"same-origin", "none"})
JSON: Final = "application/json"


def is_browser(headers: Headers) -> bool:
    """Return whether a browser asks: each sends one of these headers with a request that changes something."""
    return "Origin" in headers or "Sec-Fetch-Site" in headers


def is_elsewhere(headers: Headers) -> bool:
    """Return whether a browser says that a page of another site asks."""
    site = headers.get("Sec-Fetch-Site")
    return site is not None and site not in _OWN_SITES


def problem_of(headers: Headers, content_type: str | None) -> str | None:
    """Return why an action is refused, None if it may be done.

    A form of another site can be sent without the harness's page, but not as JSON, and not with these headers.
    """
    if is_elsewhere(headers):
        return "the request comes from another site"
    if is_foreign(headers.get("Origin"), headers.get("Host", "")):
        return "the request comes from another page"
    if (content_type or "").partition(";")[0].strip().lower() != JSON:
        return f"the request must be {JSON}"
    return None
