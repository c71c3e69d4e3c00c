"""What a job costs in the store, on a server with the product's configuration."""

import pytest
from redis import Redis

from benchmarks.depth import PROMPT as LINE_PROMPT
from benchmarks.depth import Line
from common.sampling import Sampling
from tests.support.desk import Desk

JOBS = 200
TOKENS = 200
#: 1,000 finished jobs of 200 tokens in 4 MB.
BYTES_PER_FINISHED_JOB = 4000
WAITING_JOBS = 5000
#: Beside its prompt.
BYTES_PER_WAITING_JOB = 2048

PROMPT = "Analysis type: sentiment. Symbol: AAPL. Sentiment score: 0.75. IV rank: 65. " * 4
MODEL = '{"model_name": "SmolLM2-135M", "quantization": "Q4_1", "gpu_layers": 0}'


def used(redis: Redis) -> int:
    return int(redis.info("memory")["used_memory"])


def write_answer(desk: Desk, job_id: str) -> None:
    """200 tokens of five characters with ids of five digits, in the chunks of a real run."""
    desk.claim(job_id)
    for offset in range(0, TOKENS, 4):
        text, ids, lengths = "word " * 4, ",".join(["12345"] * 4), "5,5,5,5"
        desk.scripts("append", job_id, "token", offset, 4, text, ids, lengths, -0.5, 40, "")
    last = (TOKENS, 0, "", "", "", 0, 0, "", "completed", "finish_reason", "length")
    assert desk.scripts("finish", job_id, "token", *last, "model_info", MODEL)[0] == "ok"


def test_a_thousand_finished_jobs_take_less_than_four_megabytes(redis_client: Redis) -> None:
    # Given finished jobs whose streams are gone, as they are a minute later
    desk = Desk(redis_client)
    write_answer(desk, desk.submit(prompt=PROMPT))
    before = used(redis_client)
    for _ in range(JOBS):
        job_id = desk.submit(prompt=PROMPT, sampling=Sampling(max_tokens=TOKENS))
        write_answer(desk, job_id)
        assert 0 < redis_client.ttl(f"ev:{job_id}") <= 60
        redis_client.delete(f"ev:{job_id}", "q.normal")
    # Then each takes what was promised
    assert (used(redis_client) - before) / JOBS < BYTES_PER_FINISHED_JOB


@pytest.mark.parametrize(
    "way", [{}, {"keys": True}, {"calls": True}], ids=["plain", "with a key", "waited for"]
)
def test_a_waiting_job_takes_two_kilobytes_beside_its_prompt(
    redis_client: Redis, way: dict[str, bool]
) -> None:
    # Given jobs of many users as the gateway submits them
    line = Line(redis_client, users=50, **way)
    line.fill(100)
    before = used(redis_client)
    # When many more wait
    line.fill(100 + WAITING_JOBS)
    # Then each takes what was promised, and the last minute's requests are forgotten soon
    redis_client.delete(*redis_client.keys("rate:*"))
    taken = (used(redis_client) - before) / WAITING_JOBS
    assert taken - len(LINE_PROMPT) < BYTES_PER_WAITING_JOB
