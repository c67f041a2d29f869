"""A run's folder as the harness would have left it, for orders that are already in the stores."""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchmarks.witness_data import KEY, PARTITIONS, WitnessData, order_ids
from contract.contract import contract_from_texts
from health.replies import ANSWERED, KEPT, NEW, REFUSED, ProbeResult
from runlog import marks as m
from runlog.clock import AnchoredClock
from runlog.facts import RunFacts, TopicStart
from runlog.fault_facts import FaultFacts
from runlog.folder import RunFolder
from runlog.ledger import Completion, LedgerWriter, Phase
from runlog.marks import Mark, MarksWriter
from runlog.offsets import Observation
from runlog.outcomes import Failure, Outcome
from runlog.probe_results import probe_record

RATE = 1000.0
# So long ago that no event of the run can still come.
PAST_S = 60.0
# How often the monitor asks on the kept connection; a new one is opened every fourth time.
PROBE_EVERY_S = 0.05


def write_run(path: Path, data: WitnessData, topic_id: str | None) -> Path:
    """Write the folder of a run of `data`, all of whose orders were acknowledged long ago, and return it."""
    folder = RunFolder(path)
    path.mkdir(parents=True)
    clock = AnchoredClock.anchor()
    seconds = data.orders / RATE
    start = clock.now() - seconds - PAST_S
    facts = _facts(path.name, clock, start, data, topic_id)
    facts.write(folder)
    _write_ledger(folder, start, data)
    marks = MarksWriter(folder.marks)
    third = seconds / 3
    down_edge = [start + third, start + third + 0.1]
    up_edge = [start + 2 * third - 0.2, start + 2 * third - 0.1]
    _write_observations(folder, start, data.orders, (down_edge[1], up_edge[0]))
    for at, name, outage, detail in (
        (0.0, m.STARTED, None, {"run": str(KEY)}),
        (0.0, m.BASELINE, None, {}),
        (third - 0.1, m.INJECTING, 0, {"fault": "stop", "target": "broker"}),
        (third + 0.2, m.INJECTED, 0, {"down_edge": down_edge}),
        (2 * third - 1, m.HEALING, 0, {}),
        (2 * third, m.HEALED, 0, {"up_edge": up_edge, "healed_by": "harness"}),
        (2 * third, m.RECOVERY, None, {}),
        (seconds, m.DRAIN, None, {}),
        (seconds + 8, m.DRAINED, None, {"complete": True, "missing": []}),
        (seconds + 9, m.ENDED, None, {"wall_step": 0.0}),
    ):
        marks.write(Mark(start + at, name, outage, detail))
    marks.close()
    return path


def _facts(name: str, clock: AnchoredClock, start: float, data: WitnessData, topic_id: str | None) -> RunFacts:
    third = data.orders / RATE / 3
    return RunFacts(
        run_id=name,
        run_key=KEY,
        started_at=start,
        clock=clock,
        options={},
        command=["locust"],
        versions={},
        scenario="lost-event",
        stack="embedded",
        rate=RATE,
        baseline_s=third,
        outage_s=third,
        recovery_s=third,
        request_timeout_s=10.0,
        delivery_timeout_s=3.0,
        settle_s=5.0,
        fault=FaultFacts("stop", "stop of the {target}"),
        fault_target="broker",
        expect="consistent",
        expect_source="the default",
        attribution="tagged",
        topic=TopicStart(data.topic, topic_id, {0: 0, 1: 0, 2: 0}),
        block_time_s=1.0,
        contract=contract_from_texts(orders_table=data.table, reference=True),
    )


def _write_ledger(folder: RunFolder, start: float, data: WitnessData) -> None:
    """Write the ledger: all orders acknowledged."""
    writer = LedgerWriter(folder.ledger, KEY)
    third = data.orders / RATE / 3
    for seq, order in enumerate(order_ids(data.orders)):
        at = start + seq / RATE
        phase = (Phase.BASELINE, Phase.OUTAGE, Phase.RECOVERY)[min(2, int(seq / RATE / third))]
        end = Completion(at + 0.003, Outcome.ACKNOWLEDGED, 201, Failure.NONE, order.bytes)
        writer.sent(seq, at, at + 0.001, phase)
        writer.completed(seq, at, at + 0.001, phase, end)
    writer.close(data.orders)


def _write_observations(folder: RunFolder, start: float, orders: int, down: tuple[float, float]) -> None:
    """Write what the monitor saw: the broker refused from the first to the second moment of `down`, else it answered.

    Args:
        start: epoch seconds of the baseline.
        down: epoch seconds.
    """
    offsets, probes = [], []
    for number in range(int(orders / RATE / PROBE_EVERY_S)):
        asked = start + number * PROBE_EVERY_S
        answered = asked + 0.002
        refused = down[0] <= asked <= down[1]
        ends = dict.fromkeys(range(PARTITIONS), int(RATE * (asked - start)) // PARTITIONS)
        seen = Observation(asked, answered, None, "refused") if refused else Observation(asked, answered, ends)
        offsets.append(seen.record())
        for connection in (KEPT, NEW) if number % 4 == 0 else (KEPT,):
            probes.append(probe_record(ProbeResult(asked, answered, connection, REFUSED if refused else ANSWERED)))
    encoder = msgspec.json.Encoder()
    folder.offsets.write_bytes(encoder.encode_lines(offsets))
    folder.probes.write_bytes(encoder.encode_lines(probes))
