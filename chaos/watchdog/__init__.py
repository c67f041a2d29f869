"""The watchdog: the one process that breaks and mends, and that outlives the harness.

The harness only asks. So whatever way it dies (SIGKILL of its whole process group included), somebody is left who
knows what is broken, mends it, proves it back, and takes down what the harness had brought up. One that was frozen and
wakes up after the watchdog has mended can break nothing any more: it is not its hand that breaks, and the watchdog
refuses. It runs in a session of its own, reads orders as JSON lines on standard input and ends when that does.

`keeper.py` is what it does, `mending.py` how it mends, `__main__.py` its process, `client.py` the harness's hold on it,
`orders.py` what they say to each other, `takedown.py` how a stack is ended in the harness's stead.
"""
