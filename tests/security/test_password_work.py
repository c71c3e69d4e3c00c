"""A login costs the same work for every name: counted, since a clock proves nothing here."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from api.identity.accounts import Accounts
from api.identity.passwords import MOST_WAITING, Passwords
from api.problems import InvalidCredentials, RateLimited


class Counting(Passwords):
    """Notes each piece of work, and in which thread it was done."""

    def __init__(self) -> None:
        super().__init__()
        self.work: list[str] = []
        self.threads: set[str] = set()
        self.at_once = self.most_at_once = 0

    async def _run(self, work: Callable[..., object], *args: str) -> object:
        def noted(*given: str) -> object:
            self.work.append(getattr(work, "__name__", "?"))
            self.threads.add(threading.current_thread().name)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            try:
                return work(*given)
            finally:
                self.at_once -= 1

        return await super()._run(noted, *args)


def run(url: str, story: Callable[[Accounts, Counting], Awaitable[None]]) -> Counting:
    async def told() -> Counting:
        passwords = Counting()
        async with AsyncRedis.from_url(url, decode_responses=True) as redis:
            await story(Accounts(redis, passwords, "admin", "admin's password"), passwords)
        passwords.close()
        return passwords

    return asyncio.run(told())


@pytest.fixture
def users(redis_client: Redis) -> None:
    """Ada, and Eve who is disabled; both with the password "right"."""
    hashed = asyncio.run(_hash("right"))
    redis_client.hset("user:ada", mapping={"password": hashed, "role": "user"})
    redis_client.hset("user:eve", mapping={"password": hashed, "disabled": "1"})
    redis_client.hset("user:bare", mapping={"role": "user"})


async def _hash(password: str) -> str:
    passwords = Passwords()
    try:
        return await passwords.hash(password)
    finally:
        passwords.close()


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize(
    ("name", "password", "comes_in"),
    [
        ("ada", "right", True),
        ("ada", "wrong", False),
        ("eve", "right", False),
        ("eve", "wrong", False),
        ("bare", "", False),
        ("nobody", "right", False),
        ("nobody", "x" * 256, False),
        ("", "", False),
        ("admin", "admin's password", True),
        ("admin", "wrong", False),
        ("ADA", "right", False),
        ("user:ada", "right", False),
        ("*", "right", False),
    ],
)
def test_every_login_is_one_verification_and_nothing_else(
    redis_url: str, name: str, password: str, comes_in: bool
) -> None:
    async def story(accounts: Accounts, passwords: Counting) -> None:
        # Given a gateway that has seen a login before
        with pytest.raises(InvalidCredentials):
            await accounts.check("somebody", "something")
        passwords.work.clear()
        # When somebody logs in
        if comes_in:
            await accounts.check(name, password)
        else:
            with pytest.raises(InvalidCredentials) as refused:
                await accounts.check(name, password)
            assert refused.value.detail == "The user name or the password is wrong."

    # Then that was one verification, whoever it was
    assert run(redis_url, story).work == ["verify"]


def test_hashes_are_made_one_at_a_time_and_not_in_the_event_loop(redis_url: str) -> None:
    async def story(accounts: Accounts, passwords: Counting) -> None:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        turning = asyncio.create_task(turn())
        await asyncio.gather(*(passwords.hash("x") for _ in range(8)))
        turning.cancel()
        assert turns > 100

    counting = run(redis_url, story)
    assert counting.most_at_once == 1
    assert threading.main_thread().name not in counting.threads


def test_who_would_wait_too_long_is_refused_at_once(redis_url: str) -> None:
    async def story(accounts: Accounts, passwords: Counting) -> None:
        many = [passwords.verify("x", await passwords.hash("y"))]
        many += [passwords.verify("x", "$argon2id$") for _ in range(MOST_WAITING + 5)]
        outcomes = await asyncio.gather(*many, return_exceptions=True)
        assert sum(isinstance(outcome, RateLimited) for outcome in outcomes) == 6

    run(redis_url, story)


def test_the_parameters_are_those_that_are_promised() -> None:
    hashed = asyncio.run(_hash("x"))
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert asyncio.run(_hash("x")) != hashed
