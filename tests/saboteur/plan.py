"""The harness's own locustfile against the saboteur: everything is as always, but orders go to another service."""

import os
import uuid
from dataclasses import replace
from typing import Any

import chaos.embedded
import locustfile
from chaos.embedded import EmbeddedSystem
from chaos.subject import Subject
from locustfile import LoadAndChaos, Orders
from runlog.settings import Settings

URL = os.environ["SABOTEUR_URL"]


class Sabotaged(EmbeddedSystem):
    """The embedded stack with the saboteur in place of its order service."""

    def prepare(self, settings: Settings) -> Subject:
        """Return the stack, its service replaced."""
        subject = super().prepare(settings)

        def place(customer_id: uuid.UUID) -> Any:
            return locustfile._place_order(URL, settings.request_timeout, customer_id)

        phantom = None if subject.phantom_url is None else f"{URL}/chaos/phantom-event"
        logs = {name: path for name, path in subject.logs.items() if name != "service"}
        health = f"{URL}/actuator/health"
        return replace(subject, service_url=URL, health_url=health, place_order=place, phantom_url=phantom, logs=logs)


vars(chaos.embedded)["EmbeddedSystem"] = Sabotaged
__all__ = ["LoadAndChaos", "Orders"]
