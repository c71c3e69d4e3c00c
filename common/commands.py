"""What the gateway may tell all inference workers to do, on ``keys.COMMANDS_CHANNEL``.

A worker that has obeyed shows the command's id in its hash, field ``command``; one that was
out of Redis's reach when it was given does not hear it.
"""

import json
import uuid
from dataclasses import dataclass, field
from enum import StrEnum


class Verb(StrEnum):
    """The closed list of commands."""

    RELOAD = "reload"  #: let running jobs finish or give them back, and load the model again
    WARMUP = "warmup"  #: run a short generation through every slot


def _new_id() -> str:
    return f"cmd_{uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True)
class Command:
    """One command to every worker."""

    verb: Verb
    id: str = field(default_factory=_new_id)

    def to_json(self) -> str:
        """The message to publish."""
        return json.dumps({"verb": self.verb, "id": self.id})


def parse_command(message: str | bytes) -> Command:
    """Read a message of the channel. Raises ValueError if it is none."""
    raw = json.loads(message)
    try:
        return Command(Verb(raw["verb"]), str(raw["id"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a command: {message!r}") from error
