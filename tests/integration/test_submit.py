"""POST /generate and POST /explain: a job is written down and the answer comes at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from common.job import Job
from tests.support.documents import EXAMPLE_REQUEST
from tests.support.gateway import Gateway


@pytest.fixture(scope="module")
def strict_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with small limits."""
    limits = {"MAX_JOBS_PER_USER": "2", "RATE_LIMIT_PER_MINUTE": "4", "MAX_QUEUE_SIZE": "10"}
    with Gateway.running(tmp_path_factory.mktemp("strict"), **limits) as gateway:
        yield gateway


@pytest.fixture
def strict(strict_gateway: Gateway) -> Gateway:
    strict_gateway.redis.flushall()
    return strict_gateway


def submit(client: httpx.Client, headers: dict[str, str] | None = None, **body: Any) -> Any:
    return client.post("/generate", json={"prompt": "hello", **body}, headers=headers)


def test_a_submit_says_where_to_find_the_job(client: httpx.Client) -> None:
    # When a prompt is submitted
    answer = submit(client, metadata={"desk": "equities"}, priority="high")
    # Then the job waits, and the answer says where to look for it and when
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/jobs/{job['id']}" == job["urls"]["self"]
    assert int(answer.headers["Retry-After"]) >= 1
    assert (job["object"], job["kind"], job["status"]) == ("job", "generate", "queued")
    assert job["queue"] == {"position": 1, "eta_seconds": None}
    assert job["metadata"] == {"desk": "equities"}
    assert job["usage"]["prompt_tokens"] == len("hello")


def test_the_example_of_the_documents_is_accepted(gateway: Gateway, client: httpx.Client) -> None:
    answer = client.post("/explain", json=EXAMPLE_REQUEST)

    job = gateway.desk.read(answer.json()["id"])
    assert answer.status_code == 202
    assert (job.kind, job.priority) == ("explain", "normal")
    assert "IV rank: 65" in job.work.prompt.messages[-1].content


def test_what_was_asked_for_stands_in_the_record(gateway: Gateway, client: httpx.Client) -> None:
    # When a job is submitted with every knob turned
    sampling = {"max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "seed": 2**63 - 1}
    answer = submit(
        client,
        **sampling,
        stop="END",
        system_prompt="Be brief.",
        timeout_seconds=5,
        queue_ttl_seconds=60,
        result_ttl_seconds=120,
        deadline_seconds=30.5,
        on_disconnect="cancel",
        headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "x-request-id": "mine"},
    )
    # Then the worker will find it so
    job = gateway.desk.read(answer.json()["id"])
    raw = gateway.redis.hgetall(f"job:{job.id}")
    asked = {name: getattr(job.work.sampling, name) for name in sampling}
    assert asked == sampling
    assert job.work.sampling.stop == ("END",)
    assert [m.content for m in job.work.prompt.messages] == ["Be brief.", "hello"]
    assert (raw["timeout_ms"], raw["queue_ttl_ms"], raw["result_ttl_ms"]) == (
        "5000",
        "60000",
        "120000",
    )
    assert job.deadline_ms - job.created_ms == 30_500
    assert (job.on_disconnect, job.request_id) == ("cancel", "mine")
    assert job.traceparent.startswith("00-aaaa")


def test_defaults_are_those_of_the_table(gateway: Gateway, client: httpx.Client) -> None:
    job = gateway.desk.read(submit(client).json()["id"])

    raw = gateway.redis.hgetall(f"job:{job.id}")
    assert (job.work.sampling.max_tokens, job.work.sampling.temperature) == (200, 0.1)
    assert (raw["timeout_ms"], raw["result_ttl_ms"], raw["queue_ttl_ms"]) == (
        "60000",
        "86400000",
        "3600000",
    )


def test_a_submit_is_one_script_call_and_nothing_else(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a gateway that has loaded its scripts
    submit(client)

    def scripts_of_a_submit() -> dict[str, int]:
        gateway.redis.config_resetstat()
        submit(client)
        calls = gateway.redis.info("commandstats")
        return {name: calls[name]["calls"] for name in calls if "eval" in name}

    # When jobs are submitted, and now and then the gateway looks after its batches meanwhile
    seen = min((scripts_of_a_submit() for _ in range(5)), key=lambda calls: sum(calls.values()))
    # Then that was all
    assert seen == {"cmdstat_evalsha": 1}


def test_a_submit_answers_again_to_the_same_key(gateway: Gateway, client: httpx.Client) -> None:
    # Given a submit with an Idempotency-Key
    first = submit(client, {"Idempotency-Key": "order-7"})
    # When the same comes again, quoted, with a default written out
    again = submit(client, {"Idempotency-Key": '"order-7"'}, max_tokens=200)
    # Then it is the same job, and one doorbell
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert again.headers["Idempotency-Replayed"] == "true"
    assert gateway.redis.llen("q.normal") == 1


def test_a_key_stands_for_one_body(client: httpx.Client) -> None:
    submit(client, {"Idempotency-Key": "order-7"})

    other = submit(client, {"Idempotency-Key": "order-7"}, max_tokens=5)

    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency-key-reuse")


def test_a_key_belongs_to_its_user_and_route(gateway: Gateway, client: httpx.Client) -> None:
    # Given Ada's key
    key = {"Idempotency-Key": "order-7"}
    jobs = [submit(client, key).json()["id"]]
    # When Bob uses the same, and Ada on another route
    with gateway.client("bob") as bob:
        jobs.append(submit(bob, key).json()["id"])
    jobs.append(client.post("/explain", json=EXAMPLE_REQUEST, headers=key).json()["id"])
    # Then these are three jobs
    assert len(set(jobs)) == 3


def test_twenty_at_once_with_one_key_make_one_job(gateway: Gateway) -> None:
    # When many clients retry at once
    def one(_: int) -> str:
        with gateway.client() as client:
            return str(submit(client, {"Idempotency-Key": "storm"}).json()["id"])

    with ThreadPoolExecutor(10) as pool:
        ids = set(pool.map(one, range(20)))
    # Then there is one job and one doorbell
    assert len(ids) == 1
    assert gateway.redis.llen("q.normal") == 1


@pytest.mark.parametrize("key", ["", '""', "a b", "ä".encode().decode("latin-1"), "x" * 256])
def test_a_key_is_visible_ascii_of_readable_length(client: httpx.Client, key: str) -> None:
    answer = submit(client, {"Idempotency-Key": key.encode("latin-1")})  # type: ignore[dict-item]

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_a_full_queue_is_503_and_says_when_there_will_be_room(strict: Gateway) -> None:
    # Given eight of ten places taken, a mean run of 30 s and three slots
    for _ in range(8):
        strict.desk.submit(user="somebody")
    strict.redis.hset("pace", "mean_ms", 30_000)
    strict.desk.scripts("beat", "w1", 15_000, 3600, 0, "state", "ready", "slots", 3)
    # When jobs of two classes come
    with strict.client() as client:
        normal, urgent = submit(client), submit(client, priority="urgent")
    # Then normal has used its share, and urgent has not
    assert (normal.status_code, normal.json()["error"]["code"]) == (503, "queue-full")
    assert normal.headers["Retry-After"] == "10"
    assert urgent.status_code == 202
    assert urgent.json()["queue"] == {"position": 1, "eta_seconds": 0.0}


def test_a_deadline_that_cannot_be_met_is_refused_at_once(strict: Gateway) -> None:
    # Given a slot that takes 30 s a job, and a job ahead
    strict.desk.submit(user="somebody")
    strict.redis.hset("pace", "mean_ms", 30_000)
    strict.desk.scripts("beat", "w1", 15_000, 3600, 0, "state", "ready", "slots", 1)
    # When jobs with deadlines come
    with strict.client() as client:
        hopeless, patient = submit(client, deadline_seconds=20), submit(client, deadline_seconds=90)
    # Then the one that could not start in time is told so, with the numbers
    assert (hopeless.status_code, hopeless.json()["error"]["code"]) == (503, "deadline-unmeetable")
    assert "in about 30 s, and its deadline is in 20 s" in hopeless.json()["detail"]
    assert int(hopeless.headers["Retry-After"]) >= 1
    assert patient.status_code == 202


def test_one_user_cannot_take_all(strict: Gateway) -> None:
    with strict.client() as client, strict.client("bob") as bob:
        answers = [submit(client) for _ in range(3)]
        others = submit(bob)

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[-1].json()["error"]["code"] == "too-many-jobs"
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert others.status_code == 202


def test_a_rate_limit_is_said_before_and_after_it_bites(strict: Gateway) -> None:
    # Given four requests a minute, and cancelled jobs that do not count as unfinished
    with strict.client() as client:
        answers = []
        for _ in range(5):
            answers.append(submit(client))
            if answers[-1].status_code == 202:
                client.delete(answers[-1].headers["Location"])
    # Then every answer says what is left, and the fifth is refused until the first is old
    assert [answer.headers["RateLimit"].split(";")[1] for answer in answers] == [
        *("r=3", "r=2", "r=1", "r=0", "r=0")
    ]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"permin";q=4;w=60'}
    assert (answers[-1].status_code, answers[-1].json()["error"]["code"]) == (429, "rate-limited")
    assert 50 <= int(answers[-1].headers["Retry-After"]) <= 60


def test_a_cancelled_job_is_the_answer_to_its_cancel(client: httpx.Client) -> None:
    url = submit(client).headers["Location"]

    cancelled, again = client.delete(url), client.delete(url)

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "job-ended")
    assert again.json()["errors"][0]["value"] == "cancelled"


def test_a_cancel_with_a_key_may_be_repeated_when_its_answer_is_lost(client: httpx.Client) -> None:
    url, key = submit(client).headers["Location"], {"Idempotency-Key": "once"}

    cancelled, again = client.delete(url, headers=key), client.delete(url, headers=key)

    assert (again.status_code, again.json()) == (200, cancelled.json())
    # And it is the cancel that is repeated, not that of somebody else
    assert client.delete(url, headers={"Idempotency-Key": "twice"}).status_code == 409
    assert client.delete(url, headers={"Idempotency-Key": ""}).status_code == 422


def test_a_running_job_can_be_cancelled_and_keeps_its_text(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a job that has made three tokens
    job_id = submit(client).json()["id"]
    gateway.desk.claim(job_id)
    gateway.desk.append(job_id, 0, [7, 4, 8])
    # When it is cancelled
    job = client.delete(f"/jobs/{job_id}").json()
    # Then its text so far is there, and its worker can write no more
    assert job["result"]["text"] == "hei"
    assert job["result"]["finish_reason"] == "cancelled"
    assert job["usage"]["completion_tokens"] == 3
    assert gateway.desk.append(job_id, 3, [1]) == ["lost", 0]


def test_the_result_of_an_explanation_is_as_the_documents_show(
    gateway: Gateway, client: httpx.Client
) -> None:
    job_id = client.post("/explain", json=EXAMPLE_REQUEST).json()["id"]
    info = '{"model_name": "llama", "quantization": "Q4_1", "gpu_layers": 0, "context_size": 4096}'
    gateway.desk.claim(job_id)
    chunk = (0, 2, "Good.", "1,2", "4,1", -0.2, 100, "")
    fields = ("completed", "finish_reason", "stop", "model_info", info)
    gateway.desk.scripts("finish", job_id, "token", *chunk, *fields)

    result = client.get(f"/jobs/{job_id}").json()["result"]

    assert result.pop("processing_time_ms") >= 0
    assert result == {
        "explanation": "Good.",
        "tokens_used": 2,
        "model_info": {
            "model_name": "llama",
            "quantization": "Q4_1",
            "gpu_layers": 0,
            "context_size": 4096,
        },
        "confidence_score": 0.9048,
        "finish_reason": "stop",
    }


def test_a_stored_job_reads_back_as_it_was_written(gateway: Gateway, client: httpx.Client) -> None:
    job: Job = gateway.desk.read(submit(client, prompt="ünïcode 😀").json()["id"])

    assert job.work.prompt.messages[0].content == "ünïcode 😀"
    assert job.prompt_tokens == len("ünïcode 😀".encode())
