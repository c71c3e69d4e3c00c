from collections import Counter

from common.queues import STARVATION_INTERVAL, Priority, PriorityCycle

QUEUES = [priority.queue for priority in Priority]


def test_urgent_comes_first_whatever_the_order_of_subscription() -> None:
    assert PriorityCycle(reversed(QUEUES)).consume(4) == QUEUES


def test_pausing_and_resuming_a_consumer_does_not_invert_the_priorities() -> None:
    # Given a cycle whose urgent queue is cancelled and added again, as kombu does it
    cycle = PriorityCycle(QUEUES)
    cycle.update(QUEUES[1:])
    cycle.update([*QUEUES[1:], QUEUES[0]])
    # Then urgent is first again
    assert cycle.consume(4) == QUEUES


def test_every_class_gets_a_turn_and_none_but_urgent_gets_many() -> None:
    # Given queues that are never empty
    cycle = PriorityCycle(QUEUES)
    # When each pick takes from the first
    picks: Counter[str] = Counter()
    for _ in range(3 * STARVATION_INTERVAL):
        first = cycle.consume(4)[0]
        picks[first] += 1
        cycle.rotate(first)
    # Then one pick in twenty starts lower, each class in its turn
    assert picks == {"q.urgent": 57, "q.high": 1, "q.normal": 1, "q.low": 1}


def test_a_foreign_queue_comes_last() -> None:
    assert PriorityCycle(["celery", "q.low"]).consume(2) == ["q.low", "celery"]


def test_capacity_grows_with_the_class() -> None:
    assert [priority.share for priority in Priority] == [1.0, 0.95, 0.8, 0.6]
