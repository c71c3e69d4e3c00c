"""GET /jobs: one's own jobs, newest first, a page at a time."""

import itertools
from typing import Any

import httpx
import pytest

from common.job import JobKind, JobStatus
from common.queues import Priority
from tests.support.gateway import Gateway


def page(client: httpx.Client, **query: Any) -> Any:
    answer = client.get("/jobs", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(body: Any) -> list[str]:
    return [job["id"] for job in body["data"]]


def test_a_user_without_jobs_has_an_empty_list(client: httpx.Client) -> None:
    assert page(client) == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


def test_pages_lead_from_the_newest_job_to_the_oldest(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given seven jobs of Ada's and one of Bob's
    made = [gateway.desk.submit(f"job_{n}") for n in range(7)]
    gateway.desk.submit("job_b", user="bob")
    # When Ada walks through them by threes
    pages = [page(client, limit=3)]
    while pages[-1]["has_more"]:
        pages.append(page(client, limit=3, after=pages[-1]["last_id"]))
    # Then she sees each of hers once, newest first
    assert [len(p["data"]) for p in pages] == [3, 3, 1]
    assert [job_id for p in pages for job_id in ids(p)] == made[::-1]
    assert (pages[0]["first_id"], pages[0]["last_id"]) == ("job_6", "job_4")


def test_a_status_filters_and_still_says_whether_there_are_more(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given every other of ten jobs completed
    for n in range(10):
        job_id = gateway.desk.submit(f"job_{n}")
        if n % 2:
            gateway.complete(job_id, [1])
    # When only those are asked for
    first = page(client, status="completed", limit=3)
    rest = page(client, status="completed", limit=3, after=first["last_id"])
    # Then pages hold them alone
    assert (ids(first), first["has_more"]) == (["job_9", "job_7", "job_5"], True)
    assert (ids(rest), rest["has_more"]) == (["job_3", "job_1"], False)


def test_a_walk_goes_far_enough_to_find_rare_jobs(gateway: Gateway, client: httpx.Client) -> None:
    gateway.complete(gateway.desk.submit("job_rare"), [1])
    for _ in range(450):
        gateway.desk.submit()

    assert ids(page(client, status="completed")) == ["job_rare"]


def test_every_filter_finds_what_a_look_at_each_job_would(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given jobs of every state, class and kind, many of them of the same millisecond
    for n in range(40):
        priority = list(Priority)[n % 4]
        job_id = gateway.desk.submit(f"job_{n:02}", priority=priority)
        if n % 3 == 1:
            gateway.complete(job_id, [1])
        elif n % 5 == 2:
            client.delete(f"/jobs/{job_id}")
        elif n % 7 == 3:
            gateway.desk.claim(job_id)
    every = {job["id"]: job for job in page(client, limit=100)["data"]}
    filters = [
        dict(zip(("status", "priority", "kind"), wanted, strict=True))
        for wanted in itertools.product((None, *JobStatus), (None, *Priority), (None, *JobKind))
    ]
    for wanted in ({k: v for k, v in one.items() if v} for one in filters):
        # When a filter's pages are walked by threes
        walked: list[str] = []
        after: dict[str, Any] = {}
        while True:
            one = page(client, limit=3, **wanted, **after)
            walked += ids(one)
            after = {"after": one["last_id"]}
            if not one["has_more"]:
                break
        # Then they hold what has its marks, newest first
        assert walked == [
            job_id for job_id, job in every.items() if wanted.items() <= job.items()
        ], wanted


def test_a_filter_looks_at_no_other_jobs(gateway: Gateway, client: httpx.Client) -> None:
    # Given 300 finished jobs and two that wait
    for _ in range(300):
        gateway.complete(gateway.desk.submit(), [1])
    waiting = [gateway.desk.submit() for _ in range(2)]
    # When those that wait are listed
    gateway.redis.config_resetstat()
    body = page(client, status="queued")
    # Then few records were read for it
    looked_at = gateway.redis.info("commandstats")["cmdstat_hget"]["calls"]
    assert sorted(ids(body)) == sorted(waiting)
    assert looked_at < 20


def test_expired_jobs_leave_the_list_and_the_index(gateway: Gateway, client: httpx.Client) -> None:
    # Given three jobs, of which one has expired
    for n in range(3):
        gateway.complete(gateway.desk.submit(f"job_{n}"), [1])
    gateway.redis.delete("job:job_1")
    # When the list is read
    body = page(client, limit=2)
    # Then it is gone from both
    assert (ids(body), body["has_more"]) == (["job_2", "job_0"], False)
    assert gateway.redis.zrange("jobs:ada", 0, -1) == ["job_0", "job_2"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"status": "done"}, "status"),
        ({"priority": "asap"}, "priority"),
        ({"kind": "poem"}, "kind"),
        ({"after": "job_nowhere"}, "after"),
    ],
)
def test_a_bad_query_is_a_422(client: httpx.Client, query: dict[str, Any], field: str) -> None:
    answer = client.get("/jobs", params=query)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
