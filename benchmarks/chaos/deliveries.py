"""What became of webhooks: the receiver's notes beside the ledger, judged by pure functions."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.sink import Receipt
from common.webhooks import Delivery, DeliveryStatus, EventType, Try

STARTED = EventType.JOB_STARTED


@dataclass(frozen=True, slots=True)
class Post:
    """All deliveries of a trial by message id, their attempts, and what the receiver noted."""

    deliveries: Mapping[str, Delivery]
    tries: Mapping[str, Sequence[Try]]
    receipts: Sequence[Receipt]
    unsigned: int  #: requests whose signature was not valid

    def by_message(self) -> Mapping[str, list[Receipt]]:
        """The requests under each message id, as they came."""
        found: defaultdict[str, list[Receipt]] = defaultdict(list)
        for receipt in sorted(self.receipts, key=lambda receipt: receipt.began):
            found[receipt.message_id].append(receipt)
        return found

    def repeated(self) -> int:
        """Messages that the receiver accepted, and got again."""
        return sum(_accepted(receipts) - 1 for receipts in self.by_message().values()
                   if _accepted(receipts))  # fmt: skip

    def delays_ms(self) -> list[float]:
        """From each event to the arrival of its first request."""
        return [
            receipts[0].began * 1000 - self.deliveries[message].created_ms
            for message, receipts in self.by_message().items()
        ]


def broken_promises(post: Post, job_ids: Collection[str]) -> Iterator[str]:
    """A sentence for each promise that did not hold for these ended jobs."""
    if post.unsigned:
        yield f"{post.unsigned} requests had no valid signature"
    received = post.by_message()
    yield from _undelivered(post, received, job_ids)
    for message, receipts in received.items():
        yield from _overlaps(message, receipts)
        lost = sum(attempt.status_code is None for attempt in post.tries.get(message, ()))
        if _accepted(receipts) > 1 + lost:
            yield f"{message} was accepted {_accepted(receipts)} times, {lost} answers were lost"
        if len({receipt.body for receipt in receipts}) > 1:
            yield f"{message} had different bodies"
    yield from _out_of_order(post.receipts)


def _undelivered(
    post: Post, received: Mapping[str, Sequence[Receipt]], job_ids: Collection[str]
) -> Iterator[str]:
    told = set()
    for message, delivery in post.deliveries.items():
        overtaken = delivery.event == STARTED and delivery.status is DeliveryStatus.CANCELLED
        if not overtaken and not _accepted(received.get(message, ())):
            yield f"{delivery.event} of {delivery.subject} never arrived: {delivery.status}"
        if delivery.event != STARTED:
            told.add(delivery.subject)
    for job_id in set(job_ids) - told:
        yield f"{job_id} ended, and there is no delivery"


def _overlaps(message: str, receipts: Sequence[Receipt]) -> Iterator[str]:
    for earlier, later in pairwise(receipts):
        if later.began < earlier.ended:
            yield f"{message} was sent twice at once"


def _out_of_order(receipts: Sequence[Receipt]) -> Iterator[str]:
    """Once the receiver has heard of a job's end, nobody tells it of its start."""
    ended: set[str] = set()
    for receipt in sorted(receipts, key=lambda receipt: receipt.began):
        event = json.loads(receipt.body)
        job_id = event["data"]["id"]
        if event["type"] != STARTED:
            ended.add(job_id)
        elif job_id in ended:
            yield f"{job_id}: its start was told after its end"


def _accepted(receipts: Sequence[Receipt]) -> int:
    return sum(receipt.status is not None and 200 <= receipt.status < 300 for receipt in receipts)  # noqa: PLR2004
