"""The harness's own locustfile against the saboteur: only the order service is another one."""

import os
from dataclasses import replace
from functools import partial

import chaos.sut.embedded
from chaos.sut.embedded import EmbeddedSystem
from chaos.sut.sut import SystemUnderTest
from load.placed_orders import place
from locustfile import LoadAndChaos, Orders
from settings.run_settings import Settings

URL = os.environ["SABOTEUR_URL"]


class Sabotaged(EmbeddedSystem):
    """The embedded stack with the saboteur in place of its order service."""

    def prepare(self, settings: Settings) -> SystemUnderTest:
        """Return the stack, its service replaced."""
        sut = super().prepare(settings)

        phantom = None if sut.phantom_url is None else f"{URL}/chaos/phantom-event"
        logs = {name: path for name, path in sut.logs.items() if name != "service"}
        health = f"{URL}/actuator/health"
        return replace(
            sut,
            service_url=URL,
            health_url=health,
            place_order=partial(place, settings, URL),
            phantom_url=phantom,
            logs=logs,
        )


vars(chaos.sut.embedded)["EmbeddedSystem"] = Sabotaged
__all__ = ["LoadAndChaos", "Orders"]
