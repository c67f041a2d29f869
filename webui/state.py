"""What `/chaos/state` answers: the present of the run, who controls it, and whether Locust runs."""

from typing import Any

import msgspec

from chaos.run.conductor import Conductor
from chaos.run.run_view import view_of
from webui.control import Control


def state_of(conductor: Conductor | None, refused: str | None, control: Control, token: str | None) -> dict[str, Any]:
    """Return the state as a JSON value.

    Args:
        conductor: of the last run; None before the first.
        refused: why the last start was refused; None if it was not.
        token: of the one who asks.
    """
    running = conductor is not None and conductor.active
    view = None if conductor is None else msgspec.to_builtins(view_of(conductor))
    if view is not None and view["snapshot"] is not None:
        view["snapshot"].pop("figure")
    return {
        "running": running,
        "view": view,
        "refused": refused,
        "may_act": control.may_act(token, running=running),
    }
