"""Hears every change of state by itself: the record is not asked whether it is right."""

import time
from collections import defaultdict
from threading import Event, Thread

from redis import Redis
from redis.exceptions import RedisError

from common.events import Chunk, StateChange, parse_message
from common.job import JobStatus
from common.keys import EVENTS_CHANNEL


class Watcher:
    """Subscribes to the events channel and notes when which job was queued, claimed and ended.

    Times are seconds of ``time.monotonic()``.
    """

    def __init__(self, redis: Redis) -> None:
        self.queued: defaultdict[str, list[float]] = defaultdict(list)
        self.claims: defaultdict[str, list[float]] = defaultdict(list)
        self.ends: defaultdict[str, list[float]] = defaultdict(list)
        self.chunks: defaultdict[str, list[Chunk]] = defaultdict(list)
        self._redis = redis
        self._listening = Event()
        self._stop = Event()
        self._thread = Thread(target=self._listen_forever, name="watcher", daemon=True)

    def start(self) -> None:
        """Return once it hears."""
        self._thread.start()
        self._listening.wait(10)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)

    def _listen_forever(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except (RedisError, OSError):
                self._stop.wait(0.05)

    def _listen(self) -> None:
        with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(EVENTS_CHANNEL)
            self._listening.set()
            while not self._stop.is_set():
                message = channel.get_message(timeout=0.5)
                if message is not None:
                    now = time.monotonic()
                    for event in parse_message(message["data"]):
                        self._note(event, now)

    def _note(self, event: Chunk | StateChange, now: float) -> None:
        if isinstance(event, Chunk):
            self.chunks[event.job_id].append(event)
        elif event.status is JobStatus.QUEUED:
            self.queued[event.job_id].append(now)
        elif event.status is JobStatus.IN_PROGRESS:
            self.claims[event.job_id].append(now)
        elif event.status.terminal:
            self.ends[event.job_id].append(now)
