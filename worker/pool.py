"""Celery's pool for one model in one process: threads that wait for slots.

Celery's own thread pool cannot stop a running task and waits for it without end at
shutdown. This one knows a task by its job id, and drains: what is running gets a while to
finish, the rest is given back.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from celery.concurrency.base import BasePool, apply_target


@dataclass(frozen=True, slots=True)
class PoolHooks:
    """What the pool asks of the worker around it."""

    drain: Callable[[], None]  #: claim nothing more
    release: Callable[[str], None]  #: give this running job back
    drain_seconds: float
    freed: Callable[[], None] = lambda: None  #: a slot is free: look for the next message


def pool_class(hooks: PoolHooks) -> type[BasePool]:
    """Build the pool class that Celery will instantiate itself."""

    class TaskPool(BasePool):  # type: ignore[misc]
        body_can_be_buffer = True
        signal_safe = False

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._executor = ThreadPoolExecutor(self.limit, thread_name_prefix="slot")
            self._running: dict[Future[None], str] = {}

        def on_apply(
            self,
            target: Callable[..., Any],
            args: tuple[Any, ...] = (),
            kwargs: dict[str, Any] | None = None,
            callback: Callable[..., Any] | None = None,
            accept_callback: Callable[..., Any] | None = None,
            correlation_id: str = "",
            **_: Any,
        ) -> None:
            future = self._executor.submit(
                apply_target, target, args, kwargs, callback, accept_callback, pid=correlation_id
            )
            self._running[future] = correlation_id
            future.add_done_callback(self._ended)

        def _ended(self, future: Future[None]) -> None:
            # Celery looks by itself after a task that it reports; one that was given back it
            # ignores, and would look up to a second later.
            self._running.pop(future, None)
            hooks.freed()

        def terminate_job(self, pid: str, signal: Any = None) -> None:  # noqa: ARG002
            hooks.release(pid)

        def on_stop(self) -> None:
            hooks.drain()
            wait(list(self._running), hooks.drain_seconds)
            for job_id in list(self._running.values()):
                hooks.release(job_id)
            self._executor.shutdown(cancel_futures=True)

        def _get_info(self) -> dict[str, Any]:
            return {"implementation": "worker.pool:TaskPool", "max-concurrency": self.limit}

    return TaskPool
