"""Users of one class share the slots by tokens, and nobody waits behind another's pile."""

from collections import Counter

import pytest
from redis import Redis

from common import keys
from common.queues import Priority
from tests.support.hall import Hall
from tests.support.pen import BATCH, Pen

#: As many newcomers may pass somebody who has had more; see LEVEL_PART in fair.lua.
PASSED_BY = 20


@pytest.fixture
def hall(redis_client: Redis) -> Hall:
    return Hall(redis_client)


def test_a_quiet_users_job_is_the_next_to_start_after_a_hundred_noisy_ones(hall: Hall) -> None:
    # Given a noisy user in all slots, with many more jobs
    hall.submit("noisy", 100)
    assert hall.start() == ["noisy"] * 3
    # When somebody else comes
    (job_id,) = hall.submit("quiet")
    # Then their job is next, and they are told so
    assert hall.desk.scripts("read", job_id)[1] == 0
    assert hall.serve(3) == ["quiet", "noisy", "noisy"]


def test_newcomers_go_in_the_order_in_which_they_came(hall: Hall) -> None:
    hall.submit("noisy", 20)
    hall.start()
    for user in ("zoe", "ada", "mia"):
        hall.submit(user)
    assert hall.serve(4) == ["zoe", "ada", "mia", "noisy"]


@pytest.mark.parametrize("expected", ["all of it", "far too much"])
def test_two_busy_users_get_equal_tokens_where_ones_jobs_are_four_times_as_long(
    hall: Hall, expected: str
) -> None:
    # Given two users whose jobs never run out; what they may use is all that is known of them
    tokens = {"long": 160, "short": 40}
    more = 6 if expected == "all of it" else 2000
    for user, count in (("long", 80), ("short", 320)):
        hall.submit(user, count, tokens=tokens[user] + more)
    # When many of them have run
    users: Counter[str] = Counter()
    hall.start()
    while users.total() < 200:
        user = hall.desk.read(hall.running[0][0]).user
        users[hall.end(tokens[user])] += 1
        hall.start()
    # Then both have had as many tokens, but for what runs
    long, short = users["long"] * (160 + 6), users["short"] * (40 + 6)
    assert long / short == pytest.approx(1, abs=0.15)


def test_idleness_earns_no_credit(hall: Hall) -> None:
    # Given a user who was served alone for long, and still is busy
    hall.submit("busy", 200)
    hall.serve(100)
    # When one comes who was idle all the time
    hall.submit("idle", 50)
    # Then they take turns from now on
    assert Counter(hall.serve(40))["idle"] <= 22


def test_who_has_had_much_is_not_passed_for_ever(hall: Hall) -> None:
    # Given a user who was served alone, and waits
    hall.submit("busy", 10)
    hall.start()
    # When a new user comes whenever a slot is free
    for number in range(PASSED_BY + 5):
        hall.submit(f"new{number}")
        hall.serve(1)
    # Then the first has had their turn, too
    assert "busy" in hall.started[3:]


def test_a_job_that_used_less_than_it_might_have_is_charged_for_what_it_used(hall: Hall) -> None:
    hall.submit("modest", 10, tokens=1000)
    hall.submit("other", 10, tokens=100)
    hall.start()
    while hall.running:
        hall.end(10 if hall.desk.read(hall.running[0][0]).user == "modest" else None)
        if len(hall.started) < 10:
            hall.start()
    # Then the one who uses ten tokens of a thousand has had more turns
    assert Counter(hall.started)["modest"] > Counter(hall.started)["other"]


def test_a_job_that_never_ran_costs_its_user_nothing(hall: Hall) -> None:
    # Given a user whose jobs are cancelled while they wait, rung for or not
    hall.submit("busy", 6)
    hall.start()
    for job_id in hall.submit("fickle", 3):
        hall.desk.scripts("cancel", job_id, "fickle", "n")
    assert not hall.redis.exists(keys.row("normal", "fickle"))
    # When they mean it
    hall.submit("fickle")
    # Then they are next
    assert hall.serve(1) == ["fickle"]


def test_a_job_that_was_given_back_goes_before_its_users_others(hall: Hall) -> None:
    # Given a user with two jobs, one of which has run
    hall.submit("other", 2)
    first, second = hall.submit("ada", 2)
    while first not in [job_id for job_id, _ in hall.running]:
        hall.serve(1)
    token = dict(hall.running).pop(first)
    hall.running.remove((first, token))
    # When it is given back while all slots are taken
    hall.desk.release(first, token)
    # Then it is next, before whoever else waits
    assert hall.desk.rung()[0] == first
    hall.start()
    assert first in [job_id for job_id, _ in hall.running]
    assert second not in [job_id for job_id, _ in hall.running][:-1]


def test_a_queue_has_as_many_bells_as_there_are_free_slots_and_at_least_one(hall: Hall) -> None:
    # Given a hundred waiting jobs
    hall.submit("ada", 100)
    assert len(hall.desk.rung()) == 3
    # When all slots are taken
    hall.start()
    # Then one bell is enough, whoever comes
    for user in ("bob", "cid", "dan"):
        hall.submit(user, 5)
    assert len(hall.desk.rung()) == 1
    # And the one that was rung for first has lost nothing
    waiting = hall.redis.zcard("wait:normal")
    rows = sum(hall.redis.zcard(keys.row("normal", u)) for u in ("ada", "bob", "cid", "dan"))
    assert rows + hall.redis.zcard(keys.bells("normal")) == waiting == 112


def test_urgent_jobs_still_go_before_all_others(hall: Hall) -> None:
    hall.submit("ada", 10)
    hall.start()
    hall.submit("bob", 2, priority=Priority.URGENT)
    hall.submit("cid")
    assert hall.serve(3) == ["bob", "bob", "cid"]


def test_a_place_in_the_queue_is_what_will_really_be_served_before(hall: Hall) -> None:
    # Given busy slots, and three users with piles of different height
    hall.submit("noisy", 40)
    hall.start()
    hall.submit("few", 2)
    ids = hall.submit("some", 6)
    # When the last of one pile asks how many go before it
    told = int(hall.desk.scripts("read", ids[-1])[1])
    # Then so many do
    before = 0
    while hall.desk.read(ids[-1]).status == "queued":
        before += len(hall.serve(1))
    assert told == pytest.approx(before - 1, abs=1)


def test_a_place_costs_the_same_however_many_wait(hall: Hall) -> None:
    # Given more users than are looked at
    for number in range(200):
        hall.submit(f"user{number}", 2)
    (last,) = hall.submit("last")
    hall.submit("first", priority=Priority.URGENT)
    # Then the estimate is near the truth
    assert hall.desk.scripts("read", last)[1] == pytest.approx(201, abs=3)


def test_a_batch_is_one_user_however_many_lines_it_has(redis_client: Redis) -> None:
    # Given a batch whose lines wait
    hall, pen = Hall(redis_client), Pen(redis_client)
    pen.admit(user="batcher")
    pen.begin(50)
    pen.feed(0, [pen.job(line) for line in range(50)])
    assert hall.start() == ["batcher"] * 3
    # When another user wants something of the same class
    hall.submit("ada", priority=Priority.LOW)
    # Then they are next
    assert hall.serve(2) == ["ada", "batcher"]
    assert hall.redis.zcard(keys.row("low", "batcher")) > 0
    assert pen.batch()["id"] == BATCH


def test_who_has_all_slots_gives_one_to_a_user_who_has_none(hall: Hall) -> None:
    # Given a user whose jobs run in all slots, with more to come
    hall.submit("noisy", 10)
    hall.start()
    assert hall.desk.scripts("preempt") == []
    # When another one comes
    (job_id,) = hall.submit("quiet")
    # Then the youngest job is asked for its slot, once
    (asked,) = hall.desk.scripts("preempt")
    assert asked == hall.running[-1][0]
    assert hall.desk.scripts("preempt") == []
    # And once it has been given back, the other runs, and it goes on as its user's next
    hall.give_back(asked)
    assert hall.start() == ["quiet"]
    assert hall.serve(1) == ["noisy"]
    assert hall.running[-1][0] == asked
    assert (hall.desk.read(asked).attempts, hall.desk.read(asked).failures) == (2, 0)
    assert hall.desk.read(job_id).attempts == 1


def test_a_job_is_asked_for_its_slot_three_times_at_most(hall: Hall) -> None:
    # Given one long job that gives its slot up again and again, beside another of its user
    hall.submit("noisy", 3)
    hall.start()
    asked: Counter[str] = Counter()
    for number in range(20):
        hall.submit(f"quiet{number}")
        for job_id in hall.desk.scripts("preempt"):
            asked[job_id] += 1
            hall.give_back(job_id)
        hall.start()
        quiet = [job_id for job_id, _ in hall.running if hall.user_of(job_id) != "noisy"]
        for job_id in quiet:
            hall.end_of(job_id)
        hall.start()
    assert asked
    assert max(asked.values()) == 3


@pytest.mark.parametrize(
    ("noisy", "quiet"), [(Priority.HIGH, Priority.NORMAL), (Priority.NORMAL, Priority.LOW)]
)
def test_nobody_gives_a_slot_to_a_lower_class(hall: Hall, noisy: Priority, quiet: Priority) -> None:
    hall.submit("noisy", 3, priority=noisy)
    hall.start()
    hall.submit("quiet", priority=quiet)
    assert hall.desk.scripts("preempt") == []


def test_nobody_gives_up_their_only_slot_nor_one_to_somebody_who_has_one(hall: Hall) -> None:
    for user in ("ada", "bob", "cid"):
        hall.submit(user)
    hall.start()
    hall.submit("dan")
    assert hall.desk.scripts("preempt") == []
    hall.end()
    hall.start()
    hall.submit("dan")
    assert hall.desk.scripts("preempt") == []


def test_nothing_is_remembered_of_users_who_have_nothing_left(hall: Hall) -> None:
    # Given many users who came once
    for number in range(300):
        hall.submit(f"user{number}")
        hall.serve(1)
    while hall.running:
        hall.end()
    # Then there is no row, no bell, and hardly a counter
    assert hall.redis.keys("fair:normal:of:*") == []
    assert not hall.redis.exists(keys.bells("normal"), keys.fair("normal"))
    assert hall.redis.zcard(keys.debt("normal")) <= 2 * PASSED_BY
