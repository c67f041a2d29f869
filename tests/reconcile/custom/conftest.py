"""Shops that are dropped after the test."""

from collections.abc import Iterator

import pytest

from tests.conftest import Infra
from tests.reconcile.custom.shop import Shop


@pytest.fixture
def shops(infra: Infra) -> Iterator[list[Shop]]:
    made: list[Shop] = []
    yield made
    for shop in made:
        shop.drop()
