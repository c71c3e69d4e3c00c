"""What the guard does with what it finds: by user, by route, by default."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Policy(StrEnum):
    """How strict the guard is."""

    OFF = "off"  #: it does not look
    FLAG = "flag"  #: what it finds is logged and counted
    BLOCK = "block"  #: and a prompt that it is sure about is refused

    @classmethod
    def known(cls, stored: str | None) -> "Policy | None":
        """The policy in a record; what another version may have written there is none."""
        return cls(stored) if stored in set(cls) else None


#: Where prompts come in; a line of a batch counts as a request to the route that it asks.
GuardedRoute = Literal[
    "/generate", "/explain", "/v1/chat/completions", "/v1/completions", "/v1/responses"
]


@dataclass(frozen=True, slots=True)
class Policies:
    """The policy of each route, where it has one of its own."""

    default: Policy = Policy.FLAG
    routes: Mapping[GuardedRoute, Policy] = field(default_factory=dict)

    def of(self, route: GuardedRoute) -> Policy:
        """The policy of a route for users without one of their own."""
        return self.routes.get(route, self.default)
