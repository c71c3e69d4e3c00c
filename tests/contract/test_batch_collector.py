"""What is written to the output files when a gateway dies at the worst moment."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import ConnectionError as RedisConnectionError

from api.batches.batch import Batch
from api.batches.collector import Collector
from api.files.files import Files
from api.files.store import LocalFiles
from common.scripts import AsyncScripts
from tests.support.pen import BATCH, FEEDER, Pen

LINES = 5


@pytest.fixture
def pen(redis_client: Redis) -> Pen:
    """A batch of which all lines have ended, the third refused."""
    pen = Pen(redis_client)
    pen.admit()
    pen.begin(LINES)
    pen.feed(0, [pen.refused() if line == 2 else pen.job(line) for line in range(LINES)])
    for line in (4, 0, 3, 1):
        pen.run(line)
    return pen


class Cut(AsyncScripts):
    """A connection that is cut before the commit, while ``cut`` is true."""

    cut = False

    async def __call__(self, name: str, *args: Any) -> Any:
        if self.cut and name == "batch_commit":
            raise RedisConnectionError("cut")
        return await super().__call__(name, *args)


def run(
    redis_url: str, directory: Path, story: Callable[[Collector, Cut], Coroutine[Any, Any, None]]
) -> None:
    async def play() -> None:
        redis = AsyncRedis.from_url(redis_url, decode_responses=True)
        scripts = Cut(redis)
        files = Files(redis, LocalFiles(directory), 3600)
        try:
            await story(Collector(redis, scripts, files, 3_600_000), scripts)
        finally:
            await redis.aclose()

    asyncio.run(play())


def custom_ids(path: Path) -> list[str]:
    return [json.loads(line)["id"].rpartition("_")[2] for line in path.read_text().splitlines()]


def test_results_written_but_not_committed_are_written_once(pen: Pen, tmp_path: Path) -> None:
    async def story(collector: Collector, scripts: Cut) -> None:
        # Given a gateway that dies between the file and the commit
        scripts.cut = True
        with pytest.raises(RedisConnectionError):
            await collector.collect(Batch.from_hash(pen.batch()), FEEDER)
        assert len(custom_ids(tmp_path / "o")) == LINES - 1
        # When the next one goes on from what Redis knows
        scripts.cut = False
        assert await collector.collect(Batch.from_hash(pen.batch()), FEEDER) == LINES

    run(redis_connection(pen), tmp_path, story)
    # Then each result stands there once, in the order in which the lines ended
    assert custom_ids(tmp_path / "o") == ["4", "0", "3", "1"]
    assert custom_ids(tmp_path / "e") == ["2"]
    assert pen.batch()["status"] == "completed"


class Sleeper(LocalFiles):
    """Falls asleep before its first write; meanwhile ``others`` happens."""

    def __init__(self, directory: Path, others: Callable[[], Coroutine[Any, Any, None]]) -> None:
        super().__init__(directory)
        self._others = [others]

    async def write(self, file_id: str, offset: int, data: bytes) -> None:
        while self._others:
            await self._others.pop()()
        await super().write(file_id, offset, data)


def test_a_gateway_that_wakes_up_late_spoils_nothing(pen: Pen, tmp_path: Path) -> None:
    async def story(collector: Collector, scripts: Cut) -> None:
        seen: list[Any] = []

        async def others() -> None:
            # Given a gateway that fell asleep when it was about to write, and lost its lease
            pen.redis.set("batch:feeder", "other")
            # And another one that has written everything meanwhile
            await collector.collect(Batch.from_hash(pen.batch()), "other")
            seen.append(state(tmp_path, pen))

        # When the first one wakes up and writes
        files = Files(collector.redis, Sleeper(tmp_path, others), 3600)
        late = Collector(collector.redis, scripts, files, 3_600_000)
        await late.collect(Batch.from_hash(pen.batch()), FEEDER)
        # Then files and record are as the other one left them
        assert seen == [state(tmp_path, pen)]
        assert pen.batch()["status"] == "completed"

    run(redis_connection(pen), tmp_path, story)


def state(directory: Path, pen: Pen) -> Any:
    return (directory / "o").read_bytes(), (directory / "e").read_bytes(), pen.batch()


def test_a_result_that_was_erased_leaves_a_line_that_says_so(pen: Pen, tmp_path: Path) -> None:
    pen.redis.delete(f"job:{BATCH}_4")

    async def story(collector: Collector, scripts: Cut) -> None:
        await collector.collect(Batch.from_hash(pen.batch()), FEEDER)

    run(redis_connection(pen), tmp_path, story)
    assert sorted(custom_ids(tmp_path / "o") + custom_ids(tmp_path / "e")) == list("01234")
    assert pen.redis.exists(f"job:{BATCH}_4") == 0


def redis_connection(pen: Pen) -> str:
    options = pen.redis.connection_pool.connection_kwargs
    return f"redis://{options['host']}:{options['port']}/{options['db']}"
