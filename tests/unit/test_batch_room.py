"""How many lines of batches may enter the queue."""

import pytest

from api.batches.room import LATELY_SECONDS, TRICKLE_SECONDS, Courtesy, Seen, room

IDLE = Seen(waiting=0, waiting_lines=0, running=0, running_lines=0, slots=3, mean_ms=0)
BUSY = Seen(waiting=0, waiting_lines=0, running=2, running_lines=0, slots=3, mean_ms=800)


def seen(**changes: int) -> Seen:
    fields = {name: getattr(IDLE, name) for name in Seen.__slots__}
    return Seen(**{**fields, **changes})


@pytest.mark.parametrize(
    ("situation", "lines"),
    [
        (seen(), 3),  # one for each slot
        (seen(waiting=3, waiting_lines=3), 0),  # they are there already
        (seen(mean_ms=10), 30),  # short jobs: more, up to half of what low ones may fill
        (seen(mean_ms=100), 6),  # what three slots need until the look after the next
        (seen(slots=0), 2),  # no worker: enough for KEDA to see
        (seen(waiting=5), 1),  # others wait: one, for the turn of the starving
        (seen(waiting=6, waiting_lines=1), 0),
        (seen(waiting=60), 0),  # the low class is full
    ],
)
def test_enough_lines_enter_to_keep_the_slots_busy_and_no_more(situation: Seen, lines: int) -> None:
    assert room(situation, max_queue_size=100) == lines


def test_with_a_spare_slot_no_line_waits_for_a_job_to_end() -> None:
    assert room(seen(running=1), 100, spare=1) == 1
    assert room(seen(running=2), 100, spare=1) == 0
    assert room(seen(slots=30), 100, spare=3) == 15
    assert room(seen(slots=4, running=2, running_lines=2), 100, spare=1) == 0


def test_where_jobs_can_take_a_slot_from_a_line_none_is_spared() -> None:
    assert Courtesy(preemption=True).spare(BUSY, now=0.0) == 0


def test_a_slot_is_spared_while_others_have_run_lately() -> None:
    # Given lines that entered just now, beside other jobs
    courtesy = Courtesy(preemption=False)
    courtesy.entered(now=0.0)
    # Then a slot is spared, until the others are gone for a while
    assert courtesy.spare(BUSY, now=1.0) == 1
    assert courtesy.spare(seen(running=2, running_lines=2), now=2.0) == 1
    courtesy.entered(now=1.0 + LATELY_SECONDS)
    assert courtesy.spare(seen(running=2, running_lines=2), now=2.0 + LATELY_SECONDS) == 0


def test_a_line_enters_now_and_then_however_busy_the_others_are() -> None:
    courtesy = Courtesy(preemption=False)
    courtesy.entered(now=0.0)

    assert courtesy.spare(BUSY, now=TRICKLE_SECONDS) == 1
    assert courtesy.spare(BUSY, now=TRICKLE_SECONDS + 0.1) == 0
