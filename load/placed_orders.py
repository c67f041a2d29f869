"""One order of the harness's own, placed outside the load: the check order of preflight, the canary after an outage."""

import uuid
from typing import Final

from contract.http import JSON_HEADERS, CustomContract, OrderContract, PhantomContract, PlacedOrder
from load.exchange import Exchanger
from redaction.masking import mask_line
from redaction.patterns import without_secrets
from settings.external import ExternalSettings
from settings.run_settings import Settings
from settings.service_files import ServiceFiles, read_service_files

# How much of an error's body is masked before it is cut for display.
READ_BYTES: Final = 4096
LONGEST_SHOWN: Final = 120


def contract_of(settings: Settings, *, phantom: bool) -> OrderContract:
    """Return how orders are requested, or phantom events with `phantom`.

    Raises:
        SettingsError: a file that the options name cannot be used.
    """
    if settings.external is not None:
        return custom_contract(settings.external, read_service_files(settings.external, settings.attribution), phantom)
    return PhantomContract() if phantom else OrderContract()


def place(settings: Settings, service_url: str, customer_id: uuid.UUID) -> PlacedOrder:
    """Place one order for `customer_id` as `settings` say, at the service with the base URL `service_url`."""
    ca_file = "" if settings.external is None else settings.external.ca_file
    exchanger = Exchanger(service_url, 1, settings.request_timeout, ca_file)
    return place_with(contract_of(settings, phantom=False), exchanger, customer_id)


def place_with(contract: OrderContract, exchanger: Exchanger, customer_id: uuid.UUID) -> PlacedOrder:
    """Place one order for `customer_id` by `contract`, and close `exchanger`."""
    try:
        answer = exchanger.post(contract.path, contract.body(customer_id, 0), dict(contract.headers))
    finally:
        exchanger.close()
    if answer.status is None:
        return PlacedOrder(None, None, answer.reason)
    begins = body_start(answer.body, [value for _, value in contract.headers])
    if not 200 <= answer.status < 300:
        return PlacedOrder(answer.status, None, answer.reason or begins)
    order_id = contract.order_id(answer.body, answer.headers)
    lacking = None if order_id else f"and its answer has {contract.lacking(answer.body, answer.headers)}, {begins}"
    return PlacedOrder(answer.status, order_id, lacking)


def body_start(body: bytes, secrets: list[str]) -> str:
    """Return how an answer's body begins: one line, printable, without `secrets`, at most 120 characters."""
    text = without_secrets(mask_line(body[:READ_BYTES].decode(errors="replace"), secrets))
    clean = "".join(sign if sign.isprintable() else "?" for sign in text)
    if not clean:
        return "its body is empty"
    return f"its body begins: {clean[:LONGEST_SHOWN]}{'...' if len(clean) > LONGEST_SHOWN else ''}"


def custom_contract(external: ExternalSettings, files: ServiceFiles, phantom: bool) -> OrderContract:
    """Return the custom contract of a service that options describe; with `phantom` that of its phantom endpoint."""
    given = {name.lower() for name, _ in files.headers}
    headers = (*((name, value) for name, value in JSON_HEADERS if name.lower() not in given), *files.headers)
    if phantom:
        return PhantomContract(headers=headers)
    return CustomContract(external.order_path, headers, files.body, external.order_id, external.id_kind)
