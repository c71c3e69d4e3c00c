"""The limits' Lua on a real server, by a clock of the test's own where time matters."""

from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from common import keys
from common.scripts import SHARED, Scripts
from tests.support.desk import Desk

WINDOW_MS = 60_000
#: Milliseconds between one request and the next: bursts, edges of the window, long silences.
GAPS = st.lists(
    st.one_of(
        st.integers(0, 3),
        st.integers(0, 20_000),
        st.sampled_from([WINDOW_MS - 1, WINDOW_MS, WINDOW_MS + 1]),
    ),
    max_size=60,
)


def verb(redis: Redis, body: str) -> Callable[..., Any]:
    """``body`` with everything that the scripts share, as a script of its own."""
    folder = files("common") / "lua" / "shared"
    shared = "\n".join((folder / f"{name}.lua").read_text() for name in SHARED)
    script = redis.register_script(f"{shared}\n{body}")
    return lambda *args: script(args=args)


def times(gaps: Sequence[int]) -> list[int]:
    now, all_times = 1_000_000, []
    for gap in gaps:
        now += gap
        all_times.append(now)
    return all_times


@pytest.fixture(scope="module")
def redis(valkey: Any) -> Any:
    with Redis.from_url(valkey.url, decode_responses=True) as client:
        yield client


@given(gaps=GAPS, limit=st.integers(1, 5))
@settings(max_examples=60)
def test_no_window_of_60_seconds_holds_more_than_the_limit(
    redis: Redis, gaps: list[int], limit: int
) -> None:
    # Given requests at any moments, and what the script said to each
    redis.flushall()
    count = verb(
        redis,
        "return { count_request('k', tonumber(ARGV[1]), 60000, ARGV[2], tonumber(ARGV[3])) }",
    )
    admitted: list[int] = []
    for number, now in enumerate(times(gaps)):
        redis.persist("k")  # the key lives by the server's clock, and this is another
        allowed = (count(limit, f"r{number}", now) or [None])[0]
        # Then it lets in whoever it may, and nobody else
        recent = [moment for moment in admitted if moment >= now - WINDOW_MS]
        assert bool(allowed) == (len(recent) < limit)
        if allowed:
            admitted.append(now)
    for moment in admitted:
        within = [other for other in admitted if moment <= other <= moment + WINDOW_MS]
        assert len(within) <= limit


@given(gaps=GAPS, limit=st.integers(1, 5))
@settings(max_examples=60)
def test_the_wait_that_is_told_is_enough_and_not_too_much(
    redis: Redis, gaps: list[int], limit: int
) -> None:
    redis.flushall()
    ask = verb(
        redis,
        "local ok, left, wait = count_request('k', tonumber(ARGV[1]), 60000, ARGV[2],"
        " tonumber(ARGV[3])) return { ok and 1 or 0, left, wait }",
    )
    now = 0
    for number, now in enumerate(times(gaps)):
        redis.persist("k")
        allowed, left, wait = ask(limit, f"r{number}", now)
        assert 0 <= wait <= WINDOW_MS + 1
        if not allowed:
            assert left == 0
            assert ask(limit, "early", now + wait - 1)[0] == 0
            assert ask(limit, f"late{number}", now + wait)[0] == 1
            return


def test_a_repeated_call_counts_once(redis: Redis) -> None:
    redis.flushall()
    scripts = Scripts(redis)

    answers = [scripts("rate", "k", 2, WINDOW_MS, "same")[:2] for _ in range(3)]

    assert answers == [[1, 1], [1, 1], [1, 1]]


@pytest.fixture
def desk(redis_client: Redis) -> Desk:
    desk = Desk(redis_client)
    desk.rescue()
    return desk


def test_a_job_takes_what_it_may_use_and_gives_back_what_it_did_not(desk: Desk) -> None:
    # Given a user with 1,000 tokens a minute, and a job that may use 206
    answer = desk.try_submit("a", token_limit=1000)
    assert answer[0] == "created"
    assert answer[7:10] == [794, answer[8], 1000]
    # When it ends after three tokens of answer to a prompt of six
    desk.claim("a")
    desk.finish("a", 0, [1, 2, 3])
    # Then nine are gone
    assert desk.try_submit("b", token_limit=1000)[7] == 1000 - 9 - 206


@pytest.mark.parametrize("end", ["cancel", "expire"])
def test_a_job_that_never_ran_gives_back_everything(desk: Desk, end: str) -> None:
    desk.submit("a", token_limit=1000, deadline_ms=1)
    if end == "cancel":
        desk.scripts("cancel", "a", "ada", "nonce")
    else:
        desk.redis.zadd(keys.DEADLINES, {"a": 1})
        desk.scripts("expire", 0, 10)
    assert desk.read("a").status.terminal

    assert desk.try_submit("b", token_limit=1000)[7] == 794


def test_what_is_given_back_is_given_once(desk: Desk) -> None:
    desk.submit("a", token_limit=1000)
    desk.scripts("cancel", "a", "ada", "nonce")
    desk.scripts("cancel", "a", "ada", "nonce")
    desk.scripts("cancel", "a", "ada", "another")

    assert desk.try_submit("b", token_limit=1000)[7] == 794


def test_a_repeated_submit_reserves_once(desk: Desk) -> None:
    desk.submit("a", token_limit=1000)
    desk.try_submit("a", token_limit=1000)

    assert desk.try_submit("b", token_limit=1000)[7] == 1000 - 2 * 206


def test_too_many_tokens_are_refused_with_the_wait(desk: Desk) -> None:
    # Given a minute that is nearly used up
    desk.submit("a", token_limit=400)
    # When a job asks for more than is left
    word, _, _, _, wait_ms, limit, *_ = desk.try_submit("b", token_limit=400)
    # Then it hears when the first job's tokens are free: after 60 full seconds
    assert (word, limit) == ("tokens_spent", 400)
    assert 58_000 < wait_ms <= 61_000
    assert desk.redis.exists(keys.job("b")) == 0


def test_a_job_over_the_whole_limit_hears_never(desk: Desk) -> None:
    assert desk.try_submit("a", token_limit=205)[:1] == ["tokens_spent"]
    assert desk.try_submit("a", token_limit=205)[4] == -1


def test_the_users_own_number_wins_and_zero_is_none_at_all(desk: Desk) -> None:
    desk.redis.hset(keys.user("ada"), mapping={"tokens_per_minute": 300})
    assert desk.try_submit("a", token_limit=100)[0] == "created"
    desk.redis.hset(keys.user("ada"), mapping={"tokens_per_minute": 0})
    assert desk.try_submit("b", token_limit=100)[0] == "tokens_spent"


def test_without_a_limit_nothing_is_kept(desk: Desk) -> None:
    desk.submit("a")

    assert desk.redis.exists(keys.spent_tokens("ada")) == 0
    assert desk.redis.hget(keys.job("a"), "reserved") is None


@given(gaps=GAPS, wanted=st.lists(st.integers(1, 400), min_size=60, max_size=60))
@settings(max_examples=40)
def test_no_minute_holds_more_tokens_than_the_limit(
    redis: Redis, gaps: list[int], wanted: list[int]
) -> None:
    redis.flushall()
    reserve = verb(
        redis,
        "local now, wanted = tonumber(ARGV[1]), tonumber(ARGV[2])"
        " local tokens = tokens_of('ada', {}, 500, now)"
        " local wait = ms_until_free(tokens, wanted, now)"
        " if wait == 0 then reserve_tokens(tokens, 'ada', 'j', wanted, now) end"
        " return wait",
    )
    admitted: list[tuple[int, int]] = []
    for now, tokens in zip(times(gaps), wanted, strict=False):
        redis.persist("tokens:ada")
        wait = reserve(now, tokens)
        if wait == 0:
            admitted.append((now, tokens))
        else:
            assert 0 < wait <= 61_000
    for moment, _ in admitted:
        spent = sum(n for at, n in admitted if moment <= at <= moment + WINDOW_MS)
        assert spent <= 500


def streams(redis: Redis, gateway: str, number: int, limit: int = 3) -> list[int]:
    answer: list[int] = Scripts(redis)("stream_count", "ada", gateway, number, limit)
    return answer


def test_streams_are_counted_over_gateways_that_live(redis_client: Redis) -> None:
    # Given two gateways that live, with two streams and one
    redis_client.set(keys.gateway("g1"), "1", ex=60)
    redis_client.set(keys.gateway("g2"), "1", ex=60)
    assert streams(redis_client, "g1", 2) == [1, 2, 3]
    assert streams(redis_client, "g2", 1) == [1, 3, 3]
    # When each wants one more, then neither gets it, and nothing has changed
    assert streams(redis_client, "g1", 3)[0] == 0
    assert streams(redis_client, "g2", 2)[0] == 0
    assert redis_client.hgetall(keys.streams("ada")) == {"g1": "2", "g2": "1"}
    # When one dies, then its places are free
    redis_client.delete(keys.gateway("g1"))
    assert streams(redis_client, "g2", 3) == [1, 3, 3]
    assert redis_client.hgetall(keys.streams("ada")) == {"g2": "3"}


def test_fewer_streams_are_taken_down_even_over_the_limit(redis_client: Redis) -> None:
    streams(redis_client, "g1", 3)

    assert streams(redis_client, "g1", 2, limit=1) == [1, 2, 1]
    assert streams(redis_client, "g1", 0, limit=1) == [1, 0, 1]
    assert redis_client.exists(keys.streams("ada")) == 0


def test_a_repeated_or_lost_count_is_put_right_by_the_next(redis_client: Redis) -> None:
    for _ in range(3):
        assert streams(redis_client, "g1", 2) == [1, 2, 3]
    assert streams(redis_client, "g1", 3) == [1, 3, 3]


def test_the_users_own_number_of_streams_wins(redis_client: Redis) -> None:
    redis_client.hset(keys.user("ada"), "max_streams", 1)

    assert streams(redis_client, "g1", 1)[0] == 1
    assert streams(redis_client, "g1", 2) == [0, 1, 1]
