"""Why there is no answer.

SendError
├── Refused        the rules forbid it: nothing was sent
├── Unresolved     the name has no address: nothing was sent
├── TlsFailed      the other side could not prove its name: nothing was sent
├── Unreachable    there was no connection, or it broke
├── TimedOut       it took too long as a whole
└── BadAnswer      what came back is not HTTP, or its head is too long
"""


class SendError(Exception):
    """No answer came; ``reason`` is a sentence that the owner of the URL may read."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Refused(SendError):
    pass


class Unresolved(SendError):
    pass


class TlsFailed(SendError):
    pass


class Unreachable(SendError):
    pass


class TimedOut(SendError):
    pass


class BadAnswer(SendError):
    pass
