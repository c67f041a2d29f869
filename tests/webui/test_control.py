"""Who may act: the browser that pressed Start, until control is taken; and only the harness's own page, by JSON."""

import pytest
from werkzeug.datastructures import Headers

from webui.asked_by import is_browser, problem_of
from webui.control import Control

OWN = {"Host": "127.0.0.1:8089", "Origin": "http://127.0.0.1:8089", "Sec-Fetch-Site": "same-origin"}


def test_the_holder_acts_and_loses_control_when_it_is_taken() -> None:
    control = Control()
    first = control.take()
    assert control.may_act(first, running=True)
    second = control.take()
    assert first != second
    assert not control.may_act(first, running=True)
    assert control.may_act(second, running=True)


@pytest.mark.parametrize("token", [None, "", "guess"])
def test_without_a_token_one_may_act_only_while_no_run_goes_on(token: str | None) -> None:
    control = Control()
    assert control.may_act(token, running=False)
    assert not control.may_act(token, running=True)
    control.take()
    assert control.may_act(token, running=False)
    assert not control.may_act(token, running=True)


@pytest.mark.parametrize(
    ("headers", "content_type", "problem"),
    [
        (OWN, "application/json", None),
        (OWN, "application/json; charset=utf-8", None),
        ({"Host": "127.0.0.1:8089"}, "application/json", None),
        ({**OWN, "Sec-Fetch-Site": "cross-site"}, "application/json", "another site"),
        ({**OWN, "Sec-Fetch-Site": "same-site"}, "application/json", "another site"),
        ({**OWN, "Origin": "http://127.0.0.1:9000"}, "application/json", "another page"),
        ({**OWN, "Origin": "null"}, "application/json", "another page"),
        (OWN, "application/x-www-form-urlencoded", "must be application/json"),
        (OWN, "text/plain", "must be application/json"),
        (OWN, None, "must be application/json"),
    ],
)
def test_actions_come_from_the_own_page_as_json(
    headers: dict[str, str], content_type: str | None, problem: str | None
) -> None:
    found = problem_of(Headers(headers), content_type)
    assert (found is None) if problem is None else (found is not None and problem in found)


def test_a_browser_is_known_by_its_headers() -> None:
    assert is_browser(Headers(OWN))
    assert is_browser(Headers({"sec-fetch-site": "none"}))
    assert not is_browser(Headers({"Host": "x", "User-Agent": "curl/8"}))
