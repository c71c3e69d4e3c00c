"""Sessions, logins and users, script by script: a call whose answer was lost may come again."""

import pytest
from redis import Redis

from common import account_keys, keys
from common.scripts import Scripts

MINUTE_MS = 60_000


@pytest.fixture
def redis(redis_client: Redis) -> Redis:
    return redis_client


@pytest.fixture
def scripts(redis: Redis) -> Scripts:
    return Scripts(redis)


def open_session(scripts: Scripts, session: str, user: str = "ada", digest: str = "d0") -> None:
    assert scripts("session_open", session, user, digest, MINUTE_MS) == ["ok"]


def identify(scripts: Scripts, user: str = "ada", session: str = "", issued_at: int = 1) -> str:
    return str(scripts("identify", "token", user, session, issued_at, "root")[0])


def test_a_repeated_refresh_gets_its_own_answer_and_no_alarm(scripts: Scripts) -> None:
    # Given a session
    open_session(scripts, "s")
    # When one refresh is sent twice by the client library
    carry_on = ("session_carry_on", "s", "d0", "d1", MINUTE_MS)
    assert scripts(*carry_on) == scripts(*carry_on) == ["ok", "ada"]
    # Then the next one works, and the old secret ends the session
    assert scripts("session_carry_on", "s", "d1", "d2", MINUTE_MS) == ["ok", "ada"]
    assert scripts("session_carry_on", "s", "d0", "d3", MINUTE_MS) == ["reused", "ada"]
    assert scripts("session_carry_on", "s", "d2", "d4", MINUTE_MS) == ["unknown"]


def test_a_user_has_a_hundred_sessions_at_most(scripts: Scripts, redis: Redis) -> None:
    redis.hset(keys.user("ada"), "role", "user")
    began_ms = redis.time()[0] * 1000 - 10_000
    for n in range(102):
        open_session(scripts, f"s{n:03}")
        redis.zadd(account_keys.user_sessions("ada"), {f"s{n:03}": began_ms + n})
    assert redis.zcard(account_keys.user_sessions("ada")) == 100
    assert [identify(scripts, session=name) for name in ("s000", "s001", "s002", "s101")] == [
        *("revoked", "revoked", "ok", "ok")
    ]


def test_the_end_of_all_sessions_voids_tokens_without_one_too(
    scripts: Scripts, redis: Redis
) -> None:
    redis.hset(keys.user("ada"), "role", "user")
    open_session(scripts, "a")
    now = redis.time()[0]
    assert scripts("session_end", "ada", "") == 1
    assert scripts("session_end", "ada", "") == 0
    assert identify(scripts, session="a", issued_at=now + 60) == "revoked"
    assert identify(scripts, issued_at=now - 1) == "revoked"
    assert identify(scripts, issued_at=now + 60) == "ok"


def test_nobody_but_the_first_user_is_known_without_a_record(scripts: Scripts) -> None:
    assert scripts("identify", "token", "root", "", 1, "root")[:3] == ["ok", "root", "admin"]
    assert identify(scripts, "ada") == "unknown"


def test_a_repeated_creation_is_no_taken_name(scripts: Scripts, redis: Redis) -> None:
    create = ("user_save", "ada", "create", "nonce", "role", "user")
    assert scripts(*create) == scripts(*create) == "ok"
    assert scripts("user_save", "ada", "create", "another", "role", "admin") == "exists"
    assert redis.hget(keys.user("ada"), "role") == "user"
    assert redis.zcard(account_keys.USERS) == 1


def test_a_repeated_deletion_is_done(scripts: Scripts) -> None:
    scripts("user_save", "ada", "create", "n1", "role", "user")
    assert scripts("user_delete", "ada", MINUTE_MS) == "ok"
    assert scripts("user_delete", "ada", MINUTE_MS) == "ok"
    assert scripts("user_save", "ada", "create", "n2", "role", "user") == "retired"
    assert scripts("user_save", "ada", "change", "n3", "role", "user") == "unknown"
    assert scripts("user_delete", "bob", MINUTE_MS) == "unknown"


def attempt(scripts: Scripts, nonce: str, word: str = "try") -> int:
    return int(scripts("login", word, nonce, "login:pair", 2, "login:address", 100))


def test_a_repeated_try_counts_once(scripts: Scripts, redis: Redis) -> None:
    assert [attempt(scripts, "n"), attempt(scripts, "n")] == [0, 0]
    assert redis.hget("login:pair", "failures") == "1"


def test_the_wait_doubles_up_to_a_minute(scripts: Scripts, redis: Redis) -> None:
    waits = []
    for n in range(10):
        assert attempt(scripts, f"failure {n}") == 0
        waits.append(round(attempt(scripts, "too early") / 1000) if n else 0)
        redis.hset("login:pair", "next_ms", 0)
    assert waits == [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_who_wins_is_forgiven_once(scripts: Scripts, redis: Redis) -> None:
    attempt(scripts, "a")
    attempt(scripts, "b")
    for _ in range(2):
        attempt(scripts, "won", "won")
    assert redis.exists("login:pair") == 0
    assert redis.hget("login:address", "failures") == "1"
    assert redis.ttl("login:address") > 0
