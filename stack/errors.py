"""Errors of a stack: each message is one sentence that says what to do.

The command line prints a message unchanged. No message holds a password or a whole connection string.
"""


class StackError(Exception):
    """A component did not start, answer or stop; the text names it, what was awaited and for how long."""


class PortTaken(StackError):
    """A port that the user gave is in use by another process; the text names the option, the port and the remedy."""


class ChecksumError(StackError):
    """A jar of the broker is not the pinned one; the text names the file, both sums and the remedy."""


class FetchError(StackError):
    """The broker's jars could not be downloaded (no network, most often)."""
