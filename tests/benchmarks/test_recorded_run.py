"""The run that the benchmark of judging writes: the reconciler finds in it exactly what is in the stores."""

from pathlib import Path

import pytest

from benchmarks.reconcile_speed import Measured, time_judging
from benchmarks.witness_data import drop_data, make_data
from tests.conftest import Infra
from tests.environment import drop_options

pytestmark = pytest.mark.real


def test_a_written_run_is_judged_and_its_differences_are_counted(
    infra: Infra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_options(monkeypatch)
    data = make_data(infra.database_url, infra.kafka_bootstrap, 2000)
    measured = Measured(data.orders)
    try:
        time_judging(infra.database_url, infra.kafka_bootstrap, data, tmp_path, measured)
    finally:
        drop_data(infra.database_url, infra.kafka_bootstrap, data)
    assert set(measured.best) == {"run", "run again"}
    assert (len(data.lost), len(data.phantom)) == (2, 1)
