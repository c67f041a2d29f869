"""The watchdog: the one process that injects and heals faults, writes their marks, and outlives the harness.

The harness only asks. So whatever way it dies (SIGKILL of its whole process group included), a process is left that
knows what is broken, heals it, proves it back, and takes down what the harness had started. A harness that was
frozen and goes on after the watchdog has healed can break nothing any more: the watchdog refuses. It runs in a session
of its own, reads requests as JSON lines on standard input (`protocol`) and ends when that does.

`fault_controller` is what it does with a target, `broken` a fault in place, `fault_marks` its marks, `journal_entries`
what goes into the journal first, `healing` how it heals and proves, `__main__` its process, `work_reports` how it
reports that it works, `liveness` how any process asks whether it does, `client` the harness's side, `teardown` how a
stack is taken down for a harness that has died.
"""
