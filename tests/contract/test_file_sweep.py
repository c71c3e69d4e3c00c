"""Files whose time is over, and content that nobody knows."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from api.files.files import ORPHAN_SECONDS, Files
from api.files.store import LocalFiles

HOUR = 3600


def play(
    redis_url: str, directory: Path, story: Callable[[Files], Coroutine[Any, Any, None]]
) -> None:
    async def run() -> None:
        async with Redis.from_url(redis_url, decode_responses=True) as redis:
            await story(Files(redis, LocalFiles(directory), HOUR))

    asyncio.run(run())


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_the_content_of_an_expired_file_is_deleted(redis_url: str, tmp_path: Path) -> None:
    async def story(files: Files) -> None:
        # Given two files, one of which expires
        for name, ttl_ms in (("short", 1), ("long", None)):
            await files.content.write(name, 0, b"x")
            await files.add(name, "ada", filename="f", purpose="batch", size=1, ttl_ms=ttl_ms)
        await asyncio.sleep(0.01)
        # When it is swept
        await files.sweep(time.time())
        # Then only the other is there, and listed
        assert names(tmp_path) == {"long"}
        listed, more = await files.page("ada", 10, None, None, newest=True)
        assert ([file.id for file in listed], more) == (["long"], False)

    play(redis_url, tmp_path, story)


def test_content_that_nobody_knows_is_deleted_after_a_while(redis_url: str, tmp_path: Path) -> None:
    async def story(files: Files) -> None:
        # Given content that was written when a gateway died, and a file
        await files.content.write("orphan", 0, b"x")
        await files.content.write("known", 0, b"x")
        await files.add(
            "known", "ada", filename="f", purpose="batch", size=1, ttl_ms=9 * HOUR * 1000
        )
        # Then it stays while its upload may still be under way, and goes after that
        await files.sweep(time.time())
        assert names(tmp_path) == {"orphan", "known"}
        await files.sweep(time.time() + ORPHAN_SECONDS + 1)
        assert names(tmp_path) == {"known"}

    play(redis_url, tmp_path, story)


def test_a_file_that_a_batch_needs_lives_as_long_as_the_batch(
    redis_url: str, tmp_path: Path
) -> None:
    async def story(files: Files) -> None:
        file = await files.add("a", "ada", filename="f", purpose="batch", size=1)
        await files.keep(file, 25 * HOUR)
        kept = await files.get("ada", "a")
        assert kept.expires_ms >= (time.time() + 24 * HOUR) * 1000
        await files.keep(kept, HOUR)
        assert (await files.get("ada", "a")).expires_ms == kept.expires_ms

    play(redis_url, tmp_path, story)
