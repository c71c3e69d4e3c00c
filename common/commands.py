"""What the gateway may tell the inference workers to do, on ``keys.COMMANDS_CHANNEL``.

A worker that has obeyed shows the command's id in its hash, field ``command``. One that was
out of Redis's reach when it was given catches up with the last reload (common/reloads.py).
"""

import json
import uuid
from dataclasses import asdict, dataclass, field
from enum import StrEnum


class Verb(StrEnum):
    """The closed list of commands."""

    RELOAD = "reload"  #: let running jobs finish or give them back, and load a model
    WARMUP = "warmup"  #: run a short generation through every slot


@dataclass(frozen=True, slots=True)
class Target:
    """The model to load, by the names of the settings; None is as the worker was started."""

    engine: str | None = None
    model: str | None = None
    quantization: str | None = None


def _new_id() -> str:
    return f"cmd_{uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True)
class Command:
    """One command, to the ``workers`` that it names, or to all."""

    verb: Verb
    id: str = field(default_factory=_new_id)
    target: Target = field(default_factory=Target)
    workers: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The message to publish."""
        return json.dumps(asdict(self))

    def concerns(self, worker_id: str) -> bool:
        """Whether this worker is to obey."""
        return not self.workers or worker_id in self.workers


def parse_command(message: str | bytes) -> Command:
    """Read a message of the channel. Raises ValueError if it is none."""
    raw = json.loads(message)
    try:
        return Command(
            Verb(raw["verb"]),
            str(raw["id"]),
            Target(**raw.get("target") or {}),
            tuple(raw.get("workers") or ()),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a command: {message!r}") from error
