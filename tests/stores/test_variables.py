"""Variables of PostgreSQL's client change nothing for a stack of our own, and all for a system of the user's."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from contract.attribution import TAGGED, Attribution
from contract.run_key import RunKey
from reconcile.witnesses.witness_stores import Stores, read_stores
from stores.variables import dropped_variables, ignore_client_variables, without_client_variables
from tests.conftest import Infra
from tests.reconcile.witnesses.witness_data import create_tables, facts_of, ids_array, silent
from tests.stack.shell_variables import FULL

pytestmark = pytest.mark.process


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FULL.items():
        if name.startswith("PG"):
            monkeypatch.setenv(name, text)
    monkeypatch.setenv("PGP_KEY", "not the client's")


@pytest.mark.usefixtures("shell")
def test_they_are_dropped_for_good_and_kept_for_other_commands() -> None:
    ignore_client_variables()
    assert not [name for name in os.environ if name in FULL and name.startswith("PG")]
    assert os.environ["PGP_KEY"] == "not the client's"
    assert dropped_variables()["PGSERVICE"] == "no-such-service"
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.environ.get('PGSERVICE'))"], capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == "None\n"


@pytest.mark.usefixtures("shell")
def test_they_are_back_after_a_while() -> None:
    with without_client_variables():
        assert "PGOPTIONS" not in os.environ
    assert os.environ["PGOPTIONS"] == FULL["PGOPTIONS"]


@pytest.mark.real
def test_a_run_is_read_by_its_own_connection_string_alone(infra: Infra, request: pytest.FixtureRequest) -> None:
    url = infra.new_database()
    create_tables(url)
    stores = Stores(url, {"bootstrap.servers": infra.kafka_bootstrap})
    facts = facts_of(RunKey.random(), topic=infra.new_topic(1))
    attribution = Attribution(TAGGED, ids_array([]), ids_array([]))
    request.getfixturevalue("shell")
    # A system of the user's own is asked as the user's own client would ask it.
    rows, _ = read_stores(stores, replace(facts, stack="external"), attribution, None, silent)
    assert not rows.complete
    assert 'definition of service "no-such-service" not found' in str(rows.problem)
    assert "service, from PGSERVICE in the environment" in str(rows.problem)
    rows, _ = read_stores(stores, facts, attribution, None, silent)
    assert rows.complete, rows.problem
