"""A second look at a made-up run that finds all of it as it is: for tests of what comes after it."""

from hashlib import sha256

from files.safe_files import write_text
from reconcile.history.confirmation import Confirmation
from reconcile.history.history import History
from reconcile.judge.judge import judge
from reconcile.verify.candidates import candidates_of
from reconcile.verify.compare import save_confirmation
from reconcile.verify.verification import LOST_ROWS, lost_ids
from runlog.folder import RunFolder


def confirm_all(folder: RunFolder, history: History) -> None:
    """Keep a confirmation of all violations, and a line for each lost event, in the run's folder."""
    judgement = judge(history)
    asked = candidates_of(judgement)
    lines = [f'{{"topic":"order.created","key":"{order}","value":{{}}}}\n' for order in lost_ids(judgement)]
    write_text(folder.witnesses / LOST_ROWS, "".join(lines))
    digest = sha256("".join(lines).encode()).hexdigest()
    save_confirmation(folder, Confirmation(asked.digest, asked.eligible, asked.eligible, lost_rows_sha256=digest))
