"""Open files: each client that waits is one, and the usual soft limit is 1,024."""

import resource

import structlog

log = structlog.get_logger()

#: With fewer a gateway cannot hold the crowd that it is measured with (benchmarks/crowd).
ENOUGH_FILES = 8192


def raise_limit() -> int:
    """Raise the soft limit to the hard one, and say so where even that is low; the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    except (OSError, ValueError):  # macOS calls it unlimited, and allows less
        pass
    if soft != resource.RLIM_INFINITY and soft < ENOUGH_FILES:
        log.warning("few clients can wait: raise the limit of open files", limit=soft)
    return soft
