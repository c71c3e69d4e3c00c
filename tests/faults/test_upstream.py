"""A worker in front of an upstream: the upstream fails, or the worker does."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from common.job import JobStatus
from common.sampling import Sampling
from tests.support.desk import Desk
from tests.support.echoes import ended, wait_for_tokens
from tests.support.fake_upstream import Exchange, Manner, broken_after, refused, serving, whole
from tests.support.stack import Stack
from tests.support.upstream import UpstreamServer
from tests.support.workers import Witness

WORDS = ("A", " caravan", " of", " llamas")


@pytest.fixture
def fakes() -> Iterator[ExitStack]:
    with ExitStack() as fakes:
        yield fakes


def start_worker(stack: Stack, fakes: ExitStack, witness: Witness, *manners: Manner) -> None:
    """A worker whose upstream answers its warm-up well, and then in these manners."""
    upstream = fakes.enter_context(serving(whole("ok"), *manners))
    worker = stack.start_worker(ENGINE="openai", UPSTREAM_URL=upstream.url)
    witness.wait_for(worker, state="ready")


def submit(desk: Desk, tokens: int = 20) -> str:
    return desk.submit(prompt="What is it?", sampling=Sampling(tokens, temperature=0))


def test_an_upstream_that_dies_in_the_middle_is_asked_again_and_no_word_comes_twice(
    stack: Stack, fakes: ExitStack, desk: Desk, witness: Witness
) -> None:
    # Given an upstream that breaks off after three words, answers a probe, and then all
    start_worker(stack, fakes, witness, broken_after(*WORDS[:3]), whole("probe"), whole(*WORDS))
    job = ended(desk, submit(desk))
    assert (job.status, job.text) == (JobStatus.COMPLETED, "".join(WORDS))
    assert (job.attempts, job.failures) == (2, 1)
    assert job.logprobs is None


def test_an_upstream_under_load_is_asked_later_and_the_job_is_not_blamed(
    stack: Stack, fakes: ExitStack, desk: Desk, witness: Witness
) -> None:
    busy = refused(429, "slow down", Retry_After="1")
    start_worker(stack, fakes, witness, busy, busy, whole(*WORDS, prompt_tokens=31))
    job = ended(desk, submit(desk))
    assert (job.status, job.attempts, job.failures) == (JobStatus.COMPLETED, 3, 0)
    assert job.prompt_tokens == 31


def test_what_the_upstream_refuses_fails_once_with_its_reason(
    stack: Stack, fakes: ExitStack, desk: Desk, witness: Witness
) -> None:
    start_worker(stack, fakes, witness, refused(400, "the context is too long"), whole(*WORDS))
    job = ended(desk, submit(desk))
    assert (job.status, job.attempts) == (JobStatus.FAILED, 1)
    assert job.error is not None
    assert "the context is too long" in job.error.message
    # And the worker goes on
    assert ended(desk, submit(desk)).status is JobStatus.COMPLETED


def test_an_upstream_that_says_something_else_fails_the_job_and_garbles_nothing(
    stack: Stack, fakes: ExitStack, desk: Desk, witness: Witness
) -> None:
    other = whole("Another", " answer")
    start_worker(stack, fakes, witness, broken_after(*WORDS[:3]), whole("probe"), other)
    job = ended(desk, submit(desk))
    assert (job.status, job.text) == (JobStatus.FAILED, "".join(WORDS[:3]))
    assert job.error is not None
    assert "another answer" in job.error.message


def test_a_cancelled_job_lets_go_of_an_upstream_that_hangs(
    stack: Stack, fakes: ExitStack, desk: Desk, witness: Witness
) -> None:
    release = threading.Event()
    fakes.callback(release.set)

    def hang(exchange: Exchange) -> None:
        exchange.begin()
        exchange.say("A")
        release.wait(60)

    start_worker(stack, fakes, witness, hang, whole(*WORDS))
    job_id = submit(desk)
    wait_for_tokens(desk, job_id, 1)
    desk.scripts("cancel", job_id, "", "nonce")
    assert ended(desk, job_id).status is JobStatus.CANCELLED
    assert ended(desk, submit(desk)).text == "".join(WORDS)


@pytest.mark.model
def test_a_worker_that_is_killed_before_a_real_upstream_is_taken_over_without_a_gap(
    stack: Stack, fakes: ExitStack, desk: Desk, witness: Witness, tmp_path: Path
) -> None:
    # Given a real server, and an answer of it that nobody disturbed
    upstream = UpstreamServer(tmp_path)
    upstream.start()
    fakes.callback(upstream.stop)
    settings = {"ENGINE": "openai", "UPSTREAM_URL": upstream.url, "UPSTREAM_LOGPROBS": "false"}
    worker = stack.start_worker(**settings)
    whole_text = ended(desk, submit(desk, 60)).text
    # When the worker of another one dies in the middle
    job_id = submit(desk, 60)
    wait_for_tokens(desk, job_id, 10)
    worker.kill()
    stack.start_worker("other", **settings)
    # Then the next worker gives the same answer
    job = ended(desk, job_id)
    assert (job.status, job.text, job.kills) == (JobStatus.COMPLETED, whole_text, 0)
    assert job.confidence is None
