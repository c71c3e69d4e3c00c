"""Jobs for the echo engine: what they must say is known beforehand."""

from itertools import cycle, islice

from common.job import Job
from common.queues import Priority
from common.sampling import Sampling
from tests.support.desk import Desk
from tests.support.waiting import wait_until

#: The echo engine gives one byte a token.
PROMPT = "The quick brown fox "


def echo(tokens: int) -> str:
    """The answer of so many tokens."""
    return "".join(islice(cycle(PROMPT), tokens))


def submit(desk: Desk, tokens: int = 60, priority: Priority = Priority.NORMAL) -> str:
    """A job that says so many tokens; its id."""
    return desk.submit(prompt=PROMPT, sampling=Sampling(max_tokens=tokens), priority=priority)


def wait_for_tokens(desk: Desk, job_id: str, tokens: int) -> None:
    """Return once the record holds so many."""
    wait_until(lambda: desk.read(job_id).tokens >= tokens, what=f"{tokens} tokens of {job_id}")


def ended(desk: Desk, job_id: str, timeout_seconds: float = 60) -> Job:
    """The job once it has ended."""
    wait_until(lambda: desk.read(job_id).status.terminal, timeout_seconds, f"the end of {job_id}")
    return desk.read(job_id)
