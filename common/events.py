"""What gateways hear on the events channel while jobs run."""

import json
from dataclasses import dataclass

from common.job import JobStatus


@dataclass(frozen=True, slots=True)
class Chunk:
    """New tokens of a job: ``offset`` tokens came before, ``tokens`` released ``text``."""

    job_id: str
    offset: int
    tokens: int
    text: str

    @property
    def after(self) -> int:
        """Tokens stored once this chunk is; also its SSE id."""
        return self.offset + self.tokens


@dataclass(frozen=True, slots=True)
class StateChange:
    """A job has moved to another status."""

    job_id: str
    status: JobStatus
    revision: int


def parse_event(message: str | bytes) -> Chunk | StateChange:
    """Read one message of the events channel."""
    raw = json.loads(message)
    if "status" in raw:
        return StateChange(raw["id"], JobStatus(raw["status"]), raw["revision"])
    return Chunk(raw["id"], raw["offset"], raw["tokens"], raw["text"])


def parse_entry(job_id: str, entry_id: str, fields: dict[str, str]) -> Chunk:
    """Read one entry of a job's stream."""
    tokens = fields["ids"].count(",") + 1
    return Chunk(job_id, int(entry_id.partition("-")[0]) - tokens, tokens, fields["text"])
