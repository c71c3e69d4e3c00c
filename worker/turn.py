"""Whose turn it is to reload: one worker after the other, so that the rest go on serving."""

import structlog
from redis import Redis
from redis.exceptions import RedisError

from common import keys

log = structlog.get_logger()

#: A worker that died in its turn holds the others up for no longer; so does one that loads
#: for ever, and until then they keep the model that they have.
TURN_SECONDS = 300


class Turn:
    """Politeness, not safety: two workers that reload at once do no harm."""

    def __init__(self, redis: Redis, worker_id: str) -> None:
        self._redis = redis
        self._worker_id = worker_id

    def take(self) -> bool:
        """Whether it is this worker's turn now; while Redis is away, it is anybody's."""
        try:
            taken = self._redis.set(keys.RELOAD_TURN, self._worker_id, nx=True, ex=TURN_SECONDS)
        except RedisError as error:
            log.warning("reloads without a turn", error=str(error))
            return True
        return bool(taken)

    def give(self) -> None:
        """Let the next one reload."""
        try:
            if self._redis.get(keys.RELOAD_TURN) == self._worker_id:
                self._redis.delete(keys.RELOAD_TURN)
        except RedisError as error:
            log.warning("the others wait for their turn", error=str(error))
