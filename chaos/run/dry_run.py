"""What a run would do, and to what: the text of `--dry-run`, and a sentence for the page. Pure."""

from chaos.run.plan import Plan, make_plan
from chaos.sut.sut import Preview
from contract.publish_horizon import horizon_of, longest_drain
from settings.run_settings import Settings


def dry_run_text(settings: Settings, preview: Preview) -> str:
    """Return what a run with `settings` would do, in lines for people."""
    plan = make_plan(settings)
    lines = [
        "dry run: nothing is started, nothing is broken, nothing is written",
        f"system    {preview.system}",
        f"load      {_load(settings, plan)}",
        *_plan_lines(settings, plan, preview.target),
        f"expects   {settings.expect} (from {settings.expect_source})",
        f"leaves    one folder in {settings.runs_dir}",
    ]
    if plan.outages:
        lines.append(
            f"healed    by the harness after each outage; by the watchdog if the harness dies, and after "
            f"{settings.max_outage:g} s in any case"
        )
    if preview.problem:
        lines.append(f"problem   {preview.problem}")
    return "\n".join(lines) + "\n"


def plan_sentence(settings: Settings) -> str:
    """Return load and phases of a run with `settings` in a sentence."""
    plan = make_plan(settings)
    return f"{_load(settings, plan)}: {plan.describe()}."


def _load(settings: Settings, plan: Plan) -> str:
    orders = round(settings.rate * plan.load_seconds)
    return f"{settings.rate:g} orders/s for at least {plan.load_seconds:g} s, at least {orders} orders"


def _plan_lines(settings: Settings, plan: Plan, target: str | None) -> list[str]:
    lines, at = [f"plan      {0:7.1f} s  baseline of {plan.baseline:g} s"], plan.baseline
    for outage in plan.outages:
        what, hit, state = outage.fault.of(outage.target), target or f"the {outage.target}", outage.fault.state
        lines.append(f"          {at:7.1f} s  {what}; healed {outage.length:g} s after {hit} is proven {state}")
        at += outage.length
        lines.append(f"          {at:7.1f} s  recovery of {outage.recovery:g} s, once it is proven healed")
        at += outage.recovery
    if not plan.outages:
        lines.append(f"          {at:7.1f} s  {plan.calm:g} s more; nothing is broken")
        at += plan.calm
    lines.append(f"          {at:7.1f} s  drain: {_drain(settings, plan)}")
    if plan.outages:
        lines.append("          (injecting and healing, and the proofs of both, take time that is not counted here)")
    return lines


def _drain(settings: Settings, plan: Plan) -> str:
    horizon = horizon_of(settings.publisher, plan.intervals)
    longest = plan.drain_timeout
    if longest is None:
        longest = longest_drain(settings.publisher, horizon, settings.request_timeout, plan.settle)
    past = f" and past the publish horizon, {horizon.words}" if horizon.seconds else ""
    return f"until {plan.settle:g} s without a new row or event{past}; at most {longest:g} s"
