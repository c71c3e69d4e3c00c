"""The duties for deliveries: ring for what is due, take back what a dead worker held."""

import structlog

from common.scripts import Scripts

log = structlog.get_logger()

#: Deliveries handled by one sweep.
BATCH = 300
#: With more doorbells than this in the queue, it is read, or nobody reads it: none is added.
ENOUGH_BELLS = 300


class DeliveryUpkeep:
    """Safe to run anywhere, any number of times."""

    def __init__(self, scripts: Scripts, lane_limit: int) -> None:
        self._scripts = scripts
        self._lane_limit = lane_limit

    def sweep(self) -> None:
        """Ring for due deliveries and full lanes. Raises redis.RedisError."""
        self._run("")

    def rescue(self, worker_id: str) -> None:
        """Take back what this dead worker was sending. Raises redis.RedisError."""
        self._run(worker_id)

    def _run(self, dead_worker: str) -> None:
        answer = self._scripts("hook_sweep", BATCH, ENOUGH_BELLS, self._lane_limit, dead_worker)
        if answer[1]:
            log.warning("deliveries taken back", count=answer[1], worker_id=dead_worker)
