"""A crowd at one gateway: everybody hears everything, once and in order."""

import asyncio
import resource
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import uvloop
from redis import Redis

from benchmarks.crowd.clients import Poll, Stream
from benchmarks.crowd.crowd import Crowd, submit
from benchmarks.crowd.settings import CrowdBenchSettings
from benchmarks.crowd.tally import Tally, tally
from benchmarks.crowd.trial import Scene, running
from benchmarks.waiting import wait_until
from common.keys import LEASES

CROWD = CrowdBenchSettings(
    streams=200, polls=500, jobs=20, tokens=20, tokens_per_second=50, slots=10
)
#: Open files that the gateway is started with: fewer than clients come.
FEW_FILES = 128
#: How often the gateway loses the channel that it hears of tokens by.
CUTS = 5


@contextmanager
def few_open_files() -> Iterator[None]:
    """What is started meanwhile has a low soft limit, as a login shell has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW_FILES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def cut(redis: "Redis") -> None:
    """While jobs run, cut the gateway's ear off whenever it hears again."""
    wait_until(lambda: redis.zcard(LEASES), what="a running job")
    for _ in range(CUTS):
        listeners = wait_until(lambda: ears(redis), what="the gateway's ear")
        for listener in listeners:
            redis.client_kill_filter(_id=listener)


def ears(redis: "Redis") -> list[str]:
    """The connections on which a process of ours listens."""
    return [client["id"] for client in redis.client_list() if client["sub"] != "0"]


async def follow(scene: Scene) -> Tally:
    token = scene.service.token()
    jobs = submit(scene.service.base_url, token, CROWD.jobs, CROWD.tokens)
    crowd = Crowd(scene.service.base_url, token, jobs)
    streams = await crowd.come(Stream, CROWD.streams)
    polls = await crowd.come(Poll, CROWD.polls)
    scene.service.start_worker("worker")
    await asyncio.to_thread(cut, scene.service.redis)
    await asyncio.wait_for(crowd.heard_all(), 60)
    crowd.leave()
    return tally(streams, polls, CROWD.tokens)


def in_a_thread(coroutine: Coroutine[Any, Any, Tally]) -> Tally:
    """Run it to its end; the browser of other tests leaves a loop running in the main thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(uvloop.run, coroutine).result()


def test_a_crowd_hears_everything_once_though_the_channel_is_cut() -> None:
    # Given a gateway that was started with fewer open files than clients will come
    with ExitStack() as stack:
        with few_open_files():
            scene = stack.enter_context(running(CROWD))
        # When streams and long polls wait for jobs that run while the channel is cut
        found = in_a_thread(follow(scene))
    # Then nothing is lost, doubled or garbled, and nobody waits in vain
    assert found.whole, found
    assert found.expected == CROWD.streams * CROWD.tokens + CROWD.polls
