"""What gateways hear on the events channel while jobs run."""

import json
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from common.job import Job, JobStatus
from common.logprobs import dump_logprobs, load_logprobs


@dataclass(frozen=True, slots=True)
class Chunk:
    """New tokens of a job: ``offset`` tokens came before, ``tokens`` released ``text``.

    ``logprobs`` is for common/logprobs.py, and empty unless they were asked for. ``lengths``
    ("n,n") is how many characters each token released, and empty from older workers.
    """

    job_id: str
    offset: int
    tokens: int
    text: str
    logprobs: str = ""
    lengths: str = ""

    @property
    def after(self) -> int:
        """Tokens stored once this chunk is; also its SSE id."""
        return self.offset + self.tokens

    @property
    def pieces(self) -> list[str]:
        """The text that each token released; all of it as one where that is not known."""
        if not self.lengths:
            return [self.text]
        ends = list(accumulate(int(n) for n in self.lengths.split(",")))
        return [self.text[start:end] for start, end in pairwise([0, *ends])]

    def without(self, known: int) -> "Chunk":
        """The same without its first ``known`` tokens; their lengths must be known."""
        if known <= 0:
            return self
        lengths = self.lengths.split(",")
        rest = self.text[sum(map(int, lengths[:known])) :]
        logprobs = dump_logprobs(load_logprobs(self.logprobs)[known:])
        offset, tokens = self.offset + known, self.tokens - known
        return Chunk(self.job_id, offset, tokens, rest, logprobs, ",".join(lengths[known:]))


@dataclass(frozen=True, slots=True)
class StateChange:
    """A job has moved to another status.

    ``record`` is an ended job as a script returns it, field after value; empty where nobody was
    known to wait for it.
    """

    job_id: str
    status: JobStatus
    revision: int
    record: tuple[str, ...] = ()


def parse_message(message: str | bytes) -> list[Chunk | StateChange]:
    """Read a message of the events channel: one event, or what a step made in several slots."""
    raw = json.loads(message)
    return [_event(one) for one in raw] if isinstance(raw, list) else [_event(raw)]


def _event(raw: dict[str, Any]) -> Chunk | StateChange:
    if "status" in raw:
        record = tuple(raw.get("record", ()))
        return StateChange(raw["id"], JobStatus(raw["status"]), raw["revision"], record)
    extras = raw.get("logprobs", ""), raw.get("lengths", "")
    return Chunk(raw["id"], raw["offset"], raw["tokens"], raw["text"], *extras)


def parse_entry(job_id: str, entry_id: str, fields: dict[str, str]) -> Chunk:
    """Read one entry of a job's stream."""
    tokens = fields["ids"].count(",") + 1
    offset = int(entry_id.partition("-")[0]) - tokens
    extras = fields.get("logprobs", ""), fields["lengths"]
    return Chunk(job_id, offset, tokens, fields["text"], *extras)


def tail_of(job: Job, offset: int) -> Chunk:
    """What an ended job made after its first ``offset`` tokens."""
    whole = Chunk(job.id, 0, job.tokens, job.text, job.stored_logprobs, job.lengths)
    return whole.without(offset)
