"""Reloads by name, as Redis remembers them: what is wanted, and how far each worker is.

The last reload of all workers is what a restarted worker comes up with, and what one
catches up with that did not hear it. If a worker could not load its target, the target
before it stays in force.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from common.commands import Target


class ReloadState(StrEnum):
    """How far a worker is with a reload."""

    WAITING = "waiting"  #: for its turn
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"  #: the target could not be loaded; the old model serves again
    SKIPPED = "skipped"  #: it failed elsewhere, or other settings were given to this one since


@dataclass(frozen=True, slots=True)
class Reload:
    """One reload, and the target that was in force before; of ``workers``, or of all."""

    id: str
    target: Target
    previous: Target
    workers: tuple[str, ...] = ()

    def to_json(self) -> str:
        """As it is stored."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Reload":
        """Read the stored form."""
        raw = json.loads(text)
        targets = Target(**raw["target"]), Target(**raw["previous"])
        return cls(raw["id"], *targets, tuple(raw.get("workers") or ()))


@dataclass(frozen=True, slots=True)
class Step:
    """What one worker did; ``configured`` is what it was started with."""

    state: ReloadState
    error: str = ""
    configured: Target = field(default_factory=Target)

    def to_json(self) -> str:
        """As it is stored."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Step":
        """Read the stored form."""
        raw = json.loads(text)
        return cls(ReloadState(raw["state"]), raw["error"], Target(**raw["configured"]))


def in_force(reload: Reload | None, steps: Mapping[str, Step]) -> Target:
    """The target that holds: the last one, or the one before if it could not be loaded."""
    if reload is None:
        return Target()
    failed = any(step.state is ReloadState.FAILED for step in steps.values())
    return reload.previous if failed else reload.target


def concerns(configured: Target, steps: Mapping[str, Step]) -> bool:
    """Whether a worker that starts now takes it up.

    One that was started with other settings than those that obeyed takes its own: somebody
    has changed them since.
    """
    return not steps or any(step.configured == configured for step in steps.values())
