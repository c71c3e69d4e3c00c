"""What /health and /readyz look at."""

from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from api.cluster import ClusterState
from api.state import State


@dataclass(frozen=True, slots=True)
class Checks:
    """What was found; ``state`` None if Redis did not answer."""

    state: ClusterState | None
    tokenizer_error: str | None = None
    queue_limit: int = 0

    @classmethod
    def redis_down(cls) -> "Checks":
        """Redis did not answer, so nothing else is known."""
        return cls(None)

    @property
    def ready(self) -> bool:
        """Whether a job submitted now would run."""
        return bool(self.state and self.state.ready and not self.tokenizer_error)

    @property
    def accepting(self) -> bool:
        """Whether this gateway would take a job, and answer for those that it took."""
        return self.state is not None and not self.tokenizer_error

    @property
    def health(self) -> str:
        """One word."""
        if self.state is None:
            return "unhealthy"
        return "healthy" if self.ready else "degraded"

    def view(self) -> dict[str, Any]:
        """Each check, with a sentence."""
        state = self.state
        if state is None:
            unknown = _said(False, "Unknown while Redis does not answer.")
            return {
                "redis": _said(False, "Redis does not answer."),
                **dict.fromkeys(("workers", "model", "queue"), unknown),
            }
        waiting = sum(state.waiting.values())
        ready, alive = len(state.ready), len(state.inference)
        return {
            "redis": _said(True, "Redis answers."),
            "workers": _said(ready > 0, f"{ready} of {alive} workers ready."),
            "model": _said(self.ready, self._about_model(state)),
            "queue": _said(
                waiting < self.queue_limit,
                f"{waiting} of {self.queue_limit} places taken, {state.running} jobs running.",
            ),
        }

    def _about_model(self, state: ClusterState) -> str:
        if self.tokenizer_error:
            return self.tokenizer_error
        if not state.ready:
            return state.trouble
        return f"{state.ready[0].info.get('model_name')} is loaded."


async def check(state: State) -> Checks:
    """Look at everything once."""
    try:
        cluster = await state.cluster.state()
    except RedisError:
        return Checks.redis_down()
    missing = await state.counter.why_unavailable()
    return Checks(cluster, missing, state.settings.max_queue_size)


def _said(ok: bool, detail: str) -> dict[str, Any]:
    return {"ok": ok, "detail": detail}
