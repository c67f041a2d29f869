"""A database with the tables of an order service."""

from __future__ import annotations

import pytest

from tests.conftest import Infra
from tests.reconcile.witnesses.witness_data import create_tables


@pytest.fixture
def url(infra: Infra) -> str:
    database_url = infra.new_database()
    create_tables(database_url)
    return database_url
