"""The right to write one job: held while its token is the current one.

No lease, no write. A lease collects the tokens of an attempt; the Writer sends them. What
is already stored is known by one number, the count of tokens, so that a chunk may be sent
twice, or cut differently, without harm.
"""

import time
from dataclasses import dataclass
from threading import Event, Lock

from common.job import Job
from common.logprobs import dump_logprobs
from common.scripts import Argument
from worker.engines.base import Token


@dataclass(frozen=True, slots=True)
class Claim:
    """What the claim script hands to a worker."""

    job: Job
    token: str
    resumed_ids: tuple[int, ...]
    seconds_left: float
    late_is_expired: bool  #: what ends it first is its deadline, not its timeout
    queued_ms: int = 0  #: when it entered its queue for this attempt, by the server's clock
    claimed_ms: int = 0
    followed: bool = False  #: somebody reads the tokens as they come


class Lease:
    """One attempt's tokens on their way to the record. Thread-safe."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.cancelled = Event()  #: tells the engine to stop
        self.lost = False  #: somebody else decided about the job
        self.released = False  #: this worker is to give the job back
        self.followed = claim.followed  #: somebody reads the tokens as they come
        self.lost_at = 0.0  #: when ``lost`` became true, by time.monotonic()
        self._claimed_at = time.monotonic()
        self.end_at = self._claimed_at + claim.seconds_left  #: in seconds of time.monotonic()
        self._lock = Lock()
        self._base = len(claim.resumed_ids)
        self._stored = self._base
        self._tokens: list[Token] = []
        self._decoded_ms: list[float] = []  #: ms since the first token, for each token
        self._first_at = 0.0

    @property
    def job_id(self) -> str:
        """The id of the job."""
        return self.claim.job.id

    @property
    def token(self) -> str:
        """The nonce that the record must still hold."""
        return self.claim.token

    @property
    def age_seconds(self) -> float:
        """How long this attempt has run."""
        return time.monotonic() - self._claimed_at

    @property
    def ids(self) -> tuple[int, ...]:
        """All generated ids so far, those of earlier attempts first."""
        with self._lock:
            return (*self.claim.resumed_ids, *(token.id for token in self._tokens))

    @property
    def is_urgent(self) -> bool:
        """Whether new tokens should be stored at once: to be read, or as a sign of life."""
        return self.followed or self._stored == self._base

    def add(self, tokens: list[Token]) -> None:
        """Take new tokens from the engine."""
        now = time.monotonic()
        with self._lock:
            if not self._tokens:
                self._first_at = now
            self._tokens.extend(tokens)
            self._decoded_ms.extend([(now - self._first_at) * 1000] * len(tokens))

    def unsent(self) -> tuple[Argument, ...] | None:
        """The next chunk as the append script takes it, or None."""
        with self._lock:
            return self._chunk() if self._stored < self._base + len(self._tokens) else None

    def tail(self) -> tuple[Argument, ...]:
        """The last chunk for the finish script; it may be empty."""
        with self._lock:
            return self._chunk()

    def acknowledge(self, stored: int) -> None:
        """Note how many tokens the record holds.

        A record that holds fewer than this attempt began with was rolled back by a crash of
        the server; the job is left to an attempt that starts from what is there.
        """
        with self._lock:
            self._stored = max(stored, self._base)
        if stored < self._base:
            self.lose()

    def lose(self) -> None:
        """Stop: the token is void."""
        if not self.lost:
            self.lost, self.lost_at = True, time.monotonic()
        self.cancelled.set()

    def give_back(self) -> None:
        """Stop, and return the job to its queue."""
        self.released = True
        self.cancelled.set()

    def _chunk(self) -> tuple[Argument, ...]:
        start = self._stored - self._base
        tokens = self._tokens[start:]
        before = self._decoded_ms[start - 1] if start else 0.0
        after = self._decoded_ms[-1] if tokens else before
        return (
            self._stored,
            len(tokens),
            "".join(token.text for token in tokens),
            ",".join(str(token.id) for token in tokens),
            ",".join(str(len(token.text)) for token in tokens),
            _logprob_sum(tokens),
            round(after) - round(before),
            dump_logprobs(token.logprobs for token in tokens if token.logprobs),
        )


def _logprob_sum(tokens: list[Token]) -> str:
    """Their sum; empty where the engine knows none."""
    known = [token.logprob for token in tokens if token.logprob is not None]
    return repr(sum(known)) if known else ""
