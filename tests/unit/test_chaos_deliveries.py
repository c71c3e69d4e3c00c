"""The judge of the webhooks scenario can say no."""

import json
from dataclasses import replace

from benchmarks.chaos.deliveries import Post, broken_promises
from benchmarks.sink import Receipt
from common.webhooks import Delivery, DeliveryStatus, Format, Try

JOB = "job_1"


def delivery(message: str, event: str, status: DeliveryStatus) -> Delivery:
    return Delivery(
        id=f"whd_{message}",
        event_id=message,
        user="ada",
        subject=JOB,
        event=event,
        format=Format.NATIVE,
        endpoint="",
        url="http://127.0.0.1/",
        lane="ada@127.0.0.1",
        status=status,
    )


def receipt(message: str, event: str, began: float, status: int | None = 200) -> Receipt:
    body = json.dumps({"type": event, "data": {"id": JOB}}).encode()
    return Receipt("/", {"webhook-id": message}, body, began, began + 0.5, status)


STARTED = receipt("evt_s", "job.started", 1.0)
ENDED = receipt("evt_c", "job.completed", 2.0)
GOOD = Post(
    deliveries={
        "evt_s": delivery("evt_s", "job.started", DeliveryStatus.SUCCEEDED),
        "evt_c": delivery("evt_c", "job.completed", DeliveryStatus.SUCCEEDED),
    },
    tries={"evt_s": [Try(1, 1, 1, 200)], "evt_c": [Try(1, 1, 1, 200)]},
    receipts=[STARTED, ENDED],
    unsigned=0,
)


def complaints(post: Post, *job_ids: str) -> list[str]:
    return list(broken_promises(post, job_ids or [JOB]))


def test_what_went_well_is_not_complained_of() -> None:
    assert complaints(GOOD) == []


def test_a_bad_signature_is_noticed() -> None:
    assert complaints(replace(GOOD, unsigned=2)) == ["2 requests had no valid signature"]


def test_an_event_that_never_arrived_is_noticed() -> None:
    (complaint,) = complaints(replace(GOOD, receipts=[STARTED]))

    assert "job.completed of job_1 never arrived" in complaint


def test_an_event_that_was_never_written_is_noticed() -> None:
    assert complaints(GOOD, JOB, "job_2") == ["job_2 ended, and there is no delivery"]


def test_a_start_may_be_overtaken_by_the_end() -> None:
    overtaken = delivery("evt_s", "job.started", DeliveryStatus.CANCELLED)
    post = replace(GOOD, deliveries={**GOOD.deliveries, "evt_s": overtaken}, receipts=[ENDED])

    assert complaints(post) == []


def test_a_duplicate_is_allowed_only_where_an_answer_was_lost() -> None:
    post = replace(GOOD, receipts=[STARTED, ENDED, replace(ENDED, began=3.0, ended=3.5)])
    lost = [Try(1, 1, 1, error="The worker died."), Try(2, 2, 1, 200)]

    assert complaints(post) == ["evt_c was accepted 2 times, 0 answers were lost"]
    assert complaints(replace(post, tries={**GOOD.tries, "evt_c": lost})) == []


def test_two_attempts_at_once_are_noticed() -> None:
    failed = replace(ENDED, began=2.1, ended=2.2, status=500)

    assert complaints(replace(GOOD, receipts=[STARTED, ENDED, failed])) == [
        "evt_c was sent twice at once"
    ]


def test_a_start_that_is_told_after_the_end_is_noticed() -> None:
    late = replace(STARTED, began=9.0, ended=9.5)

    assert complaints(replace(GOOD, receipts=[ENDED, late])) == [
        "job_1: its start was told after its end"
    ]
