"""The watchdog: the one process that injects and heals faults, and that outlives the harness.

The harness only asks. So whatever way it dies (SIGKILL of its whole process group included), a process is left that
knows what is broken, heals it, proves it back, and takes down what the harness had brought up. A harness that was
frozen and wakes up after the watchdog has healed can break nothing any more: the watchdog refuses. It runs in a session
of its own, reads orders as JSON lines on standard input and ends when that does.

`keeper.py` is what it does, `entries.py` what it writes into the journal first, `healing.py` how it heals and proves,
`__main__.py` its process, `atwork.py` how it reports that it works, `liveness.py` how any process asks whether it does,
`client.py` the harness's hold on it, `orders.py` what they say to each other, `takedown.py` how a stack is ended in the
harness's stead.
"""
