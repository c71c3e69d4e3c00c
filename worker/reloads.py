"""The worker's side of reloads by name: what is wanted, and what became of it here."""

import structlog
from redis import Redis
from redis.exceptions import RedisError

from common import keys
from common.commands import Target
from common.reloads import Reload, ReloadState, Step, concerns, in_force
from common.settings import EngineName
from worker.engines.base import ModelUnavailable
from worker.engines.settings import Quantization
from worker.settings import WorkerSettings
from worker.turn import Turn

log = structlog.get_logger()


class Reloads:
    """Reads and writes them; while Redis is away nothing is wanted, and nothing told."""

    def __init__(self, redis: Redis, worker_id: str, settings: WorkerSettings) -> None:
        self.turn = Turn(redis, worker_id)
        self._redis = redis
        self._worker_id = worker_id
        self._settings = settings
        self._configured = Target(
            settings.engine.value, settings.model, settings.quantization.value
        )

    def last(self) -> Reload | None:
        """The last one of all workers."""
        try:
            stored = self._redis.get(keys.RELOAD_WANTED)
        except RedisError as error:
            log.warning("reloads are not seen", error=str(error))
            return None
        return Reload.from_json(str(stored)) if stored else None

    def on_start(self, last: Reload | None) -> WorkerSettings:
        """What a worker that starts now is to load."""
        if last is None:
            return self._settings
        steps = self._steps(last.id)
        if not concerns(self._configured, steps):
            self.tell(last.id, ReloadState.SKIPPED, "started with other settings")
            return self._settings
        target = in_force(last, steps)
        try:
            settings = self.settings_for(target)
        except ModelUnavailable as error:
            self.tell(last.id, ReloadState.SKIPPED, str(error))
            return self._settings
        state = ReloadState.READY if target == last.target else ReloadState.SKIPPED
        self.tell(last.id, state)
        return settings

    def failed(self, reload_id: str) -> bool:
        """Whether a worker could not load its target."""
        return any(step.state is ReloadState.FAILED for step in self._steps(reload_id).values())

    def tell(self, reload_id: str, state: ReloadState, error: str = "") -> None:
        """Say how far this worker is."""
        step = Step(state, error, self._configured)
        try:
            with self._redis.pipeline() as pipe:
                pipe.hset(keys.reload_steps(reload_id), self._worker_id, step.to_json())
                pipe.expire(keys.reload_steps(reload_id), keys.RELOAD_SECONDS)
                pipe.execute()
        except RedisError as gone:
            log.warning("nobody is told of the reload", state=state, error=str(gone))

    def settings_for(self, target: Target) -> WorkerSettings:
        """This worker's settings with the target's. Raises ModelUnavailable."""
        own = self._configured
        named = {name: getattr(target, name) or getattr(own, name) for name in _FIELDS}
        try:
            return self._settings.model_copy(
                update={
                    "engine": EngineName(named["engine"]),
                    "model": named["model"],
                    "quantization": Quantization(named["quantization"]),
                }
            )
        except ValueError as error:
            raise ModelUnavailable(str(error)) from error

    def _steps(self, reload_id: str) -> dict[str, Step]:
        try:
            stored = self._redis.hgetall(keys.reload_steps(reload_id))
        except RedisError as error:
            log.warning("reloads are not seen", error=str(error))
            return {}
        return {str(worker): Step.from_json(str(step)) for worker, step in stored.items()}


_FIELDS = ("engine", "model", "quantization")
