"""One order of the harness's own, placed outside of the load: for preflight and for the proof after an outage."""

import uuid
from dataclasses import dataclass

from contract.order_id import AcknowledgedId
from load.contract import OrderContract, PhantomContract, make_contract
from load.exchange import Exchanger
from runlog.servicefiles import read_service_files
from runlog.settings import Settings


@dataclass(frozen=True, slots=True)
class Placed:
    """How it was answered.

    Attributes:
        status: HTTP status, None without a complete answer.
        order_id: the id that the answer told, if any.
        reason: why there is none, in a few words without secrets.
    """

    status: int | None
    order_id: AcknowledgedId | None
    reason: str | None


def contract_of(settings: Settings, *, phantom: bool) -> OrderContract:
    """Return how orders are asked for, or with `phantom` how phantom events are.

    Raises:
        SettingsError: a file that the options name cannot be used.
    """
    if settings.external is not None:
        return make_contract(settings.external, read_service_files(settings.external, settings.attribution), phantom)
    return PhantomContract() if phantom else OrderContract()


def place(settings: Settings, service_url: str, customer_id: uuid.UUID) -> Placed:
    """Place one order for `customer_id` as `settings` say it at the service with the base URL `service_url`."""
    ca_file = "" if settings.external is None else settings.external.ca_file
    exchanger = Exchanger(service_url, 1, settings.request_timeout, ca_file)
    return place_with(contract_of(settings, phantom=False), exchanger, customer_id)


def place_with(contract: OrderContract, exchanger: Exchanger, customer_id: uuid.UUID) -> Placed:
    """Place one order for `customer_id` by `contract`, and close `exchanger`."""
    try:
        answer = exchanger.post(contract.path, contract.body(customer_id, 0), dict(contract.headers))
    finally:
        exchanger.close()
    if answer.status is None or not 200 <= answer.status < 300:
        return Placed(answer.status, None, answer.reason)
    order_id = contract.order_id(answer.body, answer.headers)
    lacking = None if order_id else f"and its answer has {contract.lacking(answer.body, answer.headers)}"
    return Placed(answer.status, order_id, lacking)
