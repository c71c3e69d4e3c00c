"""What happened to a job, as its owner reads it."""

import httpx

from api.timeline import TimelineBody
from tests.support.gateway import Gateway


def told(client: httpx.Client, job_id: str) -> list[dict[str, object]]:
    body = client.get(f"/jobs/{job_id}/timeline").json()
    TimelineBody.model_validate(body, extra="forbid")
    return [
        {key: value for key, value in moment.items() if key != "at" and value is not None}
        for moment in body["data"]
    ]


def test_an_attempt_that_was_lost_and_the_next_one_are_told_in_order(
    client: httpx.Client, gateway: Gateway
) -> None:
    job_id = client.post("/generate", json={"prompt": "hello"}).json()["id"]
    assert told(client, job_id) == [{"event": "queued"}]

    gateway.desk.claim(job_id, "t1", "w1")
    gateway.desk.append(job_id, 0, [1, 2], token="t1")
    gateway.desk.rescue("w1")
    gateway.desk.claim(job_id, "t2", "w2")
    gateway.desk.scripts("release", job_id, "t2", 0, 1)
    gateway.desk.claim(job_id, "t3", "w|3;")
    gateway.desk.finish(job_id, 2, [3], token="t3")

    assert told(client, job_id) == [
        {"event": "queued"},
        {"event": "started", "attempt": 1, "worker": "w1"},
        {"event": "first_token"},
        {"event": "requeued", "attempt": 1, "reason": "worker_lost"},
        {"event": "started", "attempt": 2, "worker": "w2"},
        {"event": "requeued", "attempt": 2, "reason": "engine_error"},
        {"event": "started", "attempt": 3, "worker": "w 3 "},
        {"event": "completed", "attempt": 3},
    ]
    moments = client.get(f"/jobs/{job_id}/timeline").json()["data"]
    assert [moment["at"] for moment in moments] == sorted(moment["at"] for moment in moments)


def test_what_happened_in_one_millisecond_is_told_in_order(
    client: httpx.Client, gateway: Gateway
) -> None:
    job_id = client.post("/generate", json={"prompt": "hello"}).json()["id"]
    trail = "start|5000|w1;back|5000|worker_lost;start|5000|w2;"
    gateway.redis.hset(
        f"job:{job_id}", mapping={"created_ms": 5000, "first_token_ms": 5000, "trail": trail}
    )

    events = [moment["event"] for moment in told(client, job_id)]

    assert events == ["queued", "started", "first_token", "requeued", "started"]


def test_a_job_that_never_ran_was_queued_and_cancelled(client: httpx.Client) -> None:
    job_id = client.post("/generate", json={"prompt": "hello"}).json()["id"]
    client.delete(f"/jobs/{job_id}")
    assert told(client, job_id) == [{"event": "queued"}, {"event": "cancelled"}]


def test_a_repeated_claim_leaves_one_step_and_endless_returns_leave_a_bounded_trail(
    client: httpx.Client, gateway: Gateway
) -> None:
    job_id = client.post("/generate", json={"prompt": "hello"}).json()["id"]
    gateway.desk.claim(job_id, "t1", "w1")
    gateway.desk.claim(job_id, "t1", "w1")
    assert [moment["event"] for moment in told(client, job_id)] == ["queued", "started"]

    for turn in range(200):
        gateway.desk.release(job_id, "t1" if turn == 0 else f"n{turn}")
        gateway.desk.claim(job_id, f"n{turn + 1}", "w1")
    assert len(str(gateway.redis.hget(f"job:{job_id}", "trail"))) < 4100


def test_it_is_nobody_elses(client: httpx.Client, gateway: Gateway) -> None:
    job_id = client.post("/generate", json={"prompt": "hello"}).json()["id"]
    with gateway.client("grace") as other:
        assert other.get(f"/jobs/{job_id}/timeline").status_code == 404
        assert other.get("/jobs/nonsense/timeline").status_code == 404
