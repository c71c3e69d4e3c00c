"""One attempt at a time, each written down once, whoever repeats a call or dies."""

import pytest
from redis import Redis

from common import keys
from common.webhooks import Delivery, DeliveryStatus
from tests.support.desk import Desk
from tests.support.post_office import LANE_LIMIT, PATIENCE_MS, PostOffice


@pytest.fixture
def office(redis_client: Redis) -> PostOffice:
    return PostOffice(Desk(redis_client))


@pytest.fixture
def delivery(office: PostOffice) -> Delivery:
    job_id = office.submit()
    office.complete(job_id)
    return office.of(job_id)[0]


@pytest.fixture
def to_endpoint(office: PostOffice) -> Delivery:
    return delivery_to_endpoint(office)


def delivery_to_endpoint(office: PostOffice) -> Delivery:
    office.add_endpoint()
    job_id = office.desk.submit()
    office.complete(job_id)
    return next(delivery for delivery in office.of(job_id) if delivery.endpoint == "we_1")


def deliveries(office: PostOffice, count: int) -> list[str]:
    """Deliveries that share a lane."""
    found = []
    for _ in range(count):
        job_id = office.submit()
        office.complete(job_id)
        found.append(office.of(job_id)[0].id)
    return found


# --- one attempt at a time -------------------------------------------------------------------


def test_an_attempt_is_claimed_by_one_worker(office: PostOffice, delivery: Delivery) -> None:
    assert office.claim(delivery.id, "t1")[0] == "claimed"
    assert office.claim(delivery.id, "t2") == ["drop", "sending"]


def test_a_repeated_claim_gets_the_same_attempt(office: PostOffice, delivery: Delivery) -> None:
    first, again = office.claim(delivery.id), office.claim(delivery.id)

    assert first[1] == again[1]
    assert office.read(delivery.id).attempts == 1


def test_a_success_ends_it(office: PostOffice, delivery: Delivery) -> None:
    assert office.attempt(delivery.id, "succeeded")[:2] == ["ok", "succeeded"]

    assert office.redis.zcard(keys.HOOKS) == 0
    assert office.claim(delivery.id, "t2") == ["drop", "succeeded"]
    assert office.redis.ttl(keys.delivery(delivery.id)) > 0


def test_a_repeated_record_is_written_once(office: PostOffice, delivery: Delivery) -> None:
    office.claim(delivery.id)
    first, again = office.done(delivery.id, "retry"), office.done(delivery.id, "retry")

    assert first[:3] == again[:3] == ["ok", "pending", ""]
    assert len(office.tries(delivery.id)) == 1
    assert office.read(delivery.id).failures == 1


def test_a_retry_waits_until_it_is_due(office: PostOffice, delivery: Delivery) -> None:
    office.claim(delivery.id)
    office.done(delivery.id, "retry", delay_ms=60_000)

    assert office.claim(delivery.id, "t2") == ["drop", "not due"]
    office.answer_the_bells()
    assert office.sweep() == [0, 0]
    assert office.rung() == []


def test_a_due_retry_is_rung_for(office: PostOffice, delivery: Delivery) -> None:
    office.attempt(delivery.id, "retry")
    office.answer_the_bells()

    assert office.sweep() == [1, 0]
    assert office.sweep() == [0, 0]  # not again at once
    assert office.rung() == [delivery.id]
    assert office.claim(delivery.id, "t2")[0] == "claimed"


def test_a_lost_doorbell_is_rung_again(office: PostOffice, delivery: Delivery) -> None:
    office.answer_the_bells()
    office.let_time_pass(delivery.id)

    assert office.sweep() == [1, 0]


def test_bells_do_not_pile_up_while_nobody_reads_them(office: PostOffice) -> None:
    # Given more waiting deliveries than bells that may be added
    waiting = deliveries(office, 120)
    # When time passes again and again
    for _ in range(3):
        for delivery_id in waiting:
            office.let_time_pass(delivery_id)
        office.sweep()
    # Then there is one bell for each
    assert len(office.rung()) == 120


# --- a worker that dies ----------------------------------------------------------------------


def test_what_a_dead_worker_was_sending_is_sent_again(
    office: PostOffice, delivery: Delivery
) -> None:
    # Given an attempt whose worker is known to be dead
    office.claim(delivery.id)
    office.answer_the_bells()
    assert office.sweep("w1") == [0, 1]
    # Then it is rung for at once, and the attempt is in the list
    assert office.rung() == [delivery.id]
    assert [attempt.error for attempt in office.tries(delivery.id)] == [
        "The worker died while it was sending."
    ]
    # And what the dead worker may still say is not heard
    assert office.done(delivery.id, "succeeded") == ["lost"]
    assert office.attempt(delivery.id, "succeeded", "t2")[1] == "succeeded"


def test_a_lease_that_ran_out_is_taken_back(office: PostOffice, delivery: Delivery) -> None:
    office.claim(delivery.id)
    assert office.sweep() == [0, 0]

    office.let_time_pass(delivery.id)

    assert office.sweep() == [0, 1]
    assert office.read(delivery.id).status is DeliveryStatus.PENDING


def test_a_delivery_that_kills_its_workers_is_given_up(
    office: PostOffice, delivery: Delivery
) -> None:
    for n in range(10):
        assert office.claim(delivery.id, f"t{n}")[0] == "claimed"
        office.sweep("w1")

    assert office.read(delivery.id).status is DeliveryStatus.FAILED


# --- order -----------------------------------------------------------------------------------


def test_the_end_waits_until_the_start_has_been_sent(office: PostOffice) -> None:
    # Given a job whose start is being sent when it ends
    job_id = office.submit("job.started", "job.completed")
    office.desk.claim(job_id)
    started = office.of(job_id)[0].id
    office.claim(started)
    office.desk.finish(job_id, 0, [1])
    completed = next(d.id for d in office.of(job_id) if d.event == "job.completed")
    # Then nobody is told of the end
    assert office.rung() == [started]
    assert office.claim(completed, "t2") == ["drop", f"waits for {started}"]
    # When the first attempt has failed
    office.answer_the_bells()
    office.done(started, "retry", delay_ms=60_000)
    # Then the end is rung for at once, and the start is history
    assert office.rung() == [completed]
    assert office.claim(completed, "t2")[0] == "claimed"
    assert office.read(started).status is DeliveryStatus.CANCELLED


def test_the_end_does_not_wait_for_a_dead_worker(office: PostOffice) -> None:
    job_id = office.submit("job.started", "job.completed")
    office.desk.claim(job_id)
    started = office.of(job_id)[0].id
    office.claim(started)
    office.desk.finish(job_id, 0, [1])
    office.answer_the_bells()

    office.sweep("w1")

    assert [office.read(rung).event for rung in office.rung()] == ["job.completed"]


# --- lanes -----------------------------------------------------------------------------------


def test_a_receiver_gets_so_many_at_once_and_the_others_in_order(office: PostOffice) -> None:
    # Given more deliveries to one receiver than it gets at once
    ids = deliveries(office, LANE_LIMIT + 2)
    for n, delivery_id in enumerate(ids):
        answer = office.claim(delivery_id, f"t{n}")[0]
        assert answer == ("claimed" if n < LANE_LIMIT else "held")
    office.answer_the_bells()
    # When one has been sent
    office.done(ids[0], "succeeded", "t0")
    # Then the next is rung for, and has its place
    assert office.rung() == [ids[LANE_LIMIT]]
    assert office.claim(ids[LANE_LIMIT + 1], "late") == ["held", "ada@example.com"]
    assert office.claim(ids[LANE_LIMIT], "next")[0] == "claimed"


def test_a_full_lane_keeps_nobody_else_waiting(office: PostOffice) -> None:
    for n, delivery_id in enumerate(deliveries(office, LANE_LIMIT + 1)):
        office.claim(delivery_id, f"t{n}")
    other = office.submit(url="https://other.example/")
    office.complete(other)

    assert office.claim(office.of(other)[0].id)[0] == "claimed"


def test_a_lost_bell_of_a_held_delivery_is_rung_again(office: PostOffice) -> None:
    ids = deliveries(office, LANE_LIMIT + 1)
    for n, delivery_id in enumerate(ids):
        office.claim(delivery_id, f"t{n}")
    office.done(ids[0], "succeeded", "t0")
    office.answer_the_bells()  # and nobody comes

    office.let_time_pass(ids[-1])

    assert office.sweep() == [1, 0]
    assert office.claim(ids[-1], "late")[0] == "claimed"


def test_failures_in_a_row_open_the_circuit_and_a_success_closes_it(office: PostOffice) -> None:
    # Given a receiver that failed eight times
    ids = deliveries(office, 10)
    for n in range(8):
        assert office.attempt(ids[n], "retry", f"t{n}")[0] == "ok"
    # Then it is left alone
    assert office.claim(ids[8], "t8") == ["held", "ada@example.com"]
    assert office.claim(ids[9], "t9") == ["held", "ada@example.com"]
    office.answer_the_bells()
    office.sweep()
    assert set(office.rung()).isdisjoint(ids[8:])
    # When its pause is over
    office.answer_the_bells()
    lane = "ada@example.com"
    office.redis.hset(f"lane:{lane}", "open_until_ms", 1)
    office.redis.zadd(keys.LANES, {lane: 1})
    office.sweep()
    # Then one is tried
    assert ids[8] in office.rung()
    assert ids[9] not in office.rung()
    # And when that succeeds, all the others
    office.attempt(ids[8], "succeeded", "t8")
    assert ids[9] in office.rung()


def test_a_receiver_that_asks_for_a_pause_gets_it(office: PostOffice) -> None:
    first, second = deliveries(office, 2)
    office.claim(first)
    office.done(first, "retry", delay_ms=30_000, wish_ms=30_000)

    assert office.claim(second, "t2")[0] == "held"


# --- endpoints -------------------------------------------------------------------------------


def test_410_takes_the_endpoint_out_of_use_and_tells_the_others(
    office: PostOffice, to_endpoint: Delivery
) -> None:
    office.add_endpoint("we_2")

    assert office.attempt(to_endpoint.id, "gone")[:3] == ["ok", "failed", "gone"]

    assert office.endpoint("we_1")["enabled"] == "0"
    assert office.endpoint("we_1")["disabled_reason"] == "gone"
    (notice,) = office.of("we_1")
    assert (notice.event, notice.endpoint) == ("endpoint.disabled", "we_2")
    assert notice.facts["reason"] == "gone"


def test_an_endpoint_that_fails_for_days_is_disabled(
    office: PostOffice, to_endpoint: Delivery
) -> None:
    # Given one that began to fail five days ago
    assert office.attempt(to_endpoint.id, "retry")[2] == ""
    began = int(office.endpoint()["failing_since_ms"])
    office.redis.hset("endpoint:we_1", "failing_since_ms", began - PATIENCE_MS)
    # When it fails again
    assert office.attempt(to_endpoint.id, "retry", "t2")[2] == "failing"
    # Then nothing more is sent to it
    assert office.claim(to_endpoint.id, "t3") == ["drop", "endpoint disabled"]
    assert office.read(to_endpoint.id).status is DeliveryStatus.FAILED


def test_what_is_held_for_an_endpoint_that_is_disabled_ends_without_delay(
    office: PostOffice,
) -> None:
    # Given more deliveries to an endpoint than it gets at once
    office.add_endpoint()
    for _ in range(LANE_LIMIT + 3):
        office.complete(office.desk.submit())
    ids = office.answer_the_bells()
    for n, delivery_id in enumerate(ids):
        office.claim(delivery_id, f"t{n}")
    # When it answers that it is gone
    for n in range(LANE_LIMIT):
        office.done(ids[n], "gone", f"t{n}")
    # Then those who were held come up one after the other, and end
    while rung := office.answer_the_bells():
        assert [office.claim(one) for one in rung] == [["drop", "endpoint disabled"]] * len(rung)
    assert {office.read(one).status for one in ids[LANE_LIMIT:]} == {DeliveryStatus.FAILED}


def test_a_success_forgives_all_failures(office: PostOffice, to_endpoint: Delivery) -> None:
    office.attempt(to_endpoint.id, "retry")
    office.attempt(to_endpoint.id, "succeeded", "t2")

    assert "failing_since_ms" not in office.endpoint()


def test_what_waits_for_a_deleted_endpoint_is_cancelled(
    office: PostOffice, to_endpoint: Delivery
) -> None:
    office.redis.delete("endpoint:we_1")

    assert office.claim(to_endpoint.id) == ["drop", "endpoint deleted"]
    assert office.read(to_endpoint.id).status is DeliveryStatus.CANCELLED


def test_a_user_who_is_gone_is_told_nothing(office: PostOffice, to_endpoint: Delivery) -> None:
    office.redis.hset("user:ada", "v", 1)

    assert office.scripts("user_delete", "ada", 1000) == "ok"

    assert office.claim(to_endpoint.id) == ["drop", "endpoint deleted"]
    assert office.redis.exists("endpoints:ada", "whsec:ada") == 0


def test_enabling_an_endpoint_gives_it_a_fresh_start(
    office: PostOffice, to_endpoint: Delivery
) -> None:
    office.attempt(to_endpoint.id, "gone")

    assert office.scripts("hook_enable", "we_1", "bob", "1") == ["unknown"]
    assert office.scripts("hook_enable", "we_1", "ada", "1") == ["ok"]

    assert office.endpoint()["enabled"] == "1"
    assert {"disabled_reason", "failing_since_ms"}.isdisjoint(office.endpoint())


# --- replay, test, rotation ------------------------------------------------------------------


def test_an_ended_delivery_is_replayed_under_the_same_id(
    office: PostOffice, delivery: Delivery
) -> None:
    office.attempt(delivery.id, "failed")
    office.answer_the_bells()

    for _ in range(2):
        assert office.scripts("hook_replay", delivery.id, "ada", "nonce") == ["ok", delivery.id]

    assert office.rung() == [delivery.id]
    again = office.read(delivery.id)
    assert (again.event_id, again.failures, again.attempts) == (delivery.event_id, 0, 1)
    assert office.redis.ttl(keys.delivery(delivery.id)) == -1
    assert office.attempt(delivery.id, "succeeded", "t2")[1] == "succeeded"


@pytest.mark.parametrize(("user", "answer"), [("bob", "unknown"), ("ada", "pending")])
def test_what_is_foreign_or_unfinished_is_not_replayed(
    office: PostOffice, delivery: Delivery, user: str, answer: str
) -> None:
    assert office.scripts("hook_replay", delivery.id, user, "nonce")[0] == answer


def test_a_test_goes_to_one_endpoint_whatever_its_filter(office: PostOffice) -> None:
    office.add_endpoint(events="job.failed")

    for _ in range(2):
        answer = office.scripts("hook_send", "whd_1", "we_1", "ada", "endpoint.test", '{"a": 1}')
        assert answer == ["ok", "whd_1"]

    assert office.rung() == ["whd_1"]
    assert office.read("whd_1").facts == {"a": 1}


def test_a_replaced_secret_stays_valid_for_a_while(office: PostOffice) -> None:
    office.add_endpoint()
    first = office.scripts("hook_rotate", "endpoint:we_1", "ada", "new", 86_400_000)
    again = office.scripts("hook_rotate", "endpoint:we_1", "ada", "new", 86_400_000)

    assert first == again
    record = office.endpoint()
    assert (record["secret"], record["old_secret"]) == ("new", "sealed")
    assert office.scripts("hook_rotate", "endpoint:we_1", "bob", "x", 1) == ["unknown"]
    assert office.scripts("hook_rotate", "whsec:ada", "ada", "x", 1)[0] == "ok"
    assert office.scripts("hook_rotate", "whsec:bob", "ada", "x", 1) == ["unknown"]
