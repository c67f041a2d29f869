"""Python's garbage collector, kept out of the way where thousands of short-lived values without cycles come and go."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Switch the collector off meanwhile: looking at what has no cycles costs an eighth of the time of reading."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
