"""How ``caravan`` ends: the exit statuses that scripts may rely on (docs/cli.md)."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the exit status says."""

    OK = 0
    FAILED = 1
    USAGE = 2
    AUTH = 3
    REFUSED = 4
    UNREACHABLE = 5
    INTERRUPTED = 130  #: by the shell's custom: 128 and SIGINT
