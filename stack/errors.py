"""What can go wrong with a stack, each as one sentence that says what to do.

Every message is complete in itself: the command line prints it as it is, and a caller may show it to a user.
No message ever holds a password or a whole connection string.
"""

from __future__ import annotations


class StackError(Exception):
    """A component could not be started, reached or stopped; the text says which, what was awaited and for how long."""


class PortTaken(StackError):
    """A port that the user asked for is in use by somebody else; the text names the option, the port and the remedy."""


class ChecksumError(StackError):
    """A jar of the broker is not the pinned one; the text names the file, both sums and the remedy."""


class FetchError(StackError):
    """The broker's jars could not be downloaded (no network, most often)."""
