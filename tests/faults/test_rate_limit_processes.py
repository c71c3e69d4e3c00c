"""The rate limit under a flood at several gateway processes: exact in any 60 seconds."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from common import keys
from tests.support.fleet import fleet
from tests.support.gateway import Gateway
from tests.support.waiting import wait_until

LIMIT = 100
WINDOW_MS = 60_000
THREADS = 16


class Flood:
    """Threads that submit at every gateway, as fast as they are answered."""

    def __init__(self, urls: list[str], authorization: str) -> None:
        self._urls = urls
        self._headers = {"Authorization": authorization}
        self._over = threading.Event()
        self.statuses: Counter[int] = Counter()
        self.admitted: list[str] = []
        self.waits: list[int] = []

    def run(self, enough: Callable[[], bool]) -> None:
        threads = [
            threading.Thread(target=self._submit, args=(self._urls[n % len(self._urls)],))
            for n in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        try:
            wait_until(enough, what="enough requests")
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
        self._over.clear()

    def _submit(self, url: str) -> None:
        with httpx.Client(
            base_url=url, headers=self._headers, timeout=60.0, trust_env=False
        ) as client:
            while not self._over.is_set():
                answer = client.post("/generate", json={"prompt": "llama", "max_tokens": 1})
                self.statuses[answer.status_code] += 1
                if answer.status_code == 202:
                    self.admitted.append(answer.json()["id"])
                else:
                    self.waits.append(int(answer.headers["retry-after-ms"]))


def accepted_at(gateway: Gateway, job_ids: list[str]) -> list[int]:
    """When each was accepted, by the store's clock."""
    stored: list[Any] = [gateway.redis.hget(keys.job(job_id), "created_ms") for job_id in job_ids]
    return sorted(map(int, stored))


def test_four_gateways_let_in_a_hundred_in_any_minute(tmp_path: Path) -> None:
    settings = {"RATE_LIMIT_PER_MINUTE": str(LIMIT), "MAX_QUEUE_SIZE": "100000"}
    with fleet(tmp_path, 4, **settings) as (gateway, urls), gateway.client() as ada:
        # Given a user who floods four gateways from sixteen threads
        flood = Flood(urls, ada.headers["Authorization"])
        began = time.monotonic()
        flood.run(lambda: flood.statuses[429] > 2 * LIMIT)
        # Then a hundred are let in, and the others hear when there is room again
        assert len(flood.admitted) == LIMIT
        assert set(flood.statuses) == {202, 429}
        assert flood.statuses[429] > LIMIT
        assert all(0 < wait <= WINDOW_MS + 1 for wait in flood.waits)
        first = accepted_at(gateway, flood.admitted)
        assert min(flood.waits) >= WINDOW_MS - (time.monotonic() - began) * 1000
        # When the first of them are nearly a minute old (they are put back in time), and the
        # flood goes on over the edge
        passed = WINDOW_MS - int((time.monotonic() - began) * 1000) - 500
        counted: Any = gateway.redis.zrange(keys.rate("ada"), 0, -1, withscores=True)
        gateway.redis.zadd(keys.rate("ada"), {name: score - passed for name, score in counted})
        flood.admitted.clear()
        until = time.monotonic() + 6
        flood.run(lambda: time.monotonic() > until)
        # Then some are let in, each no sooner than a minute after the hundredth before it
        second = accepted_at(gateway, flood.admitted)
        moments = sorted([at - passed for at in first] + second)
        assert len(second) > 0
        for at, hundredth_after in zip(moments, moments[LIMIT:], strict=False):
            assert hundredth_after - at > WINDOW_MS
