"""The Celery side: one task, its states as Flower shows them, and revoke."""

from collections.abc import Callable
from typing import Any

import structlog
from celery import Celery, Task
from celery.exceptions import Ignore
from celery.worker.control import Panel, control_command, ok
from redis.exceptions import RedisError

from common.broker import TASK_NAME
from worker.attempt import Outcome

log = structlog.get_logger()


class JobFailed(Exception):
    """Shown by Flower as FAILURE; the reason stands in the job's record."""


def register_task(app: Celery, run: Callable[[str], Outcome]) -> None:
    """Give ``app`` the task that answers a doorbell with ``run(job_id)``."""

    @app.task(name=TASK_NAME, bind=True, ignore_result=True, throws=(JobFailed,))
    def generate(self: Task, job_id: str) -> str:
        with structlog.contextvars.bound_contextvars(job_id=job_id):
            outcome = _answer(run, job_id)
        if outcome is Outcome.COMPLETED:
            return outcome.value
        if outcome in (Outcome.FAILED, Outcome.EXPIRED):
            raise JobFailed(outcome.value)
        if outcome is Outcome.LOST:
            self.send_event("task-revoked", terminated=True, signum="SIGTERM", expired=False)
        raise Ignore


def _answer(run: Callable[[str], Outcome], job_id: str) -> Outcome:
    try:
        return run(job_id)
    except RedisError as error:
        log.warning("could not claim; maintenance will ring again", error=str(error))
        return Outcome.IGNORED


def register_revoke(cancel: Callable[[str], Any]) -> None:
    """Make a revoke (Flower's button) cancel the job.

    Celery's own would make this worker deaf to later rings of the id for three hours.
    """
    Panel.data.pop("revoke", None)

    @control_command(name="revoke", variadic="task_id", signature="[id1 [id2 [... [idN]]]]")
    def revoke(_state: Any, task_id: Any, **_: Any) -> Any:
        ids = [task_id] if isinstance(task_id, str) else list(task_id)
        for job_id in ids:
            cancel(job_id)
        return ok(f"cancelled {', '.join(ids)}")
