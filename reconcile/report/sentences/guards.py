"""Which guards failed, and what the second look found."""

from reconcile.analysis.plural import some
from reconcile.history.history import History
from reconcile.judge.findings import Guard, GuardKind
from reconcile.judge.judge import Judgement
from reconcile.judge.ruling import Verdict
from reconcile.report.sentences.registry import sentence


@sentence("guards", "which guards apply, and which of them failed")
def guards(history: History, judgement: Judgement) -> str:
    """How many guards passed or failed; if all passed, also what the second look confirmed."""
    applying = sum(guard.applies for guard in judgement.guards)
    failed = len(failed_guards(judgement))
    if failed:
        return f"{failed} of {some(applying, 'guard')} failed"
    return "; ".join(filter(None, [f"all {some(applying, 'guard')} passed", confirmed(history, judgement)]))


@sentence("confirmed", "what the second look found of each violation")
def confirmed(history: History, judgement: Judgement) -> str:
    """How many violations a second look confirmed; empty where it confirmed nothing or contradicted one."""
    second = history.confirmation
    if second is None or not second.checked or second.refuted or second.unsettled or not second.complete:
        return ""
    if second.checked < second.eligible:
        return f"{second.checked} of {second.eligible} violations looked up, each confirmed by a second look"
    if second.checked == 1:
        return "1 violation, confirmed by a second look"
    return f"{second.checked} violations, each confirmed by a second look"


@sentence("what failed guards mean", "kinds of the failed guards, the verdict")
def meaning(history: History, judgement: Judgement) -> str:
    """What the failed guards mean for the reader, in one line; empty without one."""
    kinds = {guard.kind for guard in failed_guards(judgement)}
    if GuardKind.EVIDENCE in kinds:
        return "so a witness may be incomplete: what rests on it is suspected, not proven"
    if GuardKind.VACUITY in kinds:
        proven = judgement.ruling.verdict is Verdict.INCONSISTENT
        return "so what is found stands, but may not be all" if proven else "so finding nothing proves little"
    return ""


def failed_guards(judgement: Judgement) -> list[Guard]:
    """Return the guards that apply and did not pass, in their order."""
    return [guard for guard in judgement.guards if guard.failed]


def failed_guard(guard: Guard) -> str:
    """Return one failed guard as a line that ends with its reason."""
    return f"{guard.name} ({guard.kind.value}): {guard.reason}"
