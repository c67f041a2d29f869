"""The properties with which the embedded broker is started."""

from pathlib import Path

import pytest

from stack.embedded import EmbeddedStack
from stack.kafka import CONTROLLER_PORT


@pytest.mark.parametrize(("again", "session_ms"), [(False, 9000), (True, 1000)])
def test_only_a_broker_that_is_started_again_has_a_short_session(tmp_path: Path, again: bool, session_ms: int) -> None:
    """A busy machine must not make it lose its session; one of the process before must soon be lost."""
    written, data = tmp_path / "broker.properties", tmp_path / "data"
    if again:
        (data / "__cluster_metadata-0").mkdir(parents=True)
    EmbeddedStack(tmp_path).broker._write_configuration(written, 9092, {CONTROLLER_PORT: 9093}, data)
    lines = written.read_text(encoding="utf-8").splitlines()
    assert f"broker.session.timeout.ms={session_ms}" in lines
    assert f"log.dirs={data}" in lines
