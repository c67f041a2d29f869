"""Options of the plan: its phases, the fault, and the verdict that is expected."""

from typing import Final

from settings.kinds import FLAG, choice, duration, number, optional, whole
from settings.option import Option, OptionGroup

# In a shorter outage the broker cannot be distinguished from one that is merely slow to answer the monitor.
SHORTEST_OUTAGE_S: Final = 2.0
# With a seed each length is drawn between these parts of the one that was asked for.
SHORTEST_PART: Final = 0.5
LONGEST_PART: Final = 1.5
# Time to break and to heal, beyond the proofs of both.
_ACT_MARGIN_S: Final = 30.0

_PHASE: Final = duration(least=1.0)


class PlanOptions(OptionGroup, heading="The plan"):
    """What happens in a run, and for how long. Durations in seconds."""

    scenario = Option(
        choice("lost-event", "phantom-event", "control"),
        "lost-event",
        "what the run shows: lost-event breaks the target under load, phantom-event has the service roll orders back "
        "after their publish, control is the plan without a fault",
    )
    baseline = Option(_PHASE, "10s", "healthy load before the outage", "30s")
    outage = Option(
        duration(SHORTEST_OUTAGE_S, why=": a shorter one cannot be proven, the broker might just be slow"),
        "15s",
        "how long the target is kept down, from proven down to the start of healing",
        "1m",
    )
    recovery = Option(_PHASE, "10s", "load after the target is proven back", "30s")
    outages = Option(whole(1, 100), "1", "number of outages, each followed by its recovery", "3")
    seed = Option(
        optional(whole(0, 10**9)),
        "",
        "multiplies each length of the plan by a random factor from 0.5 to 1.5; the same seed gives the same lengths",
        "42",
        without="the lengths are as given",
    )

    @property
    def longest_outage(self) -> float:
        """How long an outage of the plan may be, seconds."""
        return self.outage if self.seed is None else self.outage * LONGEST_PART

    @property
    def shortest_outage(self) -> float:
        """How short an outage of the plan may be, seconds."""
        return self.outage if self.seed is None else max(SHORTEST_OUTAGE_S, self.outage * SHORTEST_PART)

    @property
    def asked(self) -> str:
        """What the answers are that the run asks for, in a word."""
        return "rolled back" if self.scenario == "phantom-event" else "acknowledged"

    @property
    def injects_faults(self) -> bool:
        """Whether the scenario breaks anything; the others run the same plan without a fault."""
        return self.scenario == "lost-event"


class FaultOptions(PlanOptions, heading="The fault"):
    """What is broken, how, and the limits of breaking and healing. Durations in seconds."""

    fault = Option(
        choice("stop", "kill", "pause", "partition", "latency", "reset"),
        "stop",
        "what is done to the target: an orderly stop, a kill, a pause (it freezes), a partition (its connections are "
        "cut), latency (its answers come late), or reset (its connections are reset)",
    )
    fault_latency = Option(
        duration(0.05, why=": a busy machine delays answers by as much"),
        "300ms",
        "by how much each answer of the target is delayed",
        "1500ms",
        only_with={"fault": ("latency",)},
    )
    fault_jitter = Option(
        duration(0.0),
        "0s",
        "by how much the delay of a single answer may deviate from --fault-latency, at most half of it",
        "50ms",
        only_with={"fault": ("latency",)},
    )
    fault_share = Option(
        number(0.05, 1.0, "share"),
        "1.0",
        "share of the connections that are reset, established ones and new ones",
        "0.5",
        only_with={"fault": ("reset",)},
    )
    fault_target = Option(
        choice("broker", "database", "service"), "broker", "component that the fault is injected into"
    )
    max_outage = Option(
        duration(SHORTEST_OUTAGE_S),
        "",
        "longest outage, counted from the end of the injection; after it the watchdog heals, whatever the harness does",
        "5m",
        without="longest outage + fault timeout + 30s",
    )
    fault_timeout = Option(
        duration(5.0),
        "60s",
        "longest wait for the proof that the target is down or degraded, or back; at least 6 times --fault-latency "
        "plus 36 times --fault-jitter, or 3s divided by a --fault-share below 1",
        "2m",
    )
    command_timeout = Option(
        duration(1.0),
        "10m",
        "longest time of one act on the target (a break or heal command, the stop of a process or container); one that "
        "takes longer is ended by force",
        "30m",
    )

    @max_outage.fallback
    def _max_outage(self) -> float:
        return self.longest_outage + self.fault_timeout + _ACT_MARGIN_S


class VerdictOptions(PlanOptions, heading="The verdict"):
    """What a run is expected to show."""

    expect = Option(
        choice("consistent", "lost-events", "phantom-events", "any"),
        "",
        "verdict that makes exit code 0",
        "lost-events",
        without="consistent; with --scenario phantom-event: phantom-events",
    )
    fail_on_duplicates = Option(
        FLAG,
        "",
        "makes the verdict inconsistent if an event was published twice (two records of one order without a common "
        "event id); a redelivered event (the same event id) does not count",
    )

    @expect.fallback
    def _expect(self) -> str:
        return "phantom-events" if self.scenario == "phantom-event" else "consistent"

    @property
    def expect_source(self) -> str:
        """Where the expectation came from, in words."""
        if VerdictOptions.expect.is_set(self):
            return "--expect"
        return f"the default of the scenario {self.scenario}" if self.scenario == "phantom-event" else "the default"
