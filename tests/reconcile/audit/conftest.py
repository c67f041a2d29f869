"""The shop that is audited."""

from collections.abc import Iterator

import pytest

from reconcile.audit import recheck
from tests.conftest import Infra
from tests.reconcile.audit.shop import Shop


@pytest.fixture
def shop(infra: Infra, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(recheck, "LONGEST_S", 1.0)
    made = Shop(infra, capsys)
    yield made
    made.sql(f"DROP TABLE IF EXISTS {made.table}")
    made.admin.delete_topics([made.topic])[made.topic].exception(20)
