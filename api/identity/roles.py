"""What a role may do, and what an API key may be cut down to."""

from enum import StrEnum


class Role(StrEnum):
    """What a user is."""

    USER = "user"  #: submits jobs and sees their own
    ADMIN = "admin"  #: runs the service as well
    METRICS = "metrics"  #: reads the operator's numbers, and submits nothing


class Scope(StrEnum):
    """What a caller may do."""

    READ = "read"  #: GET what is their own
    WRITE = "write"  #: submit, change and delete it
    METRICS = "metrics"  #: GET /admin/stats
    ADMIN = "admin"  #: everything else under /admin


_SCOPES = {
    Role.USER: frozenset({Scope.READ, Scope.WRITE}),
    Role.METRICS: frozenset({Scope.READ, Scope.METRICS}),
    Role.ADMIN: frozenset(Scope),
}


def scopes_of(role: Role) -> frozenset[Scope]:
    """All that a role may do."""
    return _SCOPES[role]
