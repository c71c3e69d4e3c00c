"""What the workers serve right now: the gateway follows it, and refuses what none of them can."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from api.cluster import Cluster
from api.problems import InvalidRequest, NotSupported
from api.requests.job import JobRequest
from api.schemas import LIMITS
from common.features import Feature

#: Seconds for which one look at the workers is good, and one that saw no model.
FRESH_SECONDS, EMPTY_SECONDS = 1.0, 0.1


@dataclass(frozen=True, slots=True)
class Served:
    """A model as its worker describes it; ``source`` is MODEL, None for the default one.

    ``loaded_at`` is in ISO 8601.
    """

    engine: str
    name: str
    loaded_at: str
    source: str | None
    context_size: int
    features: frozenset[str]

    @classmethod
    def from_info(cls, info: Mapping[str, Any]) -> "Served":
        """Read a worker's ``info``."""
        return cls(
            engine=str(info.get("engine", "")),
            name=str(info.get("model_name", "")),
            loaded_at=str(info.get("loaded_at") or ""),
            source=info.get("source"),
            context_size=int(info.get("context_size") or 0),
            features=frozenset(info.get("features", ())),
        )


class Serving:
    """Looks at the workers once in a while, and not for every request."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._seen: tuple[Served, ...] = ()
        self._looked = float("-inf")

    async def models(self) -> tuple[Served, ...]:
        """One entry a worker that has a model, the newest first; the last known in an outage."""
        fresh = FRESH_SECONDS if self._seen else EMPTY_SECONDS
        if time.monotonic() - self._looked < fresh:
            return self._seen
        return await self.look()

    async def look(self) -> tuple[Served, ...]:
        """The same, as it is now."""
        self._looked = time.monotonic()
        try:
            state = await self._cluster.state()
        except RedisError:
            return self._seen
        workers = state.ready or [worker for worker in state.workers if worker.info]
        self._seen = tuple(Served.from_info(worker.info) for worker in workers)
        return self._seen

    async def check(self, request: JobRequest) -> None:
        """Raises NotSupported if no worker can do what is asked; while there is none, all may."""
        _check_kept(request)
        needs = _needs(request)
        models = await self.models() if needs else ()
        for feature in needs:
            if models and not any(feature in model.features for model in models):
                raise NotSupported.about(
                    feature,
                    "an engine that supports it",
                    None,
                    f"is not supported by the engine {models[0].engine!r}",
                )


def _check_kept(request: JobRequest) -> None:
    """They are kept in the record: raises InvalidRequest if it would grow too large."""
    kept = 0 if request.logprobs is None else request.max_tokens * (request.logprobs + 1)
    limit = LIMITS["logprobs kept"]
    if kept > limit.maximum:
        raise InvalidRequest.about(
            "logprobs",
            str(limit),
            request.logprobs,
            f"and max_tokens together ask for {kept} log-probabilities; "
            f"{limit.maximum} are kept at most",
        )


def _needs(request: JobRequest) -> list[Feature]:
    wanted = {
        Feature.LOGPROBS: request.logprobs is not None,
        Feature.RESPONSE_FORMAT: request.response_format is not None,
    }
    return [feature for feature, asked in wanted.items() if asked]
